import {
  type Assignment,
  type Claim,
  type Finding,
  type Host,
  type HostListener,
  type Interval,
  judgePort,
  key,
  type Protocol,
  protocols,
  type Verdict,
} from '@portolan/model';
import type { Logger } from 'pino';
import { put } from './commands/entries.ts';
import type { Fleet, Touch } from './fleet.ts';
import type { Duty, Term } from './leader.ts';
import type { Replica } from './replica.ts';
import type { Put } from './store/store.ts';

/** How many resolved findings are kept for whoever asks what happened. */
const RESOLVED_MAX = 1_000;
/** Puts of one commit at most; more go in further commits. */
const COMMIT_MAX = 500;
/** After a commit that did not go through, ms. */
const TRY_AGAIN_AFTER = 1_000;

/** The kinds that follow from the state of a port alone. Others are raised where the matter happens. */
const JUDGED: ReadonlySet<Finding['kind']> = new Set(['collision', 'squatting', 'blocked-port']);

/**
 * Keeps the findings of the fleet true: judges the ports that a commit touched by the pure rules of the model, and
 * writes what changed. Everything is judged once when the lead begins.
 */
export class FindingsDuty implements Duty {
  readonly #replica: Replica;
  readonly #logger: Logger;

  constructor(replica: Replica, logger: Logger) {
    this.#replica = replica;
    this.#logger = logger;
  }

  lead(term: Term, signal: AbortSignal): void {
    const fleet = this.#replica.fleet;
    const touched = new Set(portsInUse(fleet));
    let running = false;
    const judge = async () => {
      if (running || signal.aborted) return;
      running = true;
      try {
        while (touched.size > 0 && !signal.aborted) {
          const ports = Array.from(touched).slice(0, COMMIT_MAX);
          for (const port of ports) touched.delete(port);
          if (!(await this.#settle(ports, term))) {
            for (const port of ports) touched.add(port);
            break;
          }
        }
      } catch (error) {
        this.#logger.error({ err: error }, 'findings could not be computed');
      } finally {
        running = false;
        if (touched.size > 0 && !signal.aborted) setTimeout(judge, TRY_AGAIN_AFTER).unref();
      }
    };
    const unsubscribe = this.#replica.subscribe({
      applied: ({ touches }) => {
        for (const touch of touches) for (const port of portsOf(fleet, touch)) touched.add(port);
        if (touched.size > 0) void judge();
      },
      reset: () => {
        for (const port of portsInUse(fleet)) touched.add(port);
        void judge();
      },
    });
    signal.addEventListener('abort', unsubscribe, { once: true });
    void judge();
  }

  /** @returns false when it has to be done again */
  async #settle(ports: readonly string[], term: Term): Promise<boolean> {
    const fleet = this.#replica.fleet;
    const now = new Date().toISOString();
    const puts: Put[] = [];
    const conditions: { key: string; version: string | null }[] = [];
    for (const finding of ports.flatMap((port) => judged(fleet, port, now))) {
      const entryKey = key.finding(finding.id);
      puts.push(put<'finding'>(entryKey, finding));
      // Somebody may acknowledge it at this moment.
      conditions.push({ key: entryKey, version: fleet.version('finding', entryKey) });
    }
    if (puts.length === 0) return true;
    return (await term.commit({ conditions, puts, deletes: forgotten(fleet, puts.length) })) !== undefined;
  }
}

/** The findings of a port that differ from those that stand. */
function judged(fleet: Fleet, portKey: string, now: string): Finding[] {
  const [protocol, number] = portKey.split('/') as [Protocol, string];
  const port = Number(number);
  const listeners = fleet.listeners(protocol, port);
  const standing = fleet.findings(protocol, port);
  if (isQuiet(fleet, protocol, port)) return [];
  const assignment = fleet.assignment(protocol, port)?.value;
  const claims: Claim[] = [];
  if (assignment)
    claims.push({ endpoint: assignment.endpoint, host: assignment.host ?? null, since: assignment.grantedAt });
  const verdicts = judgePort({
    protocol,
    port,
    claims,
    listeners: Array.from(listeners, ({ value }) => value),
    host: (id) => fleet.host(id),
    blocks: Array.from(fleet.all('block'), ({ value }) => value).filter(
      (block) => block.from <= port && port <= block.to && (block.protocol === null || block.protocol === protocol),
    ),
  });
  const changed = verdicts.flatMap((verdict) =>
    merged(fleet.get('finding', key.finding(verdict.id))?.value, verdict, now),
  );
  for (const { value } of standing) {
    if (!JUDGED.has(value.kind) || value.state === 'resolved' || verdicts.some(({ id }) => id === value.id)) continue;
    changed.push({ ...value, state: 'resolved', lastChanged: now });
  }
  return changed;
}

