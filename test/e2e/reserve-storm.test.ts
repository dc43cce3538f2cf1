import { allItems, connect, type PortolanClient } from '@portolan/client';
import type { AssignmentView, Reservation } from '@portolan/model';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { type Coordinator, Workbench } from '../support/workbench.ts';

const CLIENTS = 200;
const EACH = 5;
const PORTS = CLIENTS * EACH;
const FROM = 41_000;
const RANGE = `${FROM}-${FROM + PORTS - 1}`;

const patient = { timeout: 60_000, interval: 50 };

let bench: Workbench;
let redis: TestRedis;
let coordinators: [Coordinator, Coordinator];

beforeEach(async () => {
  bench = new Workbench();
  redis = await startRedis();
  coordinators = await Promise.all([startCoordinator(), startCoordinator()]);
});
afterEach(async () => {
  await bench.clear();
  await redis?.stop();
});

test('200 clients reserve all 1,000 ports of a range through two coordinators, none twice', async () => {
  const { reservations, rate } = await storm(() => {});
  console.log(`${PORTS} ports for ${CLIENTS} clients through 2 coordinators: ${rate}`);

  expect(portsOf(reservations)).toEqual(wholeRange());
  for (const { url } of coordinators) expect(await heldAt(url)).toEqual(promisedIn(reservations));
  await expect(clientOf(coordinators[0].url).reserve({ ...asked(CLIENTS, 0) })).rejects.toMatchObject({
    code: 'range-exhausted',
    message: expect.stringContaining(RANGE),
  });
});

test('when a coordinator is killed amid the storm its clients go on through the other, and no promise is lost', async () => {
  const [victim, survivor] = coordinators;
  let killed = 0;
  const { reservations, rate } = await storm((answered) => {
    if (answered < PORTS / 4 || killed > 0) return;
    killed = answered;
    victim.program.child.kill('SIGKILL');
  });
  await victim.program.ended;
  console.log(`${PORTS} ports, one of 2 coordinators killed after ${killed} answers: ${rate}`);

  expect(portsOf(reservations)).toEqual(wholeRange());
  expect(await heldAt(survivor.url)).toEqual(promisedIn(reservations));
  // One that knows nothing but what is in the store.
  const fresh = await startCoordinator();
  expect(await heldAt(fresh.url)).toEqual(promisedIn(reservations));
});

test('the lease of a client that was killed ends after its ttl, and its port rests', async () => {
  const [{ url }, other] = coordinators;
  const service = 'mana/mana-sync';
  // Its end is seen by the command, too, which would else outlive it.
  const script = 'const { ppid } = process; setInterval(() => ppid === process.ppid || process.exit(), 200)';
  const run = ['run', service, '--ttl', '5s', '--url', url, '--', process.execPath, '-e', script];
  const holder = bench.portolan(run);
  const client = clientOf(other.url);
  const { port, grantedAt } = await vi.waitFor(async () => {
    const [assignment] = (await client.assignments({ project: 'mana', consistent: true })).items;
    expect(assignment).toBeDefined();
    return assignment as AssignmentView;
  }, patient);
  // Longer than its ttl: it is renewed.
  await vi.waitFor(() => expect(Date.now()).toBeGreaterThan(Date.parse(grantedAt) + 7000), patient);
  expect((await client.assignment('tcp', port)).grantedAt).toBe(grantedAt);

  const killedAt = Date.now();
  await holder.end('SIGKILL');
  const report = await vi.waitFor(async () => {
    const report = await client.port(port);
    expect(report.assignments).toEqual([]);
    return report;
  }, patient);
  const endedAt = Date.now();
  // It was renewed at the latest a third of its ttl (and a tenth of that) before it was killed.
  expect(endedAt - killedAt).toBeGreaterThan(5000 * (1 - 1.1 / 3));
  expect(report.resting).toMatchObject([{ port, reason: 'expired', endpoint: { service: 'mana-sync' } }]);
  await expect(client.reserve({ project: 'mana', service: 'mana-voice-bot', port })).rejects.toMatchObject({
    code: 'port-taken',
    message: expect.stringContaining('rests until'),
  });
  // Its own service may have it back at once.
  expect((await client.reserve({ project: 'mana', service: 'mana-sync', port })).port).toBe(port);
});

function startCoordinator(): Promise<Coordinator> {
  return bench.coordinator(['--redis', redis.url, '--log-level', 'error']);
}

function clientOf(...urls: string[]): PortolanClient {
  return connect({ url: urls, token: bench.token });
}

/** What a client asks for, its services counted from 0. */
function asked(client: number, number: number) {
  return { project: `project-${client}`, service: `service-${number}`, range: RANGE };
}

/**
 * All clients at once, half of them with each of the coordinators first, each with one request at a time.
 *
 * @param onAnswer told of how many reservations are acknowledged
 */
async function storm(onAnswer: (answered: number) => void): Promise<{ reservations: Reservation[]; rate: string }> {
  const [one, two] = coordinators;
  const reservations: Reservation[] = [];
  const started = performance.now();
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, index) => {
      const client = index % 2 === 0 ? clientOf(one.url, two.url) : clientOf(two.url, one.url);
      for (let number = 0; number < EACH; number++) {
        reservations.push((await client.reserve(asked(index, number))).reservation);
        onAnswer(reservations.length);
      }
    }),
  );
  const ms = performance.now() - started;
  return { reservations, rate: `${Math.round(ms)} ms, ${Math.round((PORTS / ms) * 1000)}/s` };
}

/** What a coordinator says is promised, caught up with the store: port to service. */
async function heldAt(url: string): Promise<Record<number, string>> {
  const client = clientOf(url);
  return servicesOf(await allItems((query) => client.assignments(query), { consistent: true }));
}

function promisedIn(reservations: readonly Reservation[]): Record<number, string> {
  return servicesOf(reservations.flatMap(({ assignments }) => assignments));
}

function servicesOf(assignments: readonly AssignmentView[]): Record<number, string> {
  return Object.fromEntries(
    assignments.map(({ port, endpoint: { project, service } }) => [port, `${project}/${service}`]),
  );
}

function portsOf(reservations: readonly Reservation[]): number[] {
  return reservations.map(({ port }) => port).sort();
}

function wholeRange(): number[] {
  return Array.from({ length: PORTS }, (_, index) => FROM + index);
}
