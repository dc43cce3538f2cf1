import { key, type Task } from '@portolan/model';
import { nanoid } from 'nanoid';
import type { Committer } from '../committer.ts';
import type { Executor } from '../executor.ts';
import type { Replica } from '../replica.ts';
import { alternative, put } from './entries.ts';

type TaskOf<K extends Task['kind']> = Extract<Task, { kind: K }>;
type AnswerTo<K extends Task['kind']> = NonNullable<TaskOf<K>['answer']>;

/** How much longer than anybody waits for it a task may lie about when its coordinator died, ms. */
const TASK_REMAINS = 8_000;

/**
 * Asks agents to do something. A task travels through the store and its change feed, so it finds the agent whichever
 * coordinator that agent is connected to, and so does the answer.
 */
export class Tasks {
  readonly #committer: Committer;
  readonly #executor: Executor;
  /** What takes the answer of each task that is waited for, so that a change costs the same however many wait. */
  readonly #waiting = new Map<string, (answer: Task['answer']) => void>();

  constructor(committer: Committer, executor: Executor, replica: Replica) {
    this.#committer = committer;
    this.#executor = executor;
    replica.subscribe({
      applied: ({ touches }) => {
        for (const { kind, after } of touches) if (kind === 'task') this.#look(after?.value as Task | undefined);
      },
      // The answer may have come while the feed was lost.
      reset: () => {
        for (const { value } of replica.fleet.all('task')) this.#look(value);
      },
    });
  }

  /** @param within ms @returns the agent's answer; `undefined` when there was none in time */
  async give<K extends Task['kind']>(
    kind: K,
    order: Omit<TaskOf<K>, 'id' | 'kind' | 'answer'>,
    within: number,
  ): Promise<AnswerTo<K> | undefined> {
    const task = { ...order, kind, id: nanoid(), answer: null } as unknown as Task;
    const entryKey = key.task(task.id);
    const answered = this.#answer(entryKey, within);
    try {
      const lease = { id: entryKey, ttl: within + TASK_REMAINS };
      const given = alternative({ puts: [put<'task'>(entryKey, task)], leases: [lease] });
      // What is done to a host is a command of somebody; a look is not, and begins nothing.
      if (task.kind === 'probe' || task.dryRun) {
        await this.#committer.commit({ alternatives: [given] });
      } else {
        await this.#executor.execute(() => ({ alternatives: [given], answer: () => undefined }));
      }
      return (await answered.promise) as AnswerTo<K> | undefined;
    } finally {
      answered.cancel();
      // Best effort: its lease removes it too.
      const removal = alternative({ deletes: [entryKey], leases: [{ id: entryKey, ttl: null }] });
      void this.#committer.commit({ alternatives: [removal] }).catch(() => {});
    }
  }

  #answer(entryKey: string, within: number): { promise: Promise<Task['answer'] | undefined>; cancel(): void } {
    const { promise, resolve } = Promise.withResolvers<Task['answer'] | undefined>();
    const timer = setTimeout(() => resolve(undefined), within);
    this.#waiting.set(entryKey, resolve);
    const cancel = () => {
      clearTimeout(timer);
      this.#waiting.delete(entryKey);
      resolve(undefined);
    };
    return { promise, cancel };
  }

  #look(task: Task | undefined): void {
    if (task?.answer) this.#waiting.get(key.task(task.id))?.(task.answer);
  }
}
