import { setTimeout as sleep } from 'node:timers/promises';
import { type Delivery, type Fleet, type Held, isWanted, isWatched, key } from '@portolan/model';
import type { Logger } from 'pino';
import { put } from '../commands/entries.ts';
import type { Term } from '../leader.ts';
import { causeOf, KEPT, SLACK, surplus } from '../trim.ts';
import { STANDS_FOR } from './payload.ts';
import { type Outcome, send } from './post.ts';
import { compareMarks, isAfter, type Mark, markOf, pendingFor } from './queue.ts';

/** The first wait after a failure, ms; doubled each time up to the longest. */
const RETRY_FIRST = 1_000;
const RETRY_MAX = 5 * 60_000;
/** What nobody took for so long, ms, is no alert any more. */
const GIVE_UP_AFTER = 24 * 3_600_000;
/** How often it is written down how far a receiver has been told, ms: what a new leader sends again. */
const NOTE_EVERY = 1_000;
/** Alertmanager forgets what it is not told again, ms. */
const TELL_AGAIN = STANDS_FOR / 4;
/** How many alerts Alertmanager is told in one request. */
const BATCH_MAX = 500;

/**
 * Tells one receiver, one event after the other, each until it is taken. What it does not take holds up nobody else's
 * receiver. At least once: after a change of leader, what was taken and not yet noted is sent again, with the same id.
 */
export class Courier {
  readonly #webhook: string;
  readonly #fleet: Fleet;
  readonly #term: Term;
  readonly #logger: Logger;
  readonly #dismissal = new AbortController();
  /** The term is over, or the webhook is gone. */
  readonly #stopping: AbortSignal;
  /** In order; those that are not wanted are passed over when their turn comes. */
  #queue: Held<'event'>[] = [];
  #wake = new AbortController();
  #delivery: Delivery;
  #noted: Delivery;
  #noteAt = 0;

  constructor(webhook: string, fleet: Fleet, term: Term, logger: Logger, signal: AbortSignal) {
    this.#webhook = webhook;
    this.#fleet = fleet;
    this.#term = term;
    this.#logger = logger;
    this.#stopping = AbortSignal.any([signal, this.#dismissal.signal]);
    const { value, version } = fleet.get('delivery', key.delivery(webhook))!;
    // To be noted from now on: each note gives the entry another version.
    this.#delivery = this.#noted = { ...value, done: value.done ?? { version, id: '' } };
    this.refill();
  }

  /** Its webhook is gone. */
  dismiss(): void {
    this.#dismissal.abort();
  }

