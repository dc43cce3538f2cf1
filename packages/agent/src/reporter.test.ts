import {
  type HostInfo,
  type Listener,
  listenerFingerprint,
  listenerId,
  PortolanError,
  REPORT_CHANGES_MAX,
  ReportRequest,
  type ReportResponse,
  SetDigest,
} from '@portolan/model';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Clock } from './clock.ts';
import { Reporter, type ReporterOptions } from './reporter.ts';

const TTL = 30;
const info: HostInfo = {
  name: 'harbour',
  addresses: [],
  platform: 'test',
  agentVersion: '0.1.0',
  ephemeral: null,
  blindSpots: [],
};

function listener(port: number, pid = 100): Listener {
  return {
    protocol: 'tcp',
    address: '127.0.0.1',
    port,
    netns: 'host',
    v6only: false,
    socket: String(10_000 + port),
    process: { pid, startedAt: 1, uid: 0, user: 'ada', command: 'node', commandLine: 'node x.js', cwd: '/' },
    container: null,
    identity: null,
    since: '2026-11-21T08:00:00.000Z',
  };
}

/** Time that moves only when it is told to. */
class TestClock implements Clock {
  #now = 1_000_000;
  #waiting: { at: number; resolve: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wait(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push({ at: this.#now + ms, resolve });
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settled();
      this.#waiting.sort((a, b) => a.at - b.at);
      const next = this.#waiting[0];
      if (!next || next.at > end) break;
      this.#waiting.shift();
      this.#now = Math.max(this.#now, next.at);
      next.resolve();
    }
    this.#now = end;
  }
}

/** Lets everything run that does not wait for time. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

type Fault = 'none' | 'lost' | 'answer-lost' | 'late' | 'twice' | 'forgotten';

/** A coordinator behind a network that misbehaves as it is told, call by call, and well after that. */
class TestCoordinator {
  /** How long it waits for a sign of life, seconds. */
  ttl = TTL;
  readonly reports: ReportRequest[] = [];
  joins = 0;
  joined = false;
  underWay = 0;
  listeners = new Map<string, Listener>();
  faults: Fault[] = [];
  #sync: { seq: number; digest: string } | null = null;
  #late: ReportRequest[] = [];

  async join(): Promise<void> {
    this.joins++;
    await Promise.resolve();
    if (this.faults.shift() === 'lost') throw unreachable();
    this.joined = true;
  }

