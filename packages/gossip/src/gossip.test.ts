import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { freePort } from '../../../test/support/port.ts';
import { createGossipKey, type Gossip, type GossipOptions, startGossip } from './gossip.ts';
import type { GossipEvent } from './serf/serf.ts';
import { createSocketTransport } from './sockets/socket-transport.ts';

const PATIENCE = { timeout: 60_000, interval: 20 };
/** Little is told to few, so what gossip misses should not be long in coming by push/pull. */
const SWIFT = { gossipInterval: 50, pushPullInterval: 2_000 };
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (payload: Uint8Array) => Buffer.from(payload).toString();

const started: Gossip[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((node) => node.stop()));
});

interface Node extends Gossip {
  readonly events: GossipEvent[];
  readonly messages: string[];
  readonly logged: string[];
}

async function start(name: string, options: Partial<GossipOptions> = {}): Promise<Node> {
  const [events, messages, logged]: [GossipEvent[], string[], string[]] = [[], [], []];
  const gossip = await startGossip({
    name,
    bind: { host: '127.0.0.1', port: await freePort() },
    profile: SWIFT,
    ...options,
    log: (_, line) => logged.push(line),
    delegate: {
      event: (event) => events.push(event),
      message: (payload, from) => messages.push(`${from} ${text(payload)}`),
      ...options.delegate,
    },
  });
  started.push(gossip);
  return Object.assign(gossip, { events, messages, logged });
}

const at = ({ address: { host, port } }: Gossip) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);
const statuses = (node: Gossip) => Object.fromEntries(node.members().map(({ name, status }) => [name, status]));

async function cluster(options: Partial<GossipOptions> = {}, names = ['a', 'b', 'c']): Promise<Node[]> {
  const nodes = await Promise.all(names.map((name) => start(name, options)));
  for (const node of nodes.slice(1))
    expect(await node.join([at(nodes[0]!)])).toMatchObject({ joined: 1, failures: [] });
  await vi.waitFor(() => {
    for (const node of nodes) expect(Object.values(statuses(node))).toEqual(names.map(() => 'alive'));
  }, PATIENCE);
  return nodes;
}

describe('a cluster', () => {
  test.each<[string, Partial<GossipOptions>]>([
    ['in plain', {}],
    ['with keys and a label', { keyring: [createGossipKey(), createGossipKey()], label: 'shop' }],
    ['uncompressed', { compress: false }],
    ['over IPv6', { bind: { host: '::1', port: 0 } }],
  ])('%s: all hear of all, of tags, broadcasts, events and messages', async (_, options) => {
    const [a, b, c] = (await cluster({ tags: { zone: '1' }, ...options })) as [Node, Node, Node];
    b.setTags({ zone: '2' });
    a.broadcast(bytes('hello'));
    b.userEvent('deploy', bytes('4711'));
    const large = 'x'.repeat(3_000_000);
    await a.send('c', bytes(large));
    await vi.waitFor(() => {
      expect(a.member('b')?.tags).toEqual({ zone: '2' });
      expect(b.messages).toEqual(['a hello']);
      expect([...c.messages].sort()).toEqual(['a hello', `a ${large}`]);
      for (const { events } of [a, b, c]) {
        expect(events.filter(({ type }) => type === 'user-event')).toMatchObject([{ name: 'deploy' }]);
      }
    }, PATIENCE);
    expect(await a.ping('c')).toBeGreaterThan(0);
    const { traffic, members, userDrops, drops } = a.metrics();
    expect(traffic.packetsOut).toBeGreaterThan(0);
    expect(members).toEqual({ alive: 3, leaving: 0, left: 0, failed: 0 });
    expect([userDrops, drops]).toEqual([{ malformed: 0, unknown: 0, relay: 0 }, {}]);
  });

  test('tells who left from who failed, and both come back under their names', async () => {
    const [a, b, c] = (await cluster({}, ['a', 'b', 'c', 'd'])) as [Node, Node, Node];
    await c.leave();
    await c.stop();
    expect(statuses(a)).toMatchObject({ c: 'left' });
    await b.stop();
    await vi.waitFor(() => expect(statuses(a)).toMatchObject({ b: 'failed', c: 'left' }), {
      timeout: 60_000,
      interval: 100,
    });
    expect(a.events.map((event) => ('member' in event ? `${event.type} ${event.member.name}` : ''))).toEqual(
      expect.arrayContaining(['leave c', 'failed b']),
    );
    const again = await Promise.all([
      start('b', { bind: b.address }),
      start('c', { bind: { host: '127.0.0.1', port: 0 } }),
    ]);
    for (const node of again) await node.join([at(a)]);
    await vi.waitFor(() => expect(statuses(a)).toMatchObject({ b: 'alive', c: 'alive' }), PATIENCE);
  });

  test('exchanges what the application keeps, at once when somebody joins', async () => {
    const got: string[] = [];
    const a = await start('a', { delegate: { appState: () => bytes('state of a') } });
    const b = await start('b', {
      delegate: { appState: () => bytes('state of b'), mergeAppState: (state) => got.push(text(state)) },
    });
    await b.join([at(a)]);
    expect(got).toEqual(['state of a']);
  });

  test('outlives an application that throws wherever it can', async () => {
    const fail = () => {
      throw new Error('of the application');
    };
    const a = await start('a', { delegate: { event: fail, message: fail, appState: fail, mergeAppState: fail } });
    const b = await start('b', { delegate: { appState: () => bytes('x') } });
    await b.join([at(a)]);
    b.userEvent('deploy', bytes(''));
    await b.send('a', bytes('hello'));
    await vi.waitFor(() =>
      expect(a.logged.filter((line) => line.includes('of the application')).length).toBeGreaterThan(4),
    );
    expect(statuses(b)).toEqual({ a: 'alive', b: 'alive' });
  });
});

