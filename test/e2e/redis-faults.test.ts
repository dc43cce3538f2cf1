import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { allItems, connect, type PortolanClient, type Reserved } from '@portolan/client';
import type { AssignmentView, Finding } from '@portolan/model';
import { Redis } from 'ioredis';
import { beforeEach, describe, expect, type TestContext, test, vi } from 'vitest';
import { startCluster } from '../support/cluster.ts';
import { redisUnavailable, startRedis, type TestRedis } from '../support/redis.ts';
import { startSentinelGroup } from '../support/sentinel.ts';
import { type Coordinator, Workbench } from '../support/workbench.ts';

/** How often failovers are tried. */
const ROUNDS = Number(process.env.PORTOLAN_FAULT_ROUNDS ?? 1);

vi.setConfig({ testTimeout: 180_000 * ROUNDS });
const patient = { timeout: 60_000, interval: 50 };

/** Seconds: the shortest there is, so that a lease which is not renewed is missed soon. */
const TTL = 5;
const HOLDERS = 20;
const WRITERS = 4;
const HOLDERS_PROGRAM = fileURLToPath(new URL('../support/holders.ts', import.meta.url));

const unavailable = redisUnavailable();
beforeEach((context) => context.skip(unavailable !== undefined, unavailable));

/** A fleet at work: two coordinators, programs that hold leases, others that reserve all the time, and onlookers. */
class Fleet {
  readonly bench = new Workbench();
  readonly holders: Reserved[] = [];
  readonly onlookers: Onlooker[] = [];
  /** What was acknowledged of the load, service to port. */
  readonly promised = new Map<string, number>();
  readonly refusals = new Map<string, number>();
  coordinators: Coordinator[] = [];
  clients: PortolanClient[] = [];
  #tokens: string[] = [];
  #answeredAt: number[] = [];
  #loading = false;
  #load: Promise<unknown> = Promise.resolve();

  static async start({ onTestFinished }: TestContext, redis: string, holders = HOLDERS): Promise<Fleet> {
    const fleet = new Fleet();
    onTestFinished(() => fleet.#clear());
    const serve = () => fleet.bench.coordinator(['--redis', redis, '--log-level', 'info']);
    fleet.coordinators = await Promise.all([serve(), serve()]);
    const { token } = fleet.bench;
    const urls = fleet.urls;
    fleet.clients = [connect({ url: urls, token }), connect({ url: urls.toReversed(), token })];
    const holding = Array.from({ length: holders }, (_, i) =>
      fleet.client(i).reserve({ project: 'held', service: `service-${i}`, range: '41000-41999', ttl: TTL }),
    );
    fleet.holders.push(...(await Promise.all(holding)));
    fleet.#tokens = fleet.holders.map(({ token }) => token);
    for (const url of urls) fleet.onlookers.push(await Onlooker.start(connect({ url, token })));
    return fleet;
  }

  get urls(): string[] {
    return this.coordinators.map(({ url }) => url);
  }

  client(i: number): PortolanClient {
    return this.clients[i % this.clients.length] as PortolanClient;
  }

  startLoad(): void {
    this.#loading = true;
    this.#answeredAt = [performance.now()];
    const round = this.promised.size;
    this.#load = Promise.all(
      Array.from({ length: WRITERS }, async (_, writer) => {
        for (let i = 0; this.#loading; i++) {
          await this.#reserve(this.client(writer), `service-${round}-${writer}-${i}`);
          await sleep(20);
        }
      }),
    );
  }