/** Most ports have an owner and nobody else: there is nothing to find. */
function isQuiet(fleet: Fleet, protocol: Protocol, port: number): boolean {
  return (
    fleet.listeners(protocol, port).size === 0 &&
    fleet.findings(protocol, port).size === 0 &&
    fleet.count('block') === 0
  );
}

/** A verdict with its history; nothing when it says what the finding says already. */
function merged(before: Finding | undefined, verdict: Verdict, now: string): Finding[] {
  if (!before || before.state === 'resolved') return [{ ...verdict, state: 'open', firstSeen: now, lastChanged: now }];
  const { state, firstSeen, lastChanged, ...said } = before;
  if (JSON.stringify(said) === JSON.stringify(verdict)) return [];
  // What was acknowledged and got worse has to be seen again.
  const worse = before.class === 'latent' && verdict.class === 'active';
  return [{ ...verdict, state: worse ? 'open' : state, firstSeen, lastChanged: now }];
}

function portsInUse(fleet: Fleet): string[] {
  const ports = new Set<string>();
  for (const kind of ['assignment', 'listener'] as const) {
    for (const { value } of fleet.all(kind)) ports.add(`${value.protocol}/${value.port}`);
  }
  for (const { value } of fleet.all('finding')) {
    if (value.state !== 'resolved' && value.port !== null) ports.add(`${value.protocol}/${value.port}`);
  }
  return [...ports];
}

/** The ports whose findings a change may alter. */
function portsOf(fleet: Fleet, { kind, before, after }: Touch): string[] {
  const values = [before?.value, after?.value].filter((value) => value !== undefined);
  switch (kind) {
    case 'assignment': {
      const { protocol, port } = (after ?? before)!.value as Assignment;
      return isQuiet(fleet, protocol, port) ? [] : [`${protocol}/${port}`];
    }
    case 'listener':
      return (values as Pick<HostListener, 'protocol' | 'port'>[]).map(({ protocol, port }) => `${protocol}/${port}`);
    case 'block':
      return (values as Interval[]).flatMap((interval) => usedWithin(fleet, interval));
    case 'host': {
      const [old, now] = [before?.value, after?.value] as (Host | undefined)[];
      if (!now || (old?.name === now.name && sameInterval(old.ephemeral, now.ephemeral))) return [];
      return Array.from(fleet.listenersOf(now.id).values(), ({ value }) => `${value.protocol}/${value.port}`);
    }
    default:
      return [];
  }
}

function sameInterval(a: Interval | null, b: Interval | null): boolean {
  return a?.from === b?.from && a?.to === b?.to;
}

function usedWithin(fleet: Fleet, { from, to }: Interval): string[] {
  const ports: string[] = [];
  for (let port = from; port <= to; port++) {
    for (const protocol of protocols) {
      if (fleet.assignment(protocol, port) || fleet.listeners(protocol, port).size > 0)
        ports.push(`${protocol}/${port}`);
    }
  }
  return ports;
}

/** The oldest resolved findings beyond those that are kept. */
function forgotten(fleet: Fleet, added: number): string[] {
  if (fleet.count('finding') + added <= RESOLVED_MAX) return [];
  const resolved = Array.from(fleet.all('finding')).filter(({ value }) => value.state === 'resolved');
  if (resolved.length <= RESOLVED_MAX) return [];
  resolved.sort((a, b) => a.value.lastChanged.localeCompare(b.value.lastChanged));
  return resolved.slice(0, resolved.length - RESOLVED_MAX).map((held) => held.key);
}
