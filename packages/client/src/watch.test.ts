import { closeCodes, type Readiness, type ServerFrame, type StreamEvent } from '@portolan/model';
import { expect, test, vi } from 'vitest';
import { connect } from './connect.ts';
import { fakeCoordinator, type Subscription } from './fake-coordinator.ts';
import type { WatchEvent } from './watch.ts';

const put = (key: string, value: unknown = {}): StreamEvent => ({
  op: 'put',
  topic: 'assignment',
  key,
  value,
  version: '1.1',
});
const commit = (position: string, ...keys: string[]) => ({ position, events: keys.map((key) => put(key)) });

async function scene(onSubscribe: (subscription: Subscription, connection: number) => void) {
  const subscriptions: Subscription[] = [];
  const fake = await fakeCoordinator(
    () => ({ status: 404 }),
    (subscription) => onSubscribe(subscription, subscriptions.push(subscription)),
  );
  const stop = new AbortController();
  const watch = connect({ url: fake.url, token: 'ptn_x' }).watch({ topics: ['assignment'], signal: stop.signal });
  return { fake, subscriptions, watch, stop, [Symbol.asyncDispose]: fake.stop };
}

async function take(events: AsyncIterable<WatchEvent>, wanted: number): Promise<WatchEvent[]> {
  const taken: WatchEvent[] = [];
  for await (const event of events) if (taken.push(event) === wanted) break;
  return taken;
}

test('a watch authenticates by its first frame, and begins with a snapshot', async () => {
  await using it = await scene(({ send }) => {
    send({ type: 'snapshot', entries: [put('a')], position: '5-1' }, { type: 'synced', position: '5-1' });
  });
  expect(await take(it.watch, 2)).toEqual([{ type: 'snapshot', entries: [put('a')] }, { type: 'synced' }]);
  expect(it.subscriptions[0]).toMatchObject({ token: 'ptn_x', position: undefined });
});

test('a lost connection is resumed after the last change that the consumer took', async () => {
  await using it = await scene(({ send, socket }, connection) => {
    if (connection === 1) {
      send({ type: 'snapshot', entries: [], position: '5-1' }, { type: 'synced', position: '5-1' });
      send({ type: 'changes', commits: [commit('6-1', 'a'), commit('7-1', 'b')] });
      socket.close(closeCodes.goingAway);
    } else {
      send({ type: 'synced', position: '7-1' }, { type: 'changes', commits: [commit('8-1', 'c')] });
    }
  });
  const events = await take(it.watch, 6);
  expect(events.map(({ type }) => type)).toEqual(['snapshot', 'synced', 'change', 'change', 'synced', 'change']);
  expect(it.subscriptions[1]?.position).toBe('7-1');
});

test('commits that share a position come together, and count only when the consumer comes back', async () => {
  await using it = await scene(({ send }) => {
    send({ type: 'snapshot', entries: [], position: '5-1' }, { type: 'synced', position: '5-1' });
    send({ type: 'changes', commits: [commit('7-1', 'a'), commit('7-1', 'b'), commit('8-1', 'c')] });
  });
  const positions: unknown[] = [];
  for await (const event of it.watch) {
    if (event.type === 'change')
      positions.push([event.events.map(({ key }) => key), event.position, it.watch.position]);
    if (positions.length === 2) break;
  }
  expect(positions).toEqual([
    [['a', 'b'], '7-1', '5-1'],
    [['c'], '8-1', '7-1'],
  ]);
});

test('a snapshot that broke off begins again, after a reset', async () => {
  await using it = await scene(({ send, socket }, connection) => {
    send({ type: 'snapshot', entries: [put('a')], position: '5-1' });
    if (connection === 1) socket.close(closeCodes.goingAway);
    else send({ type: 'synced', position: '5-1' });
  });
  const events = await take(it.watch, 4);
  expect(events.map(({ type }) => type)).toEqual(['snapshot', 'reset', 'snapshot', 'synced']);
  expect(it.subscriptions[1]?.position).toBeUndefined();
});

