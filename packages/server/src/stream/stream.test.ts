import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeCodes, revisionOf, type ServerFrame, type StreamEvent } from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import { freePort } from '../../../../test/support/port.ts';
import { type RunningServer, startServer } from '../main.ts';

const token = 'ptn_test';
const patience = { timeout: 60_000 };

describe('the live stream', () => {
  let directory: string;
  let server: RunningServer;
  let services = 0;
  const open = new Set<WebSocket>();
  const start = (port: number) =>
    startServer({
      port,
      token,
      logger: pino({ level: 'silent' }),
      store: { kind: 'sqlite', path: join(directory, 'fleet.db') },
    });

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'portolan-stream-'));
    server = await start(await freePort());
  });
  afterAll(async () => {
    for (const socket of open) socket.terminate();
    await server?.stop();
    await rm(directory, { recursive: true });
  });

  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return (await response.json()) as { port: number; position: string };
  };
  const reserve = (over: object = {}) =>
    call('POST', '/v1/assignments', { project: 'stream', service: `s${services++}`, ...over });

  /** A subscriber that keeps all frames, and the state that they amount to. */
  function subscribe(request: object, headers: Record<string, string> = { authorization: `Bearer ${token}` }) {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/stream`, { headers });
    open.add(socket);
    const frames: ServerFrame[] = [];
    const state = new Map<string, StreamEvent>();
    const client = { socket, frames, state, closed: undefined as { code: number; reason: string } | undefined };
    socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', topics: ['assignment'], ...request })));
    socket.on('message', (data) => {
      const frame = JSON.parse(String(data)) as ServerFrame;
      frames.push(frame);
      if (frame.type === 'reset') state.clear();
      const events =
        frame.type === 'snapshot'
          ? frame.entries
          : frame.type === 'changes'
            ? frame.commits.flatMap(({ events }) => events)
            : [];
      for (const event of events) {
        if (event.op === 'put') state.set(event.key, event);
        else state.delete(event.key);
      }
    });
    socket.on('close', (code, reason) => {
      client.closed = { code, reason: String(reason) };
    });
    socket.on('error', () => {});
    return client;
  }
  type Client = ReturnType<typeof subscribe>;
  const synced = (client: Client) =>
    vi.waitFor(() => expect(client.frames.map(({ type }) => type)).toContain('synced'), patience);
  const commitsOf = ({ frames }: Client) => frames.flatMap((frame) => (frame.type === 'changes' ? frame.commits : []));
  const lastPosition = (client: Client) => commitsOf(client).at(-1)!.position;
  const has = (client: Client, port: number) =>
    vi.waitFor(() => expect([...client.state.keys()]).toContain(`assignment/tcp/${port}`), patience);

  test('begins with a snapshot, then goes live: ordered, unique and atomic', async () => {
    const before = await reserve();
    const client = subscribe({});
    await synced(client);
    expect(client.state.has(`assignment/tcp/${before.port}`)).toBe(true);
    expect(client.frames[0]).toMatchObject({ type: 'snapshot' });

    const made = await Promise.all(Array.from({ length: 200 }, () => reserve()));
    await Promise.all(made.map(({ port }) => has(client, port)));
    const block = await reserve({ labels: ['a', 'b', 'c'] });
    await has(client, block.port);
    const revisions = commitsOf(client).map(({ position }) => revisionOf(position));
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
    const keys = commitsOf(client).flatMap(({ events }) => events.map(({ key, version }) => `${key} ${version}`));
    expect(new Set(keys).size).toBe(keys.length);
    const withBlock = commitsOf(client).find(({ events }) =>
      events.some(({ key }) => key === `assignment/tcp/${block.port}`),
    )!;
    expect(
      withBlock.events.filter(
        ({ value }) => (value as { purpose?: string; endpoint: { label: string } }).endpoint.label !== 'default',
      ),
    ).toHaveLength(3);
  });

  test('is resumed from a position without a gap and without a snapshot, also by a coordinator that was started anew', async () => {
    const client = subscribe({});
    await synced(client);
    const first = await reserve();
    await has(client, first.port);
    const position = lastPosition(client);
    client.socket.close();
    const missed = await reserve();
    const back = subscribe({ position });
    await synced(back);
    expect(back.frames.map(({ type }) => type)).toEqual(['changes', 'synced']);
    expect([...back.state.keys()]).toEqual([`assignment/tcp/${missed.port}`]);

    const port = Number(new URL(server.url).port);
    await server.stop();
    server = await start(port);
    const later = await reserve();
    const again = subscribe({ position });
    await synced(again);
    await has(again, later.port);
    expect(again.frames.every(({ type }) => type !== 'snapshot' && type !== 'reset')).toBe(true);
    expect([...again.state.keys()].sort()).toEqual(
      [`assignment/tcp/${missed.port}`, `assignment/tcp/${later.port}`].sort(),
    );
  });

  test('a position of another history is answered with a reset and a snapshot', async () => {
    const known = await reserve();
    const client = subscribe({ position: `${revisionOf(known.position)}-123456789` });
    await synced(client);
    expect(client.frames[0]).toEqual({ type: 'reset', reason: 'diverged' });
    await has(client, known.port);
  });

  test('a filter lets through what it names, and an entry that goes is told', async () => {
    await call('PUT', '/v1/ranges/filtered', { from: 6000, to: 6099, owner: 'filtered' });
    const client = subscribe({ filter: { project: 'filtered' } });
    await synced(client);
    await reserve();
    const wanted = await call('POST', '/v1/assignments', { project: 'filtered', service: 'x' });
    await has(client, wanted.port);
    expect(client.state.size).toBe(1);
    await call('POST', '/v1/assignments/release', { port: wanted.port });
    await vi.waitFor(() => expect(client.state.size).toBe(0), patience);
  });

  test('a stranger is sent away: no token, a wrong one, none in time', async () => {
    const none = subscribe({}, {});
    await vi.waitFor(() => expect(none.closed?.code).toBe(closeCodes.unauthorized), patience);
    const wrong = subscribe({}, { authorization: 'Bearer wrong' });
    await vi.waitFor(() => expect(wrong.closed?.code).toBe(closeCodes.unauthorized), patience);
    expect([...none.frames, ...wrong.frames]).toEqual([]);
    const silent = new WebSocket(`${server.url.replace('http', 'ws')}/v1/stream`);
    open.add(silent);
    const code = await new Promise((resolve) => silent.on('close', resolve));
    expect(code).toBe(closeCodes.unauthorized);
  });

  test('a browser, which cannot set headers, says its token first', async () => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/stream`);
    open.add(socket);
    const types: string[] = [];
    socket.on('message', (data) => types.push((JSON.parse(String(data)) as ServerFrame).type));
    await new Promise((resolve) => socket.on('open', resolve));
    socket.send(JSON.stringify({ type: 'auth', token }));
    socket.send(JSON.stringify({ type: 'subscribe', topics: ['finding'] }));
    await vi.waitFor(() => expect(types).toContain('synced'), patience);
  });

  test('a frame that cannot be read closes the stream and says why', async () => {
    const client = subscribe({ topics: ['nonsense'] });
    await vi.waitFor(
      () =>
        expect(client.closed).toMatchObject({ code: closeCodes.badFrame, reason: expect.stringContaining('topics') }),
      patience,
    );
    const large = subscribe({ padding: 'x'.repeat(100_000) });
    await vi.waitFor(() => expect(large.closed?.code).toBe(1009), patience);
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  });

  test('one who does not read holds up nobody, costs no memory, and catches up when it reads again', async () => {
    const slow = subscribe({ topics: ['assignment', 'range'] });
    await synced(slow);
    const quick = subscribe({ topics: ['assignment', 'range'] });
    await synced(quick);
    (slow.socket as unknown as { _socket: { pause(): void } })._socket.pause();
    const purpose = 'p'.repeat(500);
    // More than the buffers of the kernel and the bound of the coordinator hold together.
    for (let round = 0; round < 60; round++) {
      const puts = Array.from({ length: 200 }, (_, i) =>
        call('PUT', `/v1/ranges/r${i}`, { from: 30_000 + i, to: 30_000 + i, purpose: `${round} ${purpose}` }),
      );
      await Promise.all(puts);
      // It does not read pings either, and is not to be taken for dead, however long this takes.
      slow.socket.pong();
    }
    const last = await reserve();
    await has(quick, last.port);
    (slow.socket as unknown as { _socket: { resume(): void } })._socket.resume();
    await has(slow, last.port);
    const sorted = (client: Client) => [...client.state.values()].map(({ key, version }) => `${key} ${version}`).sort();
    await vi.waitFor(() => expect(sorted(slow)).toEqual(sorted(quick)), patience);
  });

  test('when the coordinator stops, streams are closed with the code that says so', async () => {
    const client = subscribe({});
    await synced(client);
    const port = Number(new URL(server.url).port);
    await server.stop();
    await vi.waitFor(() => expect(client.closed?.code).toBe(closeCodes.goingAway), patience);
    server = await start(port);
  });
});
