import { afterEach, expect, test, vi } from 'vitest';
import { createGossipKey } from '../gossip.ts';
import { keySeals } from './seals.ts';
import { type SheetCluster, type SheetClusterOptions, startSheetCluster } from './sheet-cluster.ts';
import { createSigningKey, type SigningKey } from './signing-key.ts';

const patient = { timeout: 60_000, interval: 20 };
const key = createGossipKey();
const signing = new Map<string, SigningKey>();
const running: SheetCluster[] = [];

async function start(name: string, over: Partial<SheetClusterOptions> = {}): Promise<SheetCluster> {
  signing.set(name, signing.get(name) ?? createSigningKey());
  const own = (owner: string) => (owner === name ? signing.get(name) : undefined);
  const cluster = await startSheetCluster({
    name,
    sheets: { seals: keySeals(own, (owner) => signing.get(owner)?.publicKey) },
    host: '127.0.0.1',
    ports: [0],
    profile: 'local',
    label: 'sheets',
    keyring: [key],
    tags: { kind: 'test' },
    kindTag: 'kind',
    ...over,
  });
  running.push(cluster);
  return cluster;
}
const seedOf = ({ gossip }: SheetCluster) => `${gossip.address.host}:${gossip.address.port}`;
const names = (cluster: SheetCluster) =>
  cluster.gossip
    .members()
    .filter(({ status }) => status === 'alive')
    .map(({ name }) => name)
    .sort();

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ gossip }) => gossip.stop()));
});

test('three members over sockets: a sheet of one is at the others, and what changes of it', async () => {
  const [a, b, c] = [await start('a'), await start('b'), await start('c')];
  a.sheets.publish('a', new Map([['x', '1']]));
  for (const each of [b, c]) await each.gossip.join([seedOf(a)]);
  await vi.waitFor(() => expect(names(c)).toEqual(['a', 'b', 'c']), patient);
  const at = (cluster: SheetCluster) => Object.fromEntries(cluster.sheets.get('a')?.records ?? []);
  await vi.waitFor(() => expect([at(b), at(c)]).toEqual([{ x: '1' }, { x: '1' }]), patient);
  const heard = new Promise((resolve) => c.onChange(({ puts }) => resolve(puts.get('y'))));
  a.sheets.patch('a', new Map([['y', '2']]), ['x']);
  expect(await heard).toBe('2');
  await vi.waitFor(() => expect([at(b), at(c)]).toEqual([{ y: '2' }, { y: '2' }]), patient);
  expect(b.unreadable + c.unreadable).toBe(0);
});

test('a sheet too large for a packet is fetched', async () => {
  const [a, b] = [await start('a'), await start('b')];
  await b.gossip.join([seedOf(a)]);
  const many = new Map(Array.from({ length: 5_000 }, (_, i) => [`k${i}`, `${i * 7919}`]));
  a.sheets.publish('a', many);
  await vi.waitFor(() => expect(b.sheets.get('a')?.records).toEqual(many), patient);
});

test('where a port is taken the next one is tried', async () => {
  const a = await start('a');
  const { port } = a.gossip.address;
  const b = await start('b', { ports: [port, 0] });
  expect(b.gossip.address.port).not.toBe(port);
  await expect(start('c', { ports: [port] })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('a fleet with another label, or another key, hears nothing', async () => {
  const a = await start('a');
  const b = await start('b', { label: 'another' });
  const c = await start('c', { keyring: [createGossipKey()] });
  expect((await b.gossip.join([seedOf(a)])).joined).toBe(0);
  expect((await c.gossip.join([seedOf(a)])).joined).toBe(0);
  expect([names(a), names(b), names(c)]).toEqual([['a'], ['b'], ['c']]);
});
