import type { WatchEvent } from '@portolan/client';
import {
  type Assignment,
  type Finding,
  formatEndpoint,
  type Host,
  type Range,
  type Readiness,
  type StreamEvent,
  type Topic,
} from '@portolan/model';

/** What `top` follows. Listeners are not among it: a fleet may have a million, and each change of them that matters shows in a finding. */
export const followed = ['finding', 'host', 'assignment', 'range'] as const satisfies readonly Topic[];

/** Changes that are kept to be shown. */
const RECENT_MAX = 200;
/** Over how long the rate of change is taken, ms. */
const RATE_OVER = 60_000;

export interface Recent {
  /** ms since 1970 */
  readonly at: number;
  readonly op: 'put' | 'delete';
  readonly text: string;
}

/** The fleet as it was told so far; each event costs what it changes. */
export class View {
  readonly findings = new Map<string, Finding>();
  readonly hosts = new Map<string, Host>();
  readonly assignments = new Map<string, Assignment>();
  readonly ranges = new Map<string, Range>();
  /** Newest first. */
  readonly recent: Recent[] = [];
  #changes: { at: number; count: number }[] = [];
  /** When the stream was lost, ms since 1970; `null` while it stands. */
  lostAt: number | null = null;
  synced = false;
  /** What the coordinator says of itself. */
  readiness: Readiness | undefined;

  lost(now: number): void {
    this.lostAt ??= now;
  }

  take(event: WatchEvent, now: number): void {
    switch (event.type) {
      case 'reset':
        for (const entries of [this.findings, this.hosts, this.assignments, this.ranges]) entries.clear();
        this.synced = false;
        break;
      case 'snapshot':
        for (const entry of event.entries) this.#put(entry);
        break;
      case 'synced':
        this.synced = true;
        this.lostAt = null;
        break;
      case 'change':
        this.lostAt = null;
        this.#changes.push({ at: now, count: event.events.length });
        for (const change of event.events) {
          this.recent.unshift({ at: now, op: change.op, text: this.#told(change) });
          if (change.op === 'put') this.#put(change);
          else this.#mapOf(change.topic)?.delete(change.key);
        }
        this.recent.splice(RECENT_MAX);
        break;
    }
  }

  /** Changes a second over the last minute. */
  rate(now: number): number {
    this.#changes = this.#changes.filter(({ at }) => now - at < RATE_OVER);
    return this.#changes.reduce((sum, { count }) => sum + count, 0) / (RATE_OVER / 1000);
  }

  /** Not resolved, the heaviest first and the newest of those first. */
  standing(): Finding[] {
    return Array.from(this.findings.values())
      .filter(({ state }) => state !== 'resolved')
      .sort((a, b) => WEIGHT[a.severity] - WEIGHT[b.severity] || b.firstSeen.localeCompare(a.firstSeen));
  }

  /** Assigned ports of each range, by its name. */
  fill(): Map<string, number> {
    const fill = new Map<string, number>();
    const ports = new Set(Array.from(this.assignments.values(), ({ port }) => port));
    for (const { name, from, to } of this.ranges.values()) {
      let count = 0;
      for (const port of ports) if (from <= port && port <= to) count++;
      fill.set(name, count);
    }
    return fill;
  }

  #put({ topic, key, value }: StreamEvent): void {
    this.#mapOf(topic)?.set(key, value as never);
  }

  #mapOf(topic: Topic): Map<string, unknown> | undefined {
    switch (topic) {
      case 'finding':
        return this.findings;
      case 'host':
        return this.hosts;
      case 'assignment':
        return this.assignments;
      case 'range':
        return this.ranges;
      default:
        return undefined;
    }
  }

  #told({ topic, key, value }: StreamEvent): string {
    const known = (value ?? this.#mapOf(topic)?.get(key)) as unknown;
    if (!known) return key;
    switch (topic) {
      case 'finding': {
        const { kind, state, port, protocol } = known as Finding;
        return `${kind}${port === null ? '' : ` on ${protocol} ${port}`} is ${state}`;
      }
      case 'host': {
        const { name, state } = known as Host;
        return `host ${name} is ${state}`;
      }
      case 'assignment': {
        const { protocol, port, endpoint } = known as Assignment;
        return `${protocol} ${port} ${formatEndpoint(endpoint)}`;
      }
      default:
        return key;
    }
  }
}

const WEIGHT = { error: 0, warning: 1, info: 2 } as const;