  async #reserve(client: PortolanClient, service: string): Promise<void> {
    while (this.#loading) {
      try {
        const { port } = await client.reserve({ project: 'load', service, range: '42000-49999' });
        this.promised.set(service, port);
        this.#answeredAt.push(performance.now());
        return;
      } catch (error) {
        const { code = String(error) } = error as { code?: string };
        this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
        await sleep(50);
      }
    }
  }

  /** Lets the load go on until it has been answered for a while again. @returns the longest time without an answer, s */
  async stopLoad(): Promise<number> {
    const answered = this.#answeredAt.length;
    await vi.waitFor(() => expect(this.#answeredAt.length).toBeGreaterThan(answered + 50), patient);
    this.#loading = false;
    await this.#load;
    const gaps = this.#answeredAt.slice(1).map((at, i) => at - (this.#answeredAt[i] as number));
    return Math.round(Math.max(...gaps) / 100) / 10;
  }

  async assignments(url: string): Promise<AssignmentView[]> {
    const client = connect({ url, token: this.bench.token });
    return allItems((query) => client.assignments(query), { consistent: true });
  }

  /** Everybody has what was promised, the coordinators say so, and the subscribers heard so. */
  async expectWhole({ asserted = false } = {}): Promise<void> {
    for (const { url } of this.coordinators) await vi.waitFor(async () => expect(await ready(url)).toBe(200), patient);
    // A lease that was not renewed since would have ended.
    await sleep(1.5 * TTL * 1000);
    expect(this.holders.filter(({ state }) => state !== 'held').map(({ state }) => state)).toEqual([]);
    // The same grant as ever: nobody had to ask for a port again.
    if (!asserted) expect(this.holders.map(({ token }) => token)).toEqual(this.#tokens);
    const holdersHave = Object.fromEntries(this.holders.map(({ port }, i) => [`held/service-${i}`, port]));
    const promisedAre = Object.fromEntries([...this.promised].map(([service, port]) => [`load/${service}`, port]));
    const ports = [...Object.values(holdersHave), ...this.promised.values()];
    expect(new Set(ports).size).toBe(ports.length);
    for (const { url } of this.coordinators) {
      const assignments = await this.assignments(url);
      const stand = Object.fromEntries(
        assignments.map(({ endpoint, port }) => [`${endpoint.project}/${endpoint.service}`, port]),
      );
      expect(stand).toMatchObject({ ...holdersHave, ...promisedAre });
      const all = Object.fromEntries(
        assignments.map(({ protocol, port, endpoint }) => [`assignment/${protocol}/${port}`, endpoint.service]),
      );
      for (const { state } of this.onlookers) {
        await vi.waitFor(() => expect(Object.fromEntries(state)).toEqual(all), patient);
      }
    }
  }

  get resets(): string[] {
    return this.onlookers.flatMap(({ resets }) => resets);
  }

  /** Each coordinator says at each fault that Redis failed and works again, not at each attempt. */
  expectQuietLogs(faults = 1): void {
    for (const { program } of this.coordinators) {
      const messages = program.stderr
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { level: number; msg: string });
      const times = (part: string) => messages.filter(({ msg }) => msg.includes(part)).length;
      expect(times('Redis is not accepting commits')).toBeGreaterThan(0);
      expect(times('Redis is not accepting commits')).toBeLessThanOrEqual(3 * faults);
      expect(times('Redis accepts commits again')).toBe(times('Redis is not accepting commits'));
      expect(messages.length, program.stderr).toBeLessThan(20 * faults);
    }
  }

  async #clear(): Promise<void> {
    this.#loading = false;
    for (const client of this.clients) client.close();
    await Promise.all(this.onlookers.map((each) => each.stop()));
    await this.bench.clear();
    await this.#load.catch(() => {});
  }
}

/** A subscriber, and the assignments as they are by what it heard: key to service. */
class Onlooker {
  readonly state = new Map<string, string>();
  readonly resets: string[] = [];
  readonly #ended = new AbortController();
  #following: Promise<void> = Promise.resolve();

  static async start(client: PortolanClient): Promise<Onlooker> {
    const onlooker = new Onlooker();
    const live = Promise.withResolvers<void>();
    onlooker.#following = onlooker.#follow(client, live.resolve);
    await live.promise;
    return onlooker;
  }

  async #follow(client: PortolanClient, live: () => void): Promise<void> {
    for await (const event of client.watch({ topics: ['assignment'], signal: this.#ended.signal })) {
      if (event.type === 'synced') live();
      if (event.type === 'reset') {
        this.state.clear();
        this.resets.push(event.reason);
      }
      const changes = event.type === 'snapshot' ? event.entries : event.type === 'change' ? event.events : [];
      for (const { op, key, value } of changes) {
        if (op === 'put') this.state.set(key, (value as AssignmentView).endpoint.service);
        else this.state.delete(key);
      }
    }
  }

  async stop(): Promise<void> {
    this.#ended.abort();
    await this.#following;
  }
}

async function ready(url: string): Promise<number> {
  return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5000) })).status;
}

async function isLeading(url: string): Promise<boolean> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return /^portolan_leader 1$/m.test(metrics);
}

async function redis(
  { onTestFinished }: TestContext,
  options: Parameters<typeof startRedis>[0] = {},
): Promise<TestRedis> {
  const server = await startRedis({ ...options, asProcess: true });
  onTestFinished(() => server.stop());
  return server;
}

function measured(fault: string, fleet: Fleet, gap: number): void {
  const refusals = [...fleet.refusals].map(([code, times]) => `${times} ${code}`).join(', ') || 'none';
  console.log(
    `${fault}: ${gap} s without an answer; ${fleet.promised.size} reservations and ${fleet.holders.length} leases, none lost; ` +
      `errors that callers saw: ${refusals}; resets of 2 subscribers: ${fleet.resets.join(', ') || 'none'}`,
  );
}

