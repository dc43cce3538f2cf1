import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type PortolanClient } from '@portolan/client';
import type { Finding, ReserveInput } from '@portolan/model';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startOwnCoordinator } from '../support/own-coordinator.ts';
import { ToldHost, toldListener } from '../support/told-host.ts';

const token = 'ptn_of_the_start_that_is_long_enough';

let directory: string;
let server: Awaited<ReturnType<typeof startOwnCoordinator>>;
let client: PortolanClient;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-draining-'));
  server = await startOwnCoordinator(directory, token);
  client = connect({ url: server.url, token, patience: 0 });
});
afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true });
});

test('one project cannot take a whole range, and who can change that is told', async () => {
  await client.putRange({ name: 'pool', from: 41_000, to: 41_299, purpose: '', owner: null, policy: 'dynamic' });
  const greedy = (n: number) => reserve({ project: 'greedy', service: `s${n}`, range: 'pool', labels: labels(64) });
  // All at once, so that none of them sees what the others are given.
  const outcomes = await Promise.all(Array.from({ length: 5 }, (_, n) => greedy(n)));
  expect(outcomes.toSorted()).toEqual(['201', '201', 'quota', 'quota', 'quota']);
  for (let n = 0; n < 22; n++) expect(await single('greedy', n)).toBe('201');
  await expect(client.reserve({ project: 'greedy', service: 'more', range: 'pool' })).rejects.toMatchObject({
    code: 'quota',
    message: expect.stringContaining('portolan range set pool 41000-41299 --policy dynamic --quota 300'),
    data: { project: 'greedy', range: 'pool', held: 150, quota: 150 },
  });
  // By number, or by an interval, it is the same range.
  expect(await reserve({ project: 'greedy', service: 'x', port: 41_299 })).toBe('quota');
  expect(await reserve({ project: 'greedy', service: 'x', range: '41000-41299' })).toBe('quota');
  expect(await reserve({ project: 'modest', service: 'api', range: 'pool' })).toBe('201');
  // What it asks for elsewhere it is given, and around the range, and again what it has.
  const beside = await client.reserve({ project: 'greedy', service: 'x', preferred: 41_298 });
  expect(beside.reservation).toMatchObject({
    port: 41_300,
    obstacle: { reason: 'quota' },
  });
  const again = await client.reserve({ project: 'greedy', service: 'one0', range: 'pool' });
  expect(again.reservation.created).toBe(false);
  await told('draining:project:pool:greedy', 'all of the 150 ports');

  const pool = { name: 'pool', from: 41_000, to: 41_299, purpose: '', owner: null, policy: 'dynamic' } as const;
  await client.putRange({ ...pool, quota: 160 });
  expect(await single('greedy', 100)).toBe('201');
  await told('draining:project:pool:greedy', 'more than 90 % of the 160 ports');
  await client.putRange({ ...pool, owner: 'greedy', policy: 'allocate' });
  expect(await reserve({ project: 'greedy', service: 'big', range: 'pool', labels: labels(64) })).toBe('201');
});

test('one host cannot keep a whole range from all others, nor does what it listens on go first', async () => {
  await client.putRange({ name: 'field', from: 42_000, to: 42_999, purpose: '', owner: null, policy: 'dynamic' });
  const host = new ToldHost(client, 'flood', { name: 'flood' });
  await host.begin(Array.from({ length: 999 }, (_, n) => toldListener('evil/flood', 42_000 + n)));
  // As long as there is a port on which nobody is seen, that one is given.
  const first = await client.reserve({ project: 'calm', service: 'first', range: 'field' });
  expect(first.port).toBe(42_999);
  const next = await client.reserve({ project: 'calm', service: 'second', range: 'field' });
  expect(next.port).toBe(42_500);
  expect(await reserve({ project: 'calm', service: 'block', range: 'field', labels: labels(20) })).toBe('201');
  // Whoever asks for a port by its number is still told who listens there.
  expect(await reserve({ project: 'calm', service: 'exact', port: 42_700 })).toBe('port-taken');
  await told('draining:host:field:flood', 'more than the 500 ports that one host may keep');
  await told('draining:range:field', 'All of the ports');
  await host.change([], host.listeners.slice(0, 900));
  await vi.waitFor(async () => expect(await finding('draining:host:field:flood')).toBeUndefined(), 20_000);
});

test('nor can one project take what lies outside every range', async () => {
  const allocate = { purpose: '', owner: 'others', policy: 'allocate' } as const;
  await client.putRange({ name: 'low', from: 1_024, to: 40_999, ...allocate });
  await client.putRange({ name: 'middle', from: 41_300, to: 41_999, ...allocate });
  await client.putRange({ name: 'high', from: 43_300, to: 65_535, ...allocate });
  const block = (n: number) =>
    reserve({ project: 'grabber', service: `s${n}`, port: 43_000 + 64 * n, labels: labels(64) });
  const outcomes: string[] = [];
  for (const n of [0, 1, 2, 3]) outcomes.push(await block(n));
  expect(outcomes).toEqual(['201', '201', 'quota', 'quota']);
  await expect(
    client.reserve({ project: 'grabber', service: 'x', port: 43_128, labels: labels(23) }),
  ).rejects.toMatchObject({
    code: 'quota',
    message: expect.stringContaining('of the 150 ports that one project may hold of the ports outside every range'),
    data: { range: null, held: 128, quota: 150 },
  });
  expect(await reserve({ project: 'modest', service: 'web', port: 43_200 })).toBe('201');
  // A number that it holds already is no further one.
  expect(await reserve({ project: 'grabber', service: 'y', port: 43_128, labels: labels(22) })).toBe('201');
  expect(await reserve({ project: 'grabber', service: 'y', port: 43_128, labels: labels(22), protocol: 'udp' })).toBe(
    '201',
  );
  await told('draining:project:-:grabber', 'all of the 150 ports');
});

async function reserve(request: ReserveInput): Promise<string> {
  return client.reserve(request).then(
    () => '201',
    ({ code }) => code,
  );
}

function single(project: string, n: number): Promise<string> {
  return reserve({ project, service: `one${n}`, range: 'pool' });
}

function labels(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `l${i}`);
}

async function finding(id: string): Promise<Finding | undefined> {
  return (await client.findings({ kind: 'draining' })).items.find((each) => each.id === id);
}

async function told(id: string, summary: string): Promise<void> {
  await vi.waitFor(async () => expect((await finding(id))?.summary).toContain(summary), { timeout: 20_000 });
}
