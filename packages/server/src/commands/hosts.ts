import {
  type Fleet,
  type Held,
  HOST_LISTENERS_MAX,
  type Host,
  type HostInfo,
  type HostListener,
  key,
  listenerFingerprint,
  listenerId,
  PortolanError,
  type Position,
  type ReportRequest,
  type ReportResponse,
  type Span,
  Task,
  type TaskAnswer,
} from '@portolan/model';
import { Rate } from '../access/rate.ts';
import type { Executor, Plan, Settled } from '../executor.ts';
import type { Condition, Put } from '../store/store.ts';
import { tooMany } from '../too-many.ts';
import { alternative, put } from './entries.ts';
import { givenUp, nameFor } from './host-names.ts';

/** How long a host may say nothing before it counts as unreachable, seconds. Its agent reports three times as often. */
export const HOST_TTL = 30;
/** The same of a host that gossip says is alive: its agent need not say so, and its reports come when there is news. */
export const GOSSIP_TTL = 300;

/** Renames of one host, a second in the long run and at once: each is told to whoever follows what is on it, with all that is. */
const RENAMES = { perSecond: 0.1, burst: 5 };

/** Listeners that one commit removes; a host that loses more loses them in several, for a commit has bounds. */
const REMOVED_AT_ONCE = 5_000;

export function hostLease(id: string): string {
  return `host:${id}`;
}

/** What agents say: that their host is there, and what listens on it. An agent is the authority for its host. */
export class Hosts {
  readonly #executor: Executor;
  readonly #vouchesFor: (host: string) => boolean;
  readonly #renames = new Rate(RENAMES.perSecond, RENAMES.burst);

  /** @param vouchesFor whether a host is known to live without its reports */
  constructor(executor: Executor, vouchesFor: (host: string) => boolean = () => false) {
    this.#executor = executor;
    this.#vouchesFor = vouchesFor;
  }