// They wait more than they work.
describe.concurrent('a fleet at work', () => {
  test('a Redis that restarts, in order or killed, costs a pause and nothing else', async (context) => {
    const server = await redis(context, { persistence: 'aof' });
    const fleet = await Fleet.start(context, server.url);
    for (const [fault, end] of [
      ['restarted', () => server.shutDown()],
      ['killed', () => server.kill()],
    ] as const) {
      fleet.startLoad();
      await vi.waitFor(() => expect(fleet.promised.size).toBeGreaterThan(20), patient);
      await end();
      await sleep(1000);
      await server.restart();
      measured(`Redis ${fault}, away for 1 s`, fleet, await fleet.stopLoad());
      await fleet.expectWhole();
    }
    expect(fleet.resets).toEqual([]);
    fleet.expectQuietLogs(2);
  });

  // Both times are longer than the leases; over the shorter one, the leader goes on leading.
  test.for([7, 20])('a Redis that froze for %d s costs a pause and nothing else', async (seconds, context) => {
    const server = await redis(context, { persistence: 'aof' });
    const fleet = await Fleet.start(context, server.url);
    fleet.startLoad();
    await vi.waitFor(() => expect(fleet.promised.size).toBeGreaterThan(20), patient);
    process.kill(server.pid as number, 'SIGSTOP');
    await sleep(seconds * 1000);
    process.kill(server.pid as number, 'SIGCONT');
    measured(`Redis frozen for ${seconds} s`, fleet, await fleet.stopLoad());
    await fleet.expectWhole();
    expect(fleet.resets).toEqual([]);
    fleet.expectQuietLogs();
  });

  test('a Redis that comes back empty has its leases asserted again, and what another took meanwhile is a finding', async (context) => {
    const server = await redis(context);
    const fleet = await Fleet.start(context, server.url);
    const client = fleet.client(0);
    const slow = await client.reserve({ project: 'slow', service: 'holder', port: 45_000, ttl: 6 * TTL });
    await server.kill();
    await server.restart();
    const rival = { project: 'rival', service: 'taker', port: 45_000 };
    const taken = await vi.waitFor(() => client.reserve(rival), patient);
    expect(taken.port).toBe(45_000);

    const lost = await slow.lost;
    expect(lost.code).toBe('assignment-lost');
    await vi.waitFor(async () => {
      const { items } = await client.findings();
      const told = items.find(({ kind }) => kind === 'lost-assignment') as Finding;
      expect(told.summary).toContain('slow/holder');
      expect(told.summary).toContain('rival/taker');
    }, patient);
    await fleet.expectWhole({ asserted: true });
    expect(fleet.resets).toEqual(['epoch', 'epoch']);
  });

  test('over failovers by Sentinel, from a killed primary and from one that froze, nothing acknowledged is lost', async (context) => {
    const group = await startSentinelGroup();
    context.onTestFinished(() => group.stop());
    const fleet = await Fleet.start(context, group.url);
    const primary = async () => {
      const port = await group.primaryPort();
      return group.servers.find((server) => server.port === port) as TestRedis;
    };
    for (let round = 0; round < ROUNDS; round++) {
      fleet.startLoad();
      const killed = await primary();
      await vi.waitFor(() => expect(fleet.promised.size).toBeGreaterThan(20), patient);
      await killed.kill();
      await vi.waitFor(async () => expect(await group.primaryPort()).not.toBe(killed.port), patient);
      const gap = await fleet.stopLoad();
      measured('Sentinel, primary killed', fleet, gap);
      await killed.restart();
      await fleet.expectWhole();

      fleet.startLoad();
      const frozen = await primary();
      await vi.waitFor(() => expect(fleet.promised.size).toBeGreaterThan(100), patient);
      process.kill(frozen.pid as number, 'SIGSTOP');
      await vi.waitFor(async () => expect(await group.primaryPort()).not.toBe(frozen.port), patient);
      const pause = await fleet.stopLoad();
      process.kill(frozen.pid as number, 'SIGCONT');
      measured('Sentinel, primary frozen until another was promoted', fleet, pause);
      await fleet.expectWhole();
    }
    fleet.expectQuietLogs(2 * ROUNDS);
  });

  test('a slot that moves to another node of the cluster, or loses its node, takes the fleet along', async (context) => {
    const cluster = await startCluster();
    context.onTestFinished(() => cluster.stop());
    const fleet = await Fleet.start(context, cluster.url);
    const key = '{portolan:default}:meta';
    const source = await cluster.ownerOf(key);
    const target = cluster.primaries.find((each) => each !== source) as TestRedis;
    fleet.startLoad();
    await vi.waitFor(() => expect(fleet.promised.size).toBeGreaterThan(20), patient);
    await cluster.moveSlot(key, target);
    measured('Cluster, slot moved', fleet, await fleet.stopLoad());
    await fleet.expectWhole();
    expect(fleet.resets).toEqual([]);

    fleet.startLoad();
    await target.kill();
    await vi.waitFor(async () => expect(await cluster.ownerOf(key)).not.toBe(target), patient);
    await target.restart();
    measured('Cluster, primary killed, back as a replica', fleet, await fleet.stopLoad());
    await fleet.expectWhole();
  });

  test('a leader that was frozen for 15 s finds another in its place, and writes nothing more', async (context) => {
    const server = await redis(context, { persistence: 'aof' });
    const fleet = await Fleet.start(context, server.url);
    await vi.waitFor(async () => {
      const leading = await Promise.all(fleet.urls.map(isLeading));
      expect(leading.filter(Boolean)).toHaveLength(1);
    }, patient);
    const first = (await isLeading(fleet.urls[0] as string)) ? 0 : 1;
    const [old, next] = [fleet.coordinators[first], fleet.coordinators[1 - first]] as [Coordinator, Coordinator];
    const store = new Redis(server.url);
    context.onTestFinished(() => store.disconnect());
    const leader = () => store.hget('{portolan:default}:kv', 'leader/');
    const before = await leader();

    process.kill(old.program.pid, 'SIGSTOP');
    const frozenAt = performance.now();
    await vi.waitFor(async () => expect(await isLeading(next.url)).toBe(true), patient);
    console.log(`another leads ${Math.round(performance.now() - frozenAt)} ms after the leader froze`);
    const since = await leader();
    expect(since).not.toBe(before);
    await sleep(Math.max(0, frozenAt + 15_000 - performance.now()));
    process.kill(old.program.pid, 'SIGCONT');
    await vi.waitFor(async () => expect(await isLeading(old.url)).toBe(false), patient);
    await vi.waitFor(() => expect(old.program.stderr).toContain('no longer leads'), patient);
    await fleet.expectWhole();
    expect(await leader()).toBe(since);
    expect(await isLeading(next.url)).toBe(true);
  });

  test('when 200 holders die at once their leases end a part at a time, and those of the living go on', async (context) => {
    const server = await redis(context);
    const fleet = await Fleet.start(context, server.url);
    const doomed = fleet.bench.run(process.execPath, [
      HOLDERS_PROGRAM,
      fleet.urls.join(','),
      fleet.bench.token,
      '200',
      String(TTL),
    ]);
    await doomed.says(/held/);
    const gone = () => 200 - [...(fleet.onlookers[0] as Onlooker).state.values()].length + HOLDERS;
    await vi.waitFor(() => expect(gone()).toBe(0), patient);
    await doomed.end('SIGKILL');
    const killedAt = performance.now();
    // As many as may end in one sweep may fall due before the others: that is no alarm yet.
    const part = Math.ceil(0.15 * (200 + HOLDERS));
    await vi.waitFor(() => expect(gone()).toBeGreaterThan(part), patient);
    const beganAt = performance.now();
    const findings = await fleet.client(0).findings();
    expect(findings.items.find(({ kind }) => kind === 'mass-expiry')).toMatchObject({ state: 'open' });
    await vi.waitFor(() => expect(gone()).toBe(200), patient);
    const took = performance.now() - beganAt;
    console.log(
      `200 of 220 leases of ${TTL} s: more than ${part} ended ${Math.round(beganAt - killedAt)} ms after their holders died, all within ${Math.round(took)} ms more`,
    );
    // One ttl more for all, then at most a part of them a second.
    expect(beganAt - killedAt).toBeGreaterThan(TTL * 1000);
    expect(took).toBeGreaterThan(3000);
    await fleet.expectWhole();
  });

  test('an outage of all coordinators that is longer than the ttl costs no lease', async (context) => {
    const server = await redis(context);
    const fleet = await Fleet.start(context, server.url, 200);
    await Promise.all(fleet.coordinators.map(({ program }) => program.end('SIGKILL')));
    await sleep(1.5 * TTL * 1000);
    const again = fleet.urls.map((url) =>
      fleet.bench.coordinator(['--redis', server.url, '--log-level', 'info', '--port', new URL(url).port]),
    );
    fleet.coordinators = await Promise.all(again);
    await fleet.expectWhole();
    expect(fleet.holders).toHaveLength(200);
  });
});