describe('whoever does not belong', () => {
  test.each<[string, Partial<GossipOptions>]>([
    ['has another key', { keyring: [createGossipKey()] }],
    ['has none', { keyring: [] }],
    ['has another label', { label: 'elsewhere' }],
  ])('and %s neither joins nor is heard', async (_, options) => {
    const own = { keyring: [createGossipKey()], label: 'shop' };
    const a = await start('a', own);
    const stranger = await start('stranger', { ...own, ...options });
    const { joined, failures } = await stranger.join([at(a)]);
    expect([joined, failures.length]).toEqual([0, 1]);
    expect(failures[0]?.message).toMatch(/could not join 127\.0\.0\.1/);
    expect([statuses(a), statuses(stranger)]).toEqual([{ a: 'alive' }, { stranger: 'alive' }]);
    expect(Object.values(a.metrics().drops).reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  });

  test('and is of a network that is not allowed is not listed, though it may list the others', async () => {
    const a = await start('a', { allow: ['127.0.0.1'] });
    const b = await start('b', { bind: { host: '127.0.0.2', port: 0 } });
    await b.join([at(a)]);
    expect([statuses(a), statuses(b)]).toEqual([{ a: 'alive' }, { a: 'alive', b: 'alive' }]);
    expect(a.metrics().drops).not.toEqual({});
  });

  test('and sends rubbish, by packets or streams, changes nothing', async () => {
    const [a] = (await cluster({}, ['a', 'b'])) as [Node];
    const rubbish = await createSocketTransport({ host: '127.0.0.1', port: 0 });
    rubbish.receive({ packet: () => {}, measure: () => () => 1, request: () => null });
    for (let i = 0; i < 300; i++) {
      const noise = Uint8Array.from({ length: i }, (__, at) => (i * 31 + at * 17) & 255);
      noise[0] = i % 16;
      rubbish.send(noise, a.address);
      // A user message of Serf's, of each kind, cut anywhere.
      rubbish.send(Uint8Array.of(8, i % 12, ...noise.subarray(0, i % 40)), a.address);
      if (i % 10 === 0) await rubbish.deliver(a.address, noise, 2_000).catch(() => {});
    }
    await vi.waitFor(() => expect(a.metrics().packetsIn).toBeGreaterThan(550), PATIENCE);
    await rubbish.close();
    expect(statuses(a)).toEqual({ a: 'alive', b: 'alive' });
    expect(a.metrics().delegateErrors).toBe(0);
    expect(a.metrics().userDrops.malformed).toBeGreaterThan(0);
  });
});

describe('a node', () => {
  test('that loses a conflict of names stops, or goes on where votes prove nothing', async () => {
    const nodes = await cluster();
    const [stopping, going] = [await start('c'), await start('c', { stopOnConflict: false })];
    for (const node of [stopping, going]) await node.join([at(nodes[0]!), at(nodes[1]!)]);
    const lost = { type: 'conflict', name: 'c', lost: true };
    await vi.waitFor(() => {
      for (const node of [stopping, going]) expect(node.events).toContainEqual(expect.objectContaining(lost));
    }, PATIENCE);
    expect(() => stopping.broadcast(bytes('x'))).not.toThrow();
    await expect(stopping.ping('a')).rejects.toThrow(/stopped|left/);
    expect(await going.ping('a')).toBeGreaterThan(0);
    expect(going.logged.join()).toContain('goes on');
  });

  test('whose seed is not there yet finds it when it is', async () => {
    const late = await start('late', { bind: { host: '127.0.0.1', port: 0 } });
    const { address } = late;
    await late.stop();
    const profile = { reconnectInterval: 200 };
    const node = await start('node', { profile });
    const { joined, failures } = await node.join([at(late), 'no-such-host.invalid', 'not:a:seed']);
    expect(joined).toBe(0);
    expect(failures.map(({ message }) => message)).toEqual([
      expect.stringMatching(/no-such-host\.invalid: .*(ENOTFOUND|EAI_AGAIN)/),
      expect.stringMatching(/names no node/),
      expect.stringMatching(/ECONNREFUSED/),
    ]);
    await start('late', { bind: address });
    await vi.waitFor(() => expect(statuses(node)).toEqual({ node: 'alive', late: 'alive' }), PATIENCE);
  });

  test('that is its own seed stays alone, and says nothing of it', async () => {
    const node = await start('node');
    expect(await node.join([at(node)])).toEqual({ joined: 0, failures: [] });
    await node.leave();
  });

  test('bound to all addresses tells others one at which it is reached; or the one that it was told', async () => {
    const open = Object.values(networkInterfaces()).some((each) => each?.some(({ internal }) => !internal));
    const wide = { host: '0.0.0.0', port: 0 };
    const told = await start('told', { bind: wide, advertise: { host: '127.0.0.1', port: 0 } });
    expect(told.address).toEqual({ host: '127.0.0.1', port: expect.any(Number) });
    expect(told.address.port).not.toBe(0);
    const node = await start('node');
    await node.join([at(told)]);
    await vi.waitFor(() => expect(node.member('told')?.address).toEqual(told.address), PATIENCE);
    const alone = start('wide', { bind: wide });
    if (open) expect((await alone).address.host).not.toBe('0.0.0.0');
    else await expect(alone).rejects.toThrow('needs to be told an address');
  });

  test('is refused what cannot be, and leaves nothing bound', async () => {
    const { address } = await start('a');
    await expect(start('b', { bind: address })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    for (const options of [
      { keyring: ['short'] },
      { tags: { a: 'x'.repeat(600) } },
      { allow: ['all'] },
      { allow: ['10.0.0.0/8'] },
      { advertise: { host: 'name', port: 1 } },
    ]) {
      const port = 1_024 + Math.floor(Math.random() * 20_000);
      const bind = { host: '127.0.0.77', port };
      await expect(start('b', { bind, ...options })).rejects.toThrow();
      await (await start('b', { bind })).stop();
    }
  });

  test('that was stopped refuses what it is asked, in words', async () => {
    const node = await start('node');
    await node.stop();
    await node.stop();
    await expect(node.join(['127.0.0.1:1'])).rejects.toThrow();
    await expect(node.query('x', bytes(''))).rejects.toThrow('stopped');
    expect(() => node.setTags({})).toThrow();
    await expect(node.send('nobody', bytes(''))).rejects.toThrow('no member is named "nobody"');
  });
});

test('a live cluster gets its first key in three steps, and its members keep each other', async () => {
  const keyring = [createGossipKey()];
  const nodes = await cluster();
  const steps: Partial<GossipOptions>[] = [
    { keyring, verifyIncoming: false, verifyOutgoing: false },
    { keyring, verifyIncoming: false, verifyOutgoing: true },
    { keyring },
  ];
  for (const step of steps) {
    for (const [i, node] of nodes.entries()) {
      await node.leave();
      await node.stop();
      nodes[i] = await start(node.name, { ...step, bind: node.address });
      const other = nodes[(i + 1) % nodes.length]!;
      expect(await nodes[i]!.join([at(other)])).toMatchObject({ joined: 1 });
      await vi.waitFor(() => {
        for (const each of nodes) expect(statuses(each)).toEqual({ a: 'alive', b: 'alive', c: 'alive' });
      }, PATIENCE);
    }
  }
});
