import { setTimeout as sleep } from 'node:timers/promises';
import type { Coordinator } from '../world/coordinator.ts';
import type { Answer } from '../world/http.ts';
import type { Random } from '../world/random.ts';
import type { Trail } from './trail.ts';

/**
 * `ok`: done. `fail`: refused by a rule. `undone`: surely not done. `refused`: nobody listened. `unknown`: whether it was
 * done cannot be told.
 */
export type Outcome = 'ok' | 'fail' | 'undone' | 'refused' | 'unknown';

export interface Result extends Answer {
  readonly outcome: Outcome;
  /** ms. */
  readonly sentAt: number;
  readonly doneAt: number;
  /** Number of the coordinator. */
  readonly target: number;
}

export interface Insisted extends Result {
  /** When it was sent first, ms. */
  readonly first: number;
  /** An earlier try may have been done. */
  readonly unsure: boolean;
  readonly tries: number;
}

export interface RequestOptions {
  /** Number of the coordinator; one at random without it. */
  readonly target?: number | undefined;
  /** ms. */
  readonly timeout?: number;
}

const UNKNOWN_CODES = new Set(['durability-unknown', 'not-ready', 'internal']);
const TIMEOUT = 10_000;
/** After so long without a definite answer a client gives up, ms. */
const PATIENCE = 60_000;

/** Asks the coordinators of a trial, and keeps count. */
export class Client {
  readonly #coordinators: readonly Coordinator[];
  readonly #trail: Trail;
  readonly #random: Random;

  constructor(coordinators: readonly Coordinator[], trail: Trail, random: Random) {
    this.#coordinators = coordinators;
    this.#trail = trail;
    this.#random = random;
  }

  async request(
    method: string,
    path: string,
    body?: unknown,
    { target = this.#random.whole(0, this.#coordinators.length - 1), timeout = TIMEOUT }: RequestOptions = {},
  ): Promise<Result> {
    const sentAt = performance.now();
    const answer = await this.#coordinators[target]!.call(method, path, body, timeout);
    const doneAt = performance.now();
    const { code, detail } = answer.body;
    const outcome = outcomeOf(answer);
    this.#trail.count('operations');
    this.#trail.count(outcome);
    if (outcome === 'unknown' || outcome === 'undone') this.#trail.count(`${outcome}:${answer.error ?? code}`);
    if (code === 'internal') this.#trail.note('internal error', detail);
    if (outcome === 'ok' && method !== 'GET') this.#trail.writes.push(doneAt);
    return { ...answer, outcome, sentAt, doneAt, target };
  }

  /**
   * Asks until there is a definite answer, for up to a minute.
   *
   * @param timeout of one try, ms. Shorter than the 10 s only for what does no harm when it is carried out late: after a try
   *   without an answer another coordinator is asked.
   */
  async insist(method: string, path: string, body: unknown, timeout?: () => number): Promise<Insisted> {
    const first = performance.now();
    let unsure = false;
    let target: number | undefined;
    for (let tries = 1; ; tries++) {
      const result = await this.request(method, path, body, { target, ...(timeout && { timeout: timeout() }) });
      const { outcome } = result;
      if (outcome === 'ok' || outcome === 'fail' || performance.now() - first > PATIENCE) {
        return { ...result, first, unsure, tries };
      }
      if (outcome === 'unknown') unsure = true;
      target = (result.target + 1) % this.#coordinators.length;
      await sleep(50 + this.#random.next() * 150);
    }
  }
}

function outcomeOf({ status, error, sent, body: { code = '' } }: Answer): Outcome {
  if (error !== undefined || status === undefined) return sent ? 'unknown' : 'refused';
  if (status < 300) return 'ok';
  if (UNKNOWN_CODES.has(code)) return 'unknown';
  return code === 'store-unavailable' ? 'undone' : 'fail';
}
