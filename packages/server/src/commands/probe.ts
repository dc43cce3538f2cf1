import { formatPortList, type Host, type Obstacle, type PortNote, type Protocol, TASK_SIZE_MAX } from '@portolan/model';
import type { Tasks } from './tasks.ts';

/** How long an agent has to answer before the promise is given without its word, ms. */
const ANSWER_WITHIN = 1_500;
/** An agent that did not answer is not waited for again for so long, ms. */
const LEFT_ALONE = 5_000;

/** What an agent found. Ports that it does not name can be bound. */
export interface Tested {
  /** Ports that cannot be bound on its host, with why. */
  readonly refused: readonly Obstacle[];
  /** Ports that its user may not bind, so that it cannot tell. */
  readonly privileged: readonly number[];
}

interface Question {
  readonly ports: readonly number[];
  /** `undefined`: there was no answer. */
  answer(unavailable: readonly Unavailable[] | undefined): void;
}
interface Unavailable {
  readonly port: number;
  readonly reason: string;
}

/** Has the agent of a host test-bind ports. */
export class Prober {
  readonly #tasks: Pick<Tasks, 'give'>;
  /** By host and protocol, what waits for the answer to what was asked before: it then goes together, as commits do. */
  readonly #waiting = new Map<string, Question[]>();
  /** Hosts whose agent did not answer, and until when it is left alone. */
  readonly #silent = new Map<string, number>();

  constructor(tasks: Pick<Tasks, 'give'>) {
    this.#tasks = tasks;
  }

  /** @returns `undefined` when the agent did not answer, or could not look */
  async probe(host: Host, protocol: Protocol, ports: readonly number[]): Promise<Tested | undefined> {
    if ((this.#silent.get(host.id) ?? 0) > performance.now()) return undefined;
    const unavailable = await new Promise<readonly Unavailable[] | undefined>((answer) => {
      const key = `${host.id} ${protocol}`;
      const queue = this.#waiting.get(key);
      if (queue) {
        queue.push({ ports, answer });
        return;
      }
      this.#waiting.set(key, [{ ports, answer }]);
      void this.#askAll(key, host.id, protocol);
    });
    if (!unavailable) return undefined;
    return {
      refused: unavailable.filter((each) => !isPrivileged(each)).map((each) => unbindableOn(host.name, each)),
      privileged: unavailable.filter(isPrivileged).map(({ port }) => port),
    };
  }

  async #askAll(key: string, host: string, protocol: Protocol): Promise<void> {
    const queue = this.#waiting.get(key)!;
    // What is asked in the same turn goes along.
    await new Promise(setImmediate);
    while (queue.length > 0) {
      const questions = queue.splice(0);
      const unavailable = await this.#ask(host, protocol, new Set(questions.flatMap(({ ports }) => ports)));
      // Who waited meanwhile has waited long enough.
      if (!unavailable) questions.push(...queue.splice(0));
      for (const { ports, answer } of questions) answer(unavailable?.filter(({ port }) => ports.includes(port)));
      // They may ask again at once.
      await new Promise(setImmediate);
    }
    this.#waiting.delete(key);
  }

  async #ask(host: string, protocol: Protocol, ports: Iterable<number>): Promise<Unavailable[] | undefined> {
    const all = [...ports];
    const parts: number[][] = [];
    for (let from = 0; from < all.length; from += TASK_SIZE_MAX) parts.push(all.slice(from, from + TASK_SIZE_MAX));
    const asked = parts.map((part) => this.#tasks.give('probe', { host, protocol, ports: part }, ANSWER_WITHIN));
    // Where the store fails, the promise will fail on it, too, and tell why.
    const answers = await Promise.all(asked).catch(() => undefined);
    if (answers?.every((answer) => answer !== undefined)) {
      this.#silent.delete(host);
      return answers.flatMap(({ unavailable }) => unavailable);
    }
    if (answers) this.#silent.set(host, performance.now() + LEFT_ALONE);
    return undefined;
  }
}

function isPrivileged({ reason }: Unavailable): boolean {
  return reason === 'EACCES' || reason === 'EPERM';
}

function unbindableOn(host: string, { port, reason }: Unavailable): Obstacle {
  const why =
    reason === 'EADDRINUSE'
      ? 'another socket there has it. If no listener is shown, that socket is bound but does not listen, or is the local end of an outgoing connection'
      : `the system says ${reason}`;
  return { port, reason: 'unbindable', detail: `port ${port} cannot be bound on ${host}: ${why}`, by: null };
}

/** What a search passes over, and whoever names the port is given. */
export function privilegedOn({ name }: Host, port: number): Obstacle {
  const detail = `the agent's user may not bind port ${port} on ${name}, so it cannot tell whether the port is free there`;
  return { port, reason: 'unbindable', detail, by: null };
}

export function privilegedNote({ id, name }: Host, ports: readonly number[]): PortNote {
  const detail =
    `the agent's user may not bind ${formatPortList(ports)} on ${name}, so it is not tested: ` +
    'the service needs the right to (CAP_NET_BIND_SERVICE), or a lower net.ipv4.ip_unprivileged_port_start';
  return { kind: 'privileged', ports: [...ports], host: id, detail };
}

export function untestedNote({ id, name, state }: Host, ports: readonly number[]): PortNote {
  const why = state === 'alive' ? `the agent of ${name} did not answer in time` : `${name} is ${state}`;
  const detail = `${why}, so it is not tested that ${formatPortList(ports)} can be bound there`;
  return { kind: 'untested', ports: [...ports], host: id, detail };
}