  /** How long a host may say nothing now, seconds. */
  #ttlOf(id: string): number {
    return this.#vouchesFor(id) ? GOSSIP_TTL : HOST_TTL;
  }

  get #fleet(): Fleet {
    return this.#executor.fleet;
  }

  /**
   * @param trusted whether whoever joins may forget hosts, too, and so be given the name of one that has left
   * @throws PortolanError `name-taken`; `too-many` when it was renamed too often of late
   */
  join(id: string, info: HostInfo, { trusted = false } = {}): Promise<Host> {
    let counted = false;
    return this.#executor.execute(() => {
      const before = this.#fleet.get('host', key.host(id));
      const stays = before?.value.state === 'alive';
      const host: Host = { ...info, id, state: 'alive', stateSince: stays ? before.value.stateSince : now() };
      const unchanged = before && JSON.stringify(before.value) === JSON.stringify(host);
      const named = nameFor(this.#fleet, host, trusted);
      if (before && before.value.name !== info.name && !counted) {
        this.#countRename(id);
        counted = true;
      }
      const only = alternative({
        conditions: [{ key: key.host(id), version: before?.version ?? null }, ...named.conditions],
        puts: [...(unchanged ? [] : [put<'host'>(key.host(id), host)]), ...named.puts],
        deletes: named.deletes,
        leases: [{ id: hostLease(id), ttl: this.#ttlOf(id) * 1000 }],
      });
      return { alternatives: [only], answer: () => host };
    });
  }

  #countRename(id: string): void {
    const wait = this.#renames.take(id, performance.now());
    if (wait > 0) throw tooMany(`host ${id} changes its name too often`, wait, { host: id });
  }

  /**
   * @throws PortolanError `unknown-host`: the agent joins again; `too-large`: more listeners than are kept of one host
   */
  async report(id: string, report: ReportRequest): Promise<ReportResponse> {
    if (!this.#fleet.host(id)) await this.#executor.catchUp();
    const response = await this.#execute(() => this.#decideReport(id, report));
    if (response.status === 'accepted') return response;
    // This replica may be behind the coordinator that took the last report: look again before asking for everything.
    await this.#executor.catchUp();
    return this.#execute(() => this.#decideReport(id, report));
  }

  #decideReport(id: string, report: ReportRequest): Plan<ReportResponse | null> | Settled<ReportResponse> {
    const host = this.#fleet.get('host', key.host(id));
    if (!host || host.value.state === 'left') throw unknownHost(id);
    const sync = this.#fleet.get('sync', key.sync(id));
    const ttl = this.#ttlOf(id);
    const answer = (status: ReportResponse['status']): ReportResponse => ({ status, ttl });
    // A report sent again, because its answer was lost, changes nothing and must not ask for a full one.
    const again = sync?.value.seq === report.seq && sync.value.digest === report.digest;
    const fits = report.previous === null || again || sync?.value.seq === report.previous;
    if (!fits) return { result: answer('resync') };

    const covers = report.covers ?? (report.previous === null ? EVERYTHING : null);
    const { puts, deletes, digest } = this.#difference(id, report, covers, again);
    // What the host had before a full report may still stand in the spans that are to come.
    const comparable = covers === null || covers.through === null;
    if (comparable && digest !== report.digest) return { result: answer('resync') };
    if (deletes.length > REMOVED_AT_ONCE) return this.#removal(host, deletes);
    const revived: Host | undefined =
      host.value.state === 'alive' ? undefined : { ...host.value, state: 'alive', stateSince: now() };
    // A heartbeat repeats the number of the last report, and then no entry is written: only the host's lease moves.
    const moved = !again;
    const only = alternative({
      conditions: this.#asSeen(host),
      puts: [
        ...puts,
        ...(moved ? [put<'sync'>(key.sync(id), { seq: report.seq, digest: report.digest })] : []),
        ...(revived ? [put<'host'>(key.host(id), revived)] : []),
      ],
      deletes,
      leases: [{ id: hostLease(id), ttl: ttl * 1000 }],
    });
    return { alternatives: [only], answer: () => answer('accepted') };
  }

  #difference(
    id: string,
    report: ReportRequest,
    covers: Span | null,
    again: boolean,
  ): { puts: Put[]; deletes: string[]; digest: string } {
    const before = this.#fleet.listenersOf(id);
    const digest = this.#fleet.digestOf(id);
    if (again) return { puts: [], deletes: [], digest: digest.toString() };
    const puts: Put[] = [];
    const deletes: string[] = [];
    const reported = new Set<string>();
    let size = before.size;
    for (const listener of report.puts) {
      const entryKey = key.listener(id, listenerId(listener));
      if (reported.has(entryKey)) continue;
      reported.add(entryKey);
      const held = before.get(entryKey);
      if (!held) size++;
      const fingerprint = listenerFingerprint(listener);
      const old = held && listenerFingerprint(held.value);
      if (old === fingerprint) continue;
      if (old !== undefined) digest.toggle(old);
      digest.toggle(fingerprint);
      const value: HostListener = { ...listener, host: id };
      puts.push(put<'listener'>(entryKey, value));
    }
    const gone: Iterable<Held<'listener'> | undefined> = covers
      ? within(before, key.listener(id, ''), covers)
      : report.deletes.map((each) => before.get(key.listener(id, each)));
    for (const held of gone) {
      if (!held || reported.has(held.key)) continue;
      reported.add(held.key);
      digest.toggle(listenerFingerprint(held.value));
      deletes.push(held.key);
    }
    if (size - deletes.length > HOST_LISTENERS_MAX) throw tooManyListeners(id, size - deletes.length);
    return { puts, deletes, digest: digest.toString() };
  }

  /** The agent stops: what it saw is no longer known, so its listeners go. */
  leave(id: string): Promise<Host> {
    return this.#execute(() => {
      const host = this.#fleet.get('host', key.host(id));
      if (!host) throw unknownHost(id);
      const left: Host = { ...host.value, state: 'left', stateSince: now() };
      return this.#departure(host, { puts: [put<'host'>(key.host(id), left)] }, () => left);
    });
  }

  /** Removes a host that will not come back. */
  forget(id: string): Promise<{ position: Position }> {
    return this.#execute(() => {
      const host = this.#fleet.get('host', key.host(id));
      if (!host) throw new PortolanError('not-found', `there is no host ${id}`);
      const deletes = [host.key, ...givenUp(this.#fleet, host.value.name)];
      return this.#departure(host, { deletes }, ({ position }) => ({ position }));
    });
  }

  #departure<T>(
    host: Held<'host'>,
    { puts = [], deletes = [] }: { puts?: Put[]; deletes?: string[] },
    answer: Plan<T>['answer'],
  ): Plan<T | null> {
    const { id } = host.value;
    const listeners = [...this.#fleet.listenersOf(id).keys()];
    if (listeners.length > REMOVED_AT_ONCE) return this.#removal(host, listeners);
    const sync = this.#fleet.get('sync', key.sync(id));
    const only = alternative({
      conditions: this.#asSeen(host),
      puts,
      deletes: [...deletes, ...(sync ? [sync.key] : []), ...listeners],
      leases: [{ id: hostLease(id), ttl: null }],
    });
    return { alternatives: [only], answer };
  }

  /** Takes away a part of what is to go, and gives no answer yet. */
  #removal(host: Held<'host'>, listeners: readonly string[]): Plan<null> {
    const sync = this.#fleet.get('sync', key.sync(host.value.id));
    const only = alternative({
      conditions: this.#asSeen(host),
      // Written as it was: whoever decided on what stood before has to decide again.
      puts: sync ? [put<'sync'>(sync.key, sync.value)] : [],
      deletes: listeners.slice(0, REMOVED_AT_ONCE),
    });
    return { alternatives: [only], answer: () => null };
  }

  /** Neither the host nor its listeners have changed since. */
  #asSeen(host: Held<'host'>): Condition[] {
    const syncKey = key.sync(host.value.id);
    return [
      { key: host.key, version: host.version },
      { key: syncKey, version: this.#fleet.version('sync', syncKey) },
    ];
  }

  /** Decides and commits until there is an answer. */
  async #execute<T>(decide: () => Plan<T | null> | Settled<T>): Promise<T> {
    for (;;) {
      const answer = await this.#executor.execute<T | null>(decide);
      if (answer !== null) return answer;
    }
  }

  /** @throws PortolanError `not-found` when nobody waits for the answer any more */
  answerTask(id: string, answer: TaskAnswer): Promise<{ position: Position }> {
    return this.#executor.execute(() => {
      const task = this.#fleet.get('task', key.task(id));
      if (!task) throw new PortolanError('not-found', `there is no task ${id}: its time is up`);
      const conditions = [{ key: task.key, version: task.version }];
      const answered = Task.safeParse({ ...task.value, answer });
      if (!answered.success)
        throw new PortolanError('invalid-request', `that answers no task of kind ${task.value.kind}`);
      const puts = [put<'task'>(task.key, answered.data)];
      return { alternatives: [alternative({ conditions, puts })], answer: ({ position }) => ({ position }) };
    });
  }
}

const EVERYTHING: Span = { after: null, through: null };

/** The listeners whose ids lie in the span, where `prefix` is what stands before the id in a key. */
function* within(
  held: ReadonlyMap<string, Held<'listener'>>,
  prefix: string,
  { after, through }: Span,
): Generator<Held<'listener'>> {
  const first = after === null ? null : prefix + after;
  const last = through === null ? null : prefix + through;
  for (const each of held.values()) {
    if ((first === null || each.key > first) && (last === null || each.key <= last)) yield each;
  }
}

function tooManyListeners(id: string, count: number): PortolanError {
  return new PortolanError(
    'too-large',
    `host ${id} would have ${count} listeners, and only ${HOST_LISTENERS_MAX} are kept of one host; leave some out`,
    { host: id, count, limit: HOST_LISTENERS_MAX },
  );
}

function unknownHost(id: string): PortolanError {
  return new PortolanError('unknown-host', `host ${id} is not known here: join first`, { host: id });
}

function now(): string {
  return new Date().toISOString();
}
