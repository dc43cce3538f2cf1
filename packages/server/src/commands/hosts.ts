import {
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
  type TaskAnswer,
} from '@portolan/model';
import type { z } from 'zod';
import type { Executor, Plan, Settled } from '../executor.ts';
import type { Fleet, Held } from '../fleet.ts';
import { alternative, put } from './entries.ts';

/** How long a host may say nothing before it counts as unreachable, seconds. Its agent reports three times as often. */
export const HOST_TTL = 30;

export function hostLease(id: string): string {
  return `host:${id}`;
}

/** What agents say: that their host is there, and what listens on it. An agent is the authority for its host. */
export class Hosts {
  readonly #executor: Executor;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  get #fleet(): Fleet {
    return this.#executor.fleet;
  }

  join(id: string, info: HostInfo): Promise<Host> {
    return this.#executor.execute(() => {
      const before = this.#fleet.get('host', key.host(id));
      const stays = before?.value.state === 'alive';
      const host: Host = { ...info, id, state: 'alive', stateSince: stays ? before.value.stateSince : now() };
      const unchanged = before && JSON.stringify(before.value) === JSON.stringify(host);
      const only = alternative({
        conditions: [{ key: key.host(id), version: before?.version ?? null }],
        puts: unchanged ? [] : [put<'host'>(key.host(id), host)],
        leases: [{ id: hostLease(id), ttl: HOST_TTL * 1000 }],
      });
      return { alternatives: [only], answer: () => host };
    });
  }

  /** @throws PortolanError `unknown-host`: the agent joins again */
  async report(id: string, report: ReportRequest): Promise<ReportResponse> {
    if (!this.#fleet.host(id)) await this.#executor.catchUp();
    const response = await this.#executor.execute(() => this.#decideReport(id, report));
    if (response.status === 'accepted') return response;
    // This replica may be behind the coordinator that took the last report: look again before asking for everything.
    await this.#executor.catchUp();
    return this.#executor.execute(() => this.#decideReport(id, report));
  }

  #decideReport(id: string, report: ReportRequest): Plan<ReportResponse> | Settled<ReportResponse> {
    const host = this.#fleet.get('host', key.host(id));
    if (!host || host.value.state === 'left') throw unknownHost(id);
    const sync = this.#fleet.get('sync', key.sync(id));
    const answer = (status: ReportResponse['status']): ReportResponse => ({ status, ttl: HOST_TTL });
    // A report sent again, because its answer was lost, changes nothing and must not ask for a full one.
    const again = sync?.value.seq === report.seq && sync.value.digest === report.digest;
    const fits = report.previous === null || again || sync?.value.seq === report.previous;
    if (!fits) return { result: answer('resync') };

    const { puts, deletes, digest } = this.#difference(id, report, again);
    if (digest !== report.digest) return { result: answer('resync') };
    const revived: Host | undefined =
      host.value.state === 'alive' ? undefined : { ...host.value, state: 'alive', stateSince: now() };
    // A heartbeat repeats the number of the last report, and then no entry is written: only the host's lease moves.
    const moved = sync?.value.seq !== report.seq || sync.value.digest !== report.digest;
    const only = alternative({
      conditions: [
        { key: key.host(id), version: host.version },
        { key: key.sync(id), version: sync?.version ?? null },
      ],
      puts: [
        ...puts,
        ...(moved ? [put<'sync'>(key.sync(id), { seq: report.seq, digest })] : []),
        ...(revived ? [put<'host'>(key.host(id), revived)] : []),
      ],
      deletes,
      leases: [{ id: hostLease(id), ttl: HOST_TTL * 1000 }],
    });
    return { alternatives: [only], answer: () => answer('accepted') };
  }

  #difference(
    id: string,
    report: ReportRequest,
    again: boolean,
  ): { puts: { key: string; value: string }[]; deletes: string[]; digest: string } {
    const before = this.#fleet.listenersOf(id);
    const digest = this.#fleet.digestOf(id);
    if (again) return { puts: [], deletes: [], digest: digest.toString() };
    const puts: { key: string; value: string }[] = [];
    const deletes: string[] = [];
    const reported = new Set<string>();
    for (const listener of report.puts) {
      const entryKey = key.listener(id, listenerId(listener));
      if (reported.has(entryKey)) continue;
      reported.add(entryKey);
      const held = before.get(entryKey);
      const fingerprint = listenerFingerprint(listener);
      const old = held && listenerFingerprint(held.value);
      if (old === fingerprint) continue;
      if (old !== undefined) digest.toggle(old);
      digest.toggle(fingerprint);
      const value: HostListener = { ...listener, host: id };
      puts.push(put<'listener'>(entryKey, value));
    }
    const gone: Iterable<Held<'listener'> | undefined> =
      report.previous === null ? before.values() : report.deletes.map((each) => before.get(key.listener(id, each)));
    for (const held of gone) {
      if (!held || reported.has(held.key)) continue;
      reported.add(held.key);
      digest.toggle(listenerFingerprint(held.value));
      deletes.push(held.key);
    }
    return { puts, deletes, digest: digest.toString() };
  }

  /** The agent stops: what it saw is no longer known, so its listeners go. */
  leave(id: string): Promise<Host> {
    return this.#executor.execute(() => {
      const host = this.#fleet.get('host', key.host(id));
      if (!host) throw unknownHost(id);
      const left: Host = { ...host.value, state: 'left', stateSince: now() };
      return { alternatives: [this.#departure(host, [put<'host'>(key.host(id), left)], [])], answer: () => left };
    });
  }

  /** Removes a host that will not come back. */
  forget(id: string): Promise<{ position: Position }> {
    return this.#executor.execute(() => {
      const host = this.#fleet.get('host', key.host(id));
      if (!host) throw new PortolanError('not-found', `there is no host ${id}`);
      return { alternatives: [this.#departure(host, [], [host.key])], answer: ({ position }) => ({ position }) };
    });
  }

  #departure(host: Held<'host'>, puts: { key: string; value: string }[], deletes: string[]) {
    const { id } = host.value;
    const sync = this.#fleet.get('sync', key.sync(id));
    return alternative({
      conditions: [
        { key: host.key, version: host.version },
        { key: key.sync(id), version: sync?.version ?? null },
      ],
      puts,
      deletes: [...deletes, ...(sync ? [sync.key] : []), ...this.#fleet.listenersOf(id).keys()],
      leases: [{ id: hostLease(id), ttl: null }],
    });
  }

  /** @throws PortolanError `not-found` when nobody waits for the answer any more */
  answerTask(id: string, answer: z.infer<typeof TaskAnswer>): Promise<{ position: Position }> {
    return this.#executor.execute(() => {
      const task = this.#fleet.get('task', key.task(id));
      if (!task) throw new PortolanError('not-found', `there is no task ${id}: its time is up`);
      const conditions = [{ key: task.key, version: task.version }];
      const puts = [put<'task'>(task.key, { ...task.value, answer })];
      return { alternatives: [alternative({ conditions, puts })], answer: ({ position }) => ({ position }) };
    });
  }
}

function unknownHost(id: string): PortolanError {
  return new PortolanError('unknown-host', `host ${id} is not known here: join first`, { host: id });
}

function now(): string {
  return new Date().toISOString();
}