test('a bookmark moves the position on without an event', async () => {
  await using it = await scene(({ send }) => {
    send({ type: 'snapshot', entries: [], position: '5-1' }, { type: 'synced', position: '5-1' });
    send({ type: 'bookmark', position: '9-1' });
  });
  const iterator = it.watch[Symbol.asyncIterator]();
  await iterator.next();
  await iterator.next();
  const waiting = iterator.next();
  await vi.waitFor(() => expect(it.watch.position).toBe('9-1'), { timeout: 60_000 });
  it.stop.abort();
  expect(await waiting).toEqual({ done: true, value: undefined });
});

const READINESS: Readiness = {
  coordinator: 'k1',
  at: '2026-11-30T02:14:10.000Z',
  store: { reachable: false, since: '2026-11-30T02:14:07.000Z' },
  copy: { current: true, freshAt: '2026-11-30T02:14:07.000Z' },
  leader: { coordinator: 'k1', since: '2026-11-30T01:00:00.000Z' },
  coordinators: [],
};

test('a frame of a type that a later coordinator sends is left aside', async () => {
  await using it = await scene(({ send }) => {
    send({ type: 'later', of: ['anything'] } as unknown as ServerFrame);
    send({ type: 'snapshot', entries: [], position: '5-1' }, { type: 'synced', position: '5-1' });
  });
  expect((await take(it.watch, 2)).map(({ type }) => type)).toEqual(['snapshot', 'synced']);
});

test('whoever asks for it is told how the coordinator does, by the address; others ask as they always did', async () => {
  await using it = await scene(({ send }) => {
    send({ type: 'readiness', readiness: READINESS });
    send({ type: 'snapshot', entries: [], position: '5-1' }, { type: 'synced', position: '5-1' });
  });
  const said: Readiness[] = [];
  const watch = connect({ url: it.fake.url, token: 'ptn_x' }).watch({
    topics: ['assignment'],
    readiness: (readiness) => said.push(readiness),
  });
  expect((await take(watch, 2)).map(({ type }) => type)).toEqual(['snapshot', 'synced']);
  expect(said).toEqual([READINESS]);
  await take(it.watch, 2);
  expect(it.subscriptions.map(({ path }) => path)).toEqual(['/v1/stream?readiness=true', '/v1/stream']);
});

test('a refused token ends the watch with an error', async () => {
  await using it = await scene(({ socket }) => socket.close(closeCodes.unauthorized, 'the token was revoked'));
  await expect(take(it.watch, 1)).rejects.toMatchObject({
    code: 'unauthorized',
    message: expect.stringContaining('the token was revoked'),
  });
  expect(it.subscriptions).toHaveLength(1);
});

test('a consumer that does not keep up ends the connection, and misses nothing', async () => {
  const filler = 'x'.repeat(300_000);
  const large = (revision: number) => ({ position: `${revision}-1`, events: [put(String(revision), filler)] });
  await using it = await scene(({ send, position }, connection) => {
    if (connection === 1) send({ type: 'snapshot', entries: [], position: '0-1' });
    send({ type: 'synced', position: position ?? '0-1' });
    const seen = Number(position?.split('-')[0] ?? 0);
    for (let revision = seen + 1; revision <= 20; revision++) send({ type: 'changes', commits: [large(revision)] });
  });
  const iterator = it.watch[Symbol.asyncIterator]();
  await iterator.next();
  // The consumer is busy until the client has hung up.
  await vi.waitFor(() => expect(it.fake.sockets.size).toBe(0), { timeout: 60_000 });
  const keys: string[] = [];
  while (keys.length < 20) {
    const { value } = await iterator.next();
    if (value?.type === 'change') keys.push(...value.events.map(({ key }: StreamEvent) => key));
  }
  expect(keys).toEqual(Array.from({ length: 20 }, (_, i) => String(i + 1)));
  expect(it.subscriptions.length).toBeGreaterThan(1);
  it.stop.abort();
});

test('to leave the loop closes the connection', async () => {
  await using it = await scene(({ send }) => send({ type: 'snapshot', entries: [], position: '1-1' }));
  await take(it.watch, 1);
  await vi.waitFor(() => expect(it.fake.sockets.size).toBe(0), { timeout: 60_000 });
});
