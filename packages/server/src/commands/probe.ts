import type { Protocol } from '@portolan/model';
import type { Tasks } from './tasks.ts';

/** How long an agent has to answer before the promise is given without its word, ms. */
const ANSWER_WITHIN = 1_500;

/** Has the agent of a host test-bind ports. */
export class Prober {
  readonly #tasks: Tasks;

  constructor(tasks: Tasks) {
    this.#tasks = tasks;
  }

  /** @returns the ports that cannot be bound, each with the system's reason; `undefined` when the agent did not answer */
  async probe(
    host: string,
    protocol: Protocol,
    ports: readonly number[],
  ): Promise<{ port: number; reason: string }[] | undefined> {
    const answer = await this.#tasks.give('probe', { host, protocol, ports: [...ports] }, ANSWER_WITHIN);
    return answer?.unavailable;
  }
}