  /** Looks anew at what waits: the fleet was loaded anew, or the webhook changed. */
  refill(): void {
    this.#wake.abort();
    const webhook = this.#fleet.get('webhook', key.webhook(this.#webhook))?.value;
    const held = this.#fleet.get('delivery', key.delivery(this.#webhook));
    if (!webhook || !held) return;
    const done = later(this.#delivery.done, held.value.done);
    this.#queue = pendingFor(this.#fleet, webhook, { ...held, value: { ...held.value, done } });
  }

  /** @param events of one commit */
  add(events: readonly Held<'event'>[]): void {
    for (const event of [...events].sort((a, b) => compareMarks(markOf(a), markOf(b)))) this.#queue.push(event);
    this.#trim();
    this.#wake.abort();
  }

  /** Until the term is over or the webhook is gone. */
  async run(): Promise<void> {
    let failures = 0;
    let tellAgainAt = performance.now() + TELL_AGAIN;
    while (!this.#over()) {
      this.#wake = new AbortController();
      const webhook = this.#fleet.get('webhook', key.webhook(this.#webhook))!.value;
      const next = this.#queue[0];
      if (next === undefined) {
        await this.#note(true);
        if (webhook.format !== 'alertmanager') {
          await this.#rest(null);
        } else if (performance.now() < tellAgainAt) {
          await this.#rest(tellAgainAt - performance.now());
        } else {
          tellAgainAt = performance.now() + TELL_AGAIN;
          await this.#tellAgain();
        }
        continue;
      }
      if (!isWanted(webhook, next.value)) {
        this.#finish(next, {});
        continue;
      }
      if (Date.now() - Date.parse(next.value.at) > GIVE_UP_AFTER) {
        this.#logger.warn({ webhook: this.#webhook, event: next.value.id }, 'nobody took an alert for a day: given up');
        this.#finish(next, { dropped: this.#delivery.dropped + 1 });
        continue;
      }
      const outcome = await send(webhook, [next.value], this.#stopping);
      if (this.#stopping.aborted) return;
      if (outcome.error === null) {
        failures = 0;
        const lastDelivered = new Date().toISOString();
        this.#finish(next, { delivered: this.#delivery.delivered + 1, lastDelivered, error: null });
        await this.#note(false);
        continue;
      }
      failures++;
      this.#delivery = { ...this.#delivery, error: outcome.error };
      await this.#note(failures === 1);
      if (failures === 1) this.#logger.warn({ webhook: this.#webhook, error: outcome.error }, 'an alert was not taken');
      await this.#rest(waitAfter(failures, outcome), next);
    }
  }

  #over(): boolean {
    return this.#stopping.aborted || !this.#fleet.get('webhook', key.webhook(this.#webhook));
  }

  #finish(held: Held<'event'>, parts: Partial<Delivery>): void {
    // It may have been filled anew while this one was on its way.
    if (this.#queue[0]?.key === held.key) this.#queue.shift();
    this.#delivery = { ...this.#delivery, ...parts, done: markOf(held) };
  }

  /** What the store has forgotten need not be held here for a receiver that takes nothing. It forgets by the same rule. */
  #trim(): void {
    if (this.#queue.length <= KEPT + SLACK) return;
    const webhook = this.#fleet.get('webhook', key.webhook(this.#webhook))?.value;
    // The first one may be on its way.
    const [first, ...others] = this.#queue;
    const owned = others.map(({ key, value }) => ({ key, owner: causeOf(value.finding) }));
    const going = new Set(surplus(owned, KEPT));
    const lost = others.filter((held) => going.has(held.key));
    this.#queue = [first!, ...others.filter((held) => !going.has(held.key))];
    const dropped = lost.filter(({ value }) => webhook && isWanted(webhook, value)).length;
    this.#delivery = { ...this.#delivery, dropped: this.#delivery.dropped + dropped };
  }

  async #note(now: boolean): Promise<void> {
    if (this.#delivery === this.#noted || (!now && performance.now() < this.#noteAt)) return;
    const told = this.#delivery;
    const entryKey = key.delivery(this.#webhook);
    const version = this.#fleet.version('delivery', entryKey);
    // One that was removed must not come back.
    if (version === null) return;
    const committed = await this.#term.commit({
      conditions: [{ key: entryKey, version }],
      puts: [put<'delivery'>(entryKey, told)],
    });
    if (committed) this.#noted = told;
    this.#noteAt = performance.now() + NOTE_EVERY;
  }

  async #tellAgain(): Promise<void> {
    const webhook = this.#fleet.get('webhook', key.webhook(this.#webhook))!.value;
    const standing = Array.from(this.#fleet.all('finding'), ({ value }) => value).filter(
      (finding) => finding.state !== 'resolved' && isWatched(webhook, finding),
    );
    const at = new Date().toISOString();
    for (let i = 0; i < standing.length && !this.#stopping.aborted; i += BATCH_MAX) {
      const events = standing
        .slice(i, i + BATCH_MAX)
        .map((finding) => ({ id: finding.id, at, change: 'opened' as const, by: null, finding }));
      const { error } = await send(webhook, events, this.#stopping);
      this.#delivery = { ...this.#delivery, error };
    }
  }

  /** Until something new is there or, with `held`, until the webhook was changed. */
  async #rest(wait: number | null, held?: Held<'event'>): Promise<void> {
    const until = performance.now() + (wait ?? Number.POSITIVE_INFINITY);
    while (!this.#over()) {
      const left = until - performance.now();
      if (left <= 0) return;
      const { signal } = this.#wake;
      const webhook = this.#fleet.version('webhook', key.webhook(this.#webhook));
      const waking = AbortSignal.any([signal, this.#stopping]);
      await sleep(Math.min(left, 2 ** 30), undefined, { signal: waking, ref: false }).catch(() => {});
      if (!signal.aborted) continue;
      // More events do not make a receiver well; another address may.
      if (held === undefined || this.#fleet.version('webhook', key.webhook(this.#webhook)) !== webhook) return;
      this.#wake = new AbortController();
    }
  }
}

function waitAfter(failures: number, { retryAfter }: Outcome): number {
  const backOff = Math.min(RETRY_FIRST * 2 ** (failures - 1), RETRY_MAX);
  // Spread, so that those who failed together do not come back together.
  return Math.max(retryAfter ?? 0, backOff * (0.75 + Math.random() / 2));
}

function later(a: Mark | null, b: Mark | null): Mark | null {
  return a && b ? (isAfter(a, b) ? a : b) : (a ?? b);
}
