import { key, type Protocol, type Task } from '@portolan/model';
import { nanoid } from 'nanoid';
import type { Committer } from '../committer.ts';
import type { Replica } from '../replica.ts';
import { alternative, put } from './entries.ts';

/** How long an agent has to answer before the promise is given without its word, ms. */
const ANSWER_WITHIN = 1_500;
/** How long a task may lie about when its coordinator died, ms. */
const TASK_TTL = 10_000;

/**
 * Asks the agent of a host to test-bind ports. The task travels through the store and its change feed, so it finds
 * the agent whichever coordinator that agent is connected to, and so does the answer.
 */
export class Prober {
  readonly #committer: Committer;
  readonly #replica: Replica;

  constructor(committer: Committer, replica: Replica) {
    this.#committer = committer;
    this.#replica = replica;
  }

  /** @returns the ports that cannot be bound, each with the system's reason; `undefined` when the agent did not answer */
  async probe(
    host: string,
    protocol: Protocol,
    ports: readonly number[],
  ): Promise<{ port: number; reason: string }[] | undefined> {
    const task: Task = { id: nanoid(), host, kind: 'probe', protocol, ports: [...ports], answer: null };
    const entryKey = key.task(task.id);
    const answered = this.#answer(entryKey);
    try {
      const lease = { id: entryKey, ttl: TASK_TTL };
      await this.#committer.commit({
        alternatives: [alternative({ puts: [put<'task'>(entryKey, task)], leases: [lease] })],
      });
      return (await answered.promise)?.unavailable;
    } finally {
      answered.cancel();
      // Best effort: its lease removes it too.
      const removal = alternative({ deletes: [entryKey], leases: [{ id: entryKey, ttl: null }] });
      void this.#committer.commit({ alternatives: [removal] }).catch(() => {});
    }
  }

  #answer(entryKey: string): { promise: Promise<Task['answer']>; cancel(): void } {
    let cancel = () => {};
    const promise = new Promise<Task['answer']>((resolve) => {
      const timer = setTimeout(() => resolve(null), ANSWER_WITHIN);
      const unsubscribe = this.#replica.subscribe({
        applied: ({ touches }) => {
          const touch = touches.find((touch) => touch.key === entryKey && touch.after);
          const answer = (touch?.after?.value as Task | undefined)?.answer;
          if (answer) resolve(answer);
        },
        reset: () => resolve(null),
      });
      cancel = () => {
        clearTimeout(timer);
        unsubscribe();
        resolve(null);
      };
    });
    return { promise, cancel };
  }
}
