import type { Redis } from 'ioredis';
import { isRefusal, reasonOf, send } from '../redis-connection.ts';

/** How long one question may take, ms. */
export const ANSWER_WITHIN = 2000;

/** A question that was not answered. */
export interface Untold {
  /** The command, such as `CONFIG GET`. */
  readonly question: string;
  /** Why, in the server's words; `no answer within 2 s` when it was silent. */
  readonly reason: string;
  /** The user may not ask, or this Redis has no such command. */
  readonly refused: boolean;
}

/** Asks one server, and keeps a list of what it did not tell. */
export class Questioner {
  readonly #redis: Redis;
  readonly #untold = new Map<string, Untold>();

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  get untold(): readonly Untold[] {
    return [...this.#untold.values()];
  }

  /**
   * @param question the command as a person writes it: one word, or two with a subcommand
   * @returns `undefined` when there is no answer
   */
  async ask(question: string, ...args: (string | number)[]): Promise<unknown> {
    const [name = '', ...subcommand] = question.split(' ');
    return this.hear(question, send(this.#redis, name, [...subcommand, ...args]));
  }

  /** As `ask`, of a command that is under way. */
  async hear(question: string, reply: Promise<unknown>): Promise<unknown> {
    try {
      return await within(ANSWER_WITHIN, reply);
    } catch (error) {
      const { message } = error as Error;
      // There is no such script: said only to those who may run one.
      if (message.startsWith('NOSCRIPT')) return null;
      const refused = isRefusal(error) && /^NOPERM|^ERR unknown (sub)?command/i.test(message);
      this.#untold.set(question, { question, reason: reasonOf(error), refused });
      return undefined;
    }
  }
}

/** @throws Error `no answer within … s`, or what `work` throws */
export async function within<T>(time: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${time / 1000} s`)), time);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What `INFO` answers, by name; empty without an answer. */
export function infoFields(text: unknown): ReadonlyMap<string, string> {
  const lines = typeof text === 'string' ? text.matchAll(/^(\w+):(.*?)\r?$/gm) : [];
  return new Map(Array.from(lines, ([, name = '', value = '']) => [name, value]));
}
