import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  answerNudges,
  createGossipKey,
  isSignedWith,
  keySeals,
  type SheetCluster,
  startSheetCluster,
} from '@portolan/gossip';
import {
  CoordinatorProof,
  type GossipAccess,
  type KeyReport,
  key,
  type MemberView,
  proofStatement,
  REGISTRY_SHEET,
} from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type RunningServer, startServer } from '../main.ts';

const patient = { timeout: 60_000, interval: 50 };
const token = 'ptn_of_the_start';

let directory: string;
let server: RunningServer;
const joined: SheetCluster[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-gossip-'));
  server = await start();
});
afterAll(async () => {
  await Promise.all(joined.map(({ gossip }) => gossip.stop()));
  await server?.stop();
  await rm(directory, { recursive: true });
});

function start(host = '127.0.0.1'): Promise<RunningServer> {
  return startServer({
    host,
    insecureBind: true,
    port: 0,
    token,
    logger: pino({ level: 'silent' }),
    store: { kind: 'sqlite', path: join(directory, 'fleet.db') },
    gossip: { port: 0 },
  });
}

async function call<T>(method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(server.url + path, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  return (await response.json()) as T;
}

/** Somebody who knows what the coordinator tells agents. */
async function member(name: string, over: Partial<GossipAccess> = {}): Promise<SheetCluster> {
  const { label, keys, seeds, identity } = { ...(await call<GossipAccess>('GET', '/v1/gossip')), ...over };
  const cluster = await startSheetCluster({
    name,
    host: '127.0.0.1',
    ports: [0],
    profile: 'local',
    label,
    keyring: keys,
    tags: { kind: 'portolan', role: 'agent', host: name, version: '1' },
    kindTag: 'kind',
    keyQueries: false,
    sheets: {
      seals: keySeals(
        () => undefined,
        (owner) => (owner === REGISTRY_SHEET ? identity : undefined),
      ),
    },
  });
  joined.push(cluster);
  cluster.onEvent(
    answerNudges(cluster.gossip, async () => {
      if (over.keys) throw new Error('its token was revoked');
      cluster.gossip.setKeys((await call<GossipAccess>('GET', '/v1/gossip')).keys);
    }),
  );
  await cluster.gossip.join(seeds);
  return cluster;
}

const items = async () => (await call<{ items: MemberView[] }>('GET', '/v1/members')).items;

test('a coordinator tells an agent how to take part, and is known to it with its URL', async () => {
  const access = await call<GossipAccess>('GET', '/v1/gossip');
  expect(access).toMatchObject({ label: 'portolan/default', keys: [expect.stringMatching(/^.{43}=$/)] });
  expect(access.seeds).toHaveLength(1);
  const a = await member('a');
  await vi.waitFor(async () => {
    expect((await items()).map(({ name, status }) => [name, status])).toContainEqual(['a', 'alive']);
  }, patient);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toMatch(/^portolan_gossip_members\{status="alive"\} 2$/m);
  const coordinators = a.gossip.members().filter(({ tags }) => tags.role === 'coordinator');
  expect(coordinators.map(({ tags }) => tags.api)).toEqual([server.url]);
});

test('what is reserved, released and found is in the sheet of the registry, and no secret of a token', async () => {
  const a = await member('b');
  const records = () => a.sheets.get(REGISTRY_SHEET)?.records;
  await call('POST', '/v1/assignments', { project: 'shop', service: 'cart', port: 20_300 });
  await vi.waitFor(() => expect(records()?.get(key.assignment('tcp', 20_300))).toContain('"cart"'), patient);
  await call('POST', '/v1/assignments/release', { port: 20_300 });
  await vi.waitFor(() => expect(records()?.has(key.assignment('tcp', 20_300))).toBe(false), patient);
  const made = await call<{ id: string; token: string }>('POST', '/v1/tokens', { role: 'viewer', name: 'board' });
  await vi.waitFor(() => expect(records()?.has(key.token(made.id))).toBe(true), patient);
  const all = [...records()!.values()].join();
  expect(all).not.toContain(made.token);
  expect(all).not.toContain(token);
});

test('keys: a new one is known to all, used, the old one forgotten; whoever has the old one alone stays outside', async () => {
  const [before] = (await call<KeyReport>('GET', '/v1/gossip/keys')).keys;
  expect(before).toMatchObject({ primary: true });
  expect(await call('POST', '/v1/gossip/keys/remove', { key: before!.key })).toMatchObject({ code: 'invalid-request' });
  expect(await call('POST', '/v1/gossip/keys/use', { key: createGossipKey() })).toMatchObject({ code: 'not-found' });

  const installed = await call<KeyReport>('POST', '/v1/gossip/keys/install', {});
  const [fresh] = installed.keys.filter(({ primary }) => !primary);
  expect(fresh!.members).toBe(installed.members);
  const used = await call<KeyReport>('POST', '/v1/gossip/keys/use', { key: fresh!.key });
  expect(used.keys.find(({ primary }) => primary)?.key).toBe(fresh!.key);
  const removed = await call<KeyReport>('POST', '/v1/gossip/keys/remove', { key: before!.key });
  expect(removed.keys.map((each) => each.key)).toEqual([fresh!.key]);

  expect((await call<GossipAccess>('GET', '/v1/gossip')).keys).toEqual([fresh!.key]);
  const late = await member('late', { keys: [before!.key] });
  expect(late.gossip.members().map(({ name }) => name)).toEqual(['late']);
  const right = await member('right');
  expect(right.gossip.members().map(({ name }) => name)).toContain('a');
});

test('a member neither changes keys of others nor is told them', async () => {
  const { keys } = await call<KeyReport>('GET', '/v1/gossip/keys');
  const rogue = joined.at(-1)!;
  const own = createGossipKey();
  for (const ask of [() => rogue.gossip.keys.install(own), () => rogue.gossip.keys.list()]) {
    const { members, failures, keys: told } = await ask();
    expect(Object.values(failures)).toEqual(Array(members).fill(expect.stringContaining('neither tells its keys')));
    expect(told).toEqual({});
  }
  expect((await call<KeyReport>('GET', '/v1/gossip/keys')).keys.map((each) => each.key)).toEqual(
    keys.map((each) => each.key),
  );
});

test('what was installed twice is there once, and removed before it was used', async () => {
  const [before] = (await call<KeyReport>('GET', '/v1/gossip/keys')).keys;
  const fresh = createGossipKey();
  for (const again of [fresh, fresh, before!.key]) await call('POST', '/v1/gossip/keys/install', { key: again });
  const removed = await call<KeyReport>('POST', '/v1/gossip/keys/remove', { key: fresh });
  expect(removed.keys).toEqual([{ ...before, members: removed.members }]);
  expect(await call('POST', '/v1/gossip/keys/remove', { key: fresh })).toMatchObject({ code: 'not-found' });
});

test('it proves to whoever asks that it has the key of the fleet, for the address by which others reach it alone', async () => {
  const { identity } = await call<GossipAccess>('GET', '/v1/gossip');
  const nonce = 'n'.repeat(43);
  const ask = (origin: string) =>
    fetch(`${server.url}/v1/proof`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ origin, nonce }),
    });
  const { signature } = CoordinatorProof.parse(await (await ask(server.url)).json());
  const isProof = (origin: string) =>
    isSignedWith(identity, proofStatement({ origin, nonce }), Buffer.from(signature, 'base64url'));
  expect([isProof(server.url), isProof('http://10.0.0.9:7678')]).toEqual([true, false]);
  expect((await ask('http://10.0.0.9:7678')).status, 'whose address this is').toBe(404);
  expect((await ask('file:///etc/passwd')).status).toBe(400);
});

test('a coordinator that starts again has the keys of the store', async () => {
  const { keys, identity } = await call<GossipAccess>('GET', '/v1/gossip');
  await server.stop();
  server = await start();
  const access = await call<GossipAccess>('GET', '/v1/gossip');
  expect(access).toMatchObject({ keys, identity });
  expect(access.seeds, 'the place of before is forgotten').toHaveLength(1);
});

test('one that listens on all addresses names one at which it is reached', async () => {
  await server.stop();
  server = await start('0.0.0.0');
  const [own] = await items();
  expect(own?.tags.api).toBe(`http://127.0.0.1:${new URL(server.url).port}`);
});
