/**
 * When a service surely has a port: from the answer to its grant until its release was sent, or one ttl after the last
 * acknowledged renewal was *sent*. Times are ms of the monotonic clock.
 */
export interface Span {
  readonly service: string;
  readonly port: number;
  readonly token: string;
  readonly from: number;
  to: number;
}

/** Something that a holder did, until it had a definite answer. */
export interface Attempt {
  readonly service: string;
  readonly kind: 'reserve' | 'reassert' | 'release';
  readonly ok: boolean;
  readonly created?: boolean | undefined;
  /** An earlier try of it may have been done, though its answer did not come. */
  readonly unsure: boolean;
  readonly token?: string | undefined;
  /** When it was sent first, ms. */
  readonly first: number;
}

export interface Read {
  readonly sentAt: number;
  readonly doneAt: number;
  readonly consistent: boolean;
  /** Number of the coordinator. */
  readonly target: number;
  readonly revision: number;
  /** Port to service. */
  readonly owners: ReadonlyMap<number, string>;
}

export interface Violation {
  /** ms since the trial began. */
  readonly at: number;
  readonly kind: string;
  readonly detail: unknown;
}

/** All that was seen during a trial. */
export class Trail {
  readonly #started = performance.now();
  readonly #say: (line: string) => void;
  readonly spans: Span[] = [];
  readonly attempts: Attempt[] = [];
  readonly reads: Read[] = [];
  /** When writes were acknowledged, ms. */
  readonly writes: number[] = [];
  readonly counts: Record<string, number> = {};
  /** What is worth to be known, and no violation. */
  readonly notes = new Map<string, unknown[]>();
  readonly violations: Violation[] = [];

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** ms since the trial began. */
  at(time = performance.now()): number {
    return Math.round(time - this.#started);
  }

  count(what: string, times = 1): void {
    this.counts[what] = (this.counts[what] ?? 0) + times;
  }

  note(what: string, detail: unknown): void {
    this.notes.set(what, [...(this.notes.get(what) ?? []), detail]);
  }

  violation(kind: string, detail: unknown): void {
    const violation = { at: this.at(), kind, detail };
    this.violations.push(violation);
    this.say(`VIOLATION ${kind} ${JSON.stringify(detail).slice(0, 600)}`);
  }

  say(line: string): void {
    this.#say(`${String(this.at()).padStart(7)} ${line}`);
  }

  /** A span as it is told to people: ms since the trial began. */
  told({ service, from, to, token }: Span): object {
    return { service, from: this.at(from), to: to === Number.POSITIVE_INFINITY ? null : this.at(to), token };
  }
}