  async report(_host: string, report: ReportRequest): Promise<ReportResponse> {
    expect(++this.underWay).toBe(1);
    try {
      this.reports.push(ReportRequest.parse(report));
      const fault = this.faults.shift() ?? 'none';
      await Promise.resolve();
      if (fault === 'forgotten') this.lose();
      if (fault === 'late') this.#late.push(report);
      if (fault === 'lost' || fault === 'late') throw unreachable();
      const answer = this.#take(report);
      if (fault === 'twice') this.#take(report);
      for (const late of this.#late.splice(0)) if (this.joined) this.#take(late);
      if (fault === 'answer-lost') throw unreachable();
      return answer;
    } finally {
      this.underWay--;
    }
  }

  lose(): void {
    this.joined = false;
    this.#sync = null;
    this.listeners = new Map();
  }

  readonly deleted: string[] = [];

  #take({ seq, previous, puts, deletes, covers, digest }: ReportRequest): ReportResponse {
    if (!this.joined) throw new PortolanError('unknown-host', 'this host is not known: join first');
    const again = this.#sync?.seq === seq && this.#sync.digest === digest;
    if (!again && previous !== null && this.#sync?.seq !== previous) return { status: 'resync', ttl: TTL };
    const next = new Map(this.listeners);
    const named = new Set(puts.map(listenerId));
    const { after, through } = covers ?? { after: null, through: null };
    const isCovered = (id: string) => (after === null || id > after) && (through === null || id <= through);
    const gone = again ? [] : covers ? [...next.keys()].filter((id) => isCovered(id) && !named.has(id)) : deletes;
    for (const id of gone) next.delete(id);
    for (const put of again ? [] : puts) next.set(listenerId(put), put);
    if (through === null && digestOf(next.values()) !== digest) return { status: 'resync', ttl: TTL };
    this.deleted.push(...gone);
    this.listeners = next;
    this.#sync = { seq, digest };
    return { status: 'accepted', ttl: this.ttl };
  }
}

function unreachable(): PortolanError {
  return new PortolanError('unreachable', 'no coordinator answered');
}

function digestOf(listeners: Iterable<Listener>): string {
  const digest = new SetDigest();
  for (const each of listeners) digest.toggle(listenerFingerprint(each));
  return digest.toString();
}

function start(more: Partial<ReporterOptions> = {}) {
  const clock = new TestClock();
  const coordinator = new TestCoordinator();
  const trouble: unknown[] = [];
  const reporter = new Reporter({
    host: 'h1',
    info,
    coordinator,
    clock,
    random: () => 0.5,
    onTrouble: (error) => trouble.push(error),
    ...more,
  });
  return { clock, coordinator, reporter, trouble };
}

function fingerprints(listeners: Iterable<Listener>): string[] {
  return Array.from(listeners, listenerFingerprint).sort();
}

test('the first report is full, later ones tell what changed, and quiet times are heartbeats', async () => {
  const { clock, coordinator, reporter } = start();
  reporter.update([listener(1), listener(2)]);
  reporter.start();
  await clock.advance(0);
  expect(coordinator.reports).toHaveLength(1);
  expect(coordinator.reports[0]).toMatchObject({ previous: null, covers: { after: null, through: null } });

  reporter.update([listener(2, 200), listener(3)]);
  await clock.advance(0);
  const [first, second] = coordinator.reports;
  expect(second).toMatchObject({ previous: first?.seq, deletes: [listenerId(listener(1))] });
  expect(second?.puts.map(({ port }) => port)).toEqual([2, 3]);

  await clock.advance((TTL / 3) * 1000);
  expect(coordinator.reports[2]).toMatchObject({ seq: second?.seq, puts: [], deletes: [], digest: second?.digest });
  await clock.advance(10 * TTL * 1000);
  expect(coordinator.reports.length).toBeGreaterThanOrEqual(30);
  expect(coordinator.reports.length).toBeLessThanOrEqual(45);
  await reporter.stop();
});

test('a name that another host has is trouble, unless there is one to join as instead', async () => {
  const taken = ({ name }: HostInfo) => {
    if (name === info.name) throw new PortolanError('name-taken', `another host is called ${name}`);
  };
  for (const renamed of [undefined, () => null, (of: HostInfo) => ({ ...of, name: `${of.name}-2` })]) {
    const joined: string[] = [];
    const names = new TestCoordinator();
    const coordinator = {
      join: (_: string, told: HostInfo) => {
        taken(told);
        joined.push(told.name);
        return names.join();
      },
      report: names.report.bind(names),
    };
    const { clock, reporter, trouble } = start({ coordinator, ...(renamed && { renamed }) });
    reporter.update([listener(1)]);
    reporter.start();
    await clock.advance(2_000);
    const isRenamed = renamed?.(info) !== undefined && renamed(info) !== null;
    expect(joined).toEqual(isRenamed ? ['harbour-2'] : []);
    expect(names.reports).toHaveLength(isRenamed ? 1 : 0);
    expect(trouble.length > 0).toBe(!isRenamed);
    await reporter.stop();
  }
});

test('it is silent for longer while gossip tells of it, and no longer than that', async () => {
  let inTouch = true;
  const { clock, coordinator, reporter } = start({ inTouch: () => inTouch });
  coordinator.ttl = 10 * TTL;
  reporter.update([listener(1)]);
  reporter.start();
  await clock.advance(0);
  await clock.advance(2 * TTL * 1000);
  expect(coordinator.reports).toHaveLength(1);
  inTouch = false;
  await clock.advance((TTL / 3) * 1000);
  expect(coordinator.reports).toHaveLength(2);
  await clock.advance(TTL * 1000);
  expect(coordinator.reports.length).toBeGreaterThanOrEqual(5);
  await reporter.stop();
});

test('more changes than one report may carry go in several', async () => {
  const { clock, coordinator, reporter } = start();
  const many = Array.from({ length: 2 * REPORT_CHANGES_MAX + 10 }, (_, index) => listener(index + 1));
  reporter.update(many);
  reporter.start();
  await clock.advance(0);
  expect(coordinator.reports.map(({ puts }) => puts.length)).toEqual([REPORT_CHANGES_MAX, REPORT_CHANGES_MAX, 10]);
  const [first, second, third] = coordinator.reports;
  expect([first?.previous, second?.previous, third?.previous]).toEqual([null, first?.seq, second?.seq]);
  expect([first?.covers?.after, second?.covers?.after, third?.covers?.after]).toEqual([
    null,
    first?.covers?.through,
    second?.covers?.through,
  ]);
  expect(third?.covers?.through).toBeNull();
  expect(coordinator.listeners.size).toBe(many.length);
  reporter.update([]);
  await clock.advance(0);
  expect(coordinator.listeners.size).toBe(0);
  await reporter.stop();
});

test('many bytes go in several reports, however few the changes', async () => {
  const bytes = 5000;
  const { clock, coordinator, reporter } = start({ limits: { changes: 1000, bytes } });
  const many = Array.from({ length: 100 }, (_, index) => listener(index + 1));
  reporter.update(many);
  reporter.start();
  await clock.advance(0);
  reporter.update(many.map((each) => ({ ...each, v6only: true })));
  await clock.advance(0);
  reporter.update([]);
  await clock.advance(0);
  expect(coordinator.listeners.size).toBe(0);
  for (const { puts, deletes } of coordinator.reports) {
    expect(JSON.stringify([...puts, ...deletes]).length).toBeLessThanOrEqual(bytes + 1);
  }
  expect(coordinator.reports.length).toBeLessThan(25);
});

test('a resync of a set that fills several reports lets go of nothing in between', async () => {
  const { clock, coordinator, reporter } = start({ limits: { changes: 10, bytes: 1e6 } });
  const many = Array.from({ length: 95 }, (_, index) => listener(index + 1));
  reporter.update(many);
  reporter.start();
  await clock.advance(0);
  coordinator.listeners.delete(listenerId(listener(50)));
  const stray = listener(200);
  coordinator.listeners.set(listenerId(stray), stray);
  await clock.advance((TTL / 3) * 1000);
  expect(fingerprints(coordinator.listeners.values())).toEqual(fingerprints(many));
  expect(coordinator.deleted).toEqual([listenerId(stray)]);
  expect(coordinator.reports.filter(({ previous }) => previous === null)).toHaveLength(2);
  await reporter.stop();
});

test('what changes while a full report is under way is told after it', async () => {
  const { clock, coordinator, reporter } = start({ limits: { changes: 2, bytes: 1e6 } });
  reporter.update([1, 2, 3, 4, 5, 6].map((port) => listener(port)));
  const report = coordinator.report.bind(coordinator);
  const current = [listener(2, 200), listener(4), listener(5), listener(9)];
  coordinator.report = (host, request) => {
    if (coordinator.reports.length === 1) reporter.update(current);
    return report(host, request);
  };
  reporter.start();
  await clock.advance(0);
  expect(fingerprints(coordinator.listeners.values())).toEqual(fingerprints(current));
  expect(coordinator.reports.filter(({ previous }) => previous === null)).toHaveLength(1);
  await reporter.stop();
});

test('after an outage only the net difference goes out, and tries get rarer meanwhile', async () => {
  const { clock, coordinator, reporter, trouble } = start();
  reporter.update([listener(1)]);
  reporter.start();
  await clock.advance(0);
  coordinator.faults = Array<Fault>(1000).fill('lost');
  for (let port = 2; port < 200; port++) {
    reporter.update([listener(1), listener(port)]);
    await clock.advance(1000);
  }
  expect(coordinator.reports.length).toBeLessThan(25);
  expect(trouble.length).toBe(coordinator.reports.length - 1);
  coordinator.faults = [];
  reporter.update([listener(1), listener(500)]);
  await clock.advance(30_000);
  const last = coordinator.reports.filter(({ puts }) => puts.length > 0).at(-1);
  expect(last).toMatchObject({ previous: coordinator.reports[0]?.seq, deletes: [] });
  expect(last?.puts.map(({ port }) => port)).toEqual([500]);
  expect(trouble.at(-1)).toBeNull();
  expect(fingerprints(coordinator.listeners.values())).toEqual(fingerprints([listener(1), listener(500)]));
  await reporter.stop();
});

test('a report whose answer was lost is sent again under its number, and counts once', async () => {
  const { clock, coordinator, reporter } = start();
  reporter.start();
  await clock.advance(0);
  coordinator.faults = ['answer-lost'];
  reporter.update([listener(1)]);
  await clock.advance(1000);
  const [, second, third] = coordinator.reports;
  expect(third).toEqual(second);
  expect(coordinator.reports).toHaveLength(3);
  expect(coordinator.listeners.size).toBe(1);
  await reporter.stop();
});

test('when an answer was lost and all is as it was before, both sides agree again without waiting for a heartbeat', async () => {
  const { clock, coordinator, reporter } = start();
  reporter.start();
  await clock.advance(0);
  coordinator.faults = ['answer-lost'];
  reporter.update([listener(1)]);
  await clock.advance(0);
  expect(coordinator.listeners.size).toBe(1);
  reporter.update([]);
  await clock.advance(1000);
  expect(coordinator.listeners.size).toBe(0);
  await reporter.stop();
});

test('a coordinator that has forgotten the host is joined again and told everything', async () => {
  const { clock, coordinator, reporter } = start();
  reporter.update([listener(1), listener(2)]);
  reporter.start();
  await clock.advance(0);
  coordinator.lose();
  reporter.update([listener(1), listener(2), listener(3)]);
  await clock.advance(1000);
  expect(coordinator.joins).toBe(2);
  expect(coordinator.reports.at(-1)?.previous).toBeNull();
  expect(coordinator.listeners.size).toBe(3);
  await reporter.stop();
});

test.each([1, 3])('a coordinator that never agrees is not stormed, be the full report of %i parts', async (parts) => {
  const { clock, coordinator, reporter } = start({ limits: { changes: 2, bytes: 1e6 } });
  coordinator.report = async (_host, report) => {
    coordinator.reports.push(report);
    return { status: report.covers?.through === null ? 'resync' : 'accepted', ttl: TTL };
  };
  reporter.update(Array.from({ length: 2 * parts }, (_, index) => listener(index + 1)));
  reporter.start();
  await clock.advance(60_000);
  expect(coordinator.reports.length).toBeGreaterThan(3 * parts);
  expect(coordinator.reports.length).toBeLessThan(15 * parts);
  await reporter.stop();
});

test('news of the host itself is told by joining again, without a new full report', async () => {
  const { clock, coordinator, reporter } = start();
  reporter.start();
  await clock.advance(0);
  reporter.describe({ ...info, name: 'new' });
  await clock.advance(0);
  expect(coordinator.joins).toBe(2);
  expect(coordinator.reports).toHaveLength(1);
  await reporter.stop();
});

test('whatever the network does, the coordinator comes to know what is so', async () => {
  const faults = fc.array(fc.constantFrom<Fault>('none', 'none', 'lost', 'answer-lost', 'late', 'twice', 'forgotten'), {
    maxLength: 30,
  });
  const states = fc.array(
    fc.record({
      listeners: fc.uniqueArray(
        fc.record({ port: fc.integer({ min: 1, max: 8 }), pid: fc.integer({ min: 1, max: 2 }) }),
        { selector: ({ port }) => port },
      ),
      pause: fc.constantFrom(0, 300, 1000, 12_000),
    }),
    { minLength: 1, maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(faults, states, fc.constantFrom(2, 3, 1000), async (misfortunes, steps, changes) => {
      const { clock, coordinator, reporter } = start({ limits: { changes, bytes: 1e6 } });
      coordinator.faults = misfortunes;
      reporter.start();
      let current: Listener[] = [];
      for (const { listeners, pause } of steps) {
        current = listeners.map(({ port, pid }) => listener(port, pid));
        reporter.update(current);
        await clock.advance(pause);
      }
      // Each fault can cost the longest pause between two tries.
      await clock.advance((misfortunes.length + 3) * 30_000);
      expect(fingerprints(coordinator.listeners.values())).toEqual(fingerprints(current));
      await reporter.stop();
    }),
    { numRuns: 150 },
  );
});
