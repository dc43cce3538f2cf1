import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { freePort } from '../../../../test/support/port.ts';
import type { Address, Measure, Receiver } from '../transport.ts';
import { createAllowList } from './allow-list.ts';
import { createSocketTransport, type SocketOptions, type SocketTransport } from './socket-transport.ts';

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

/** One byte says how long the message is; 255 is refused. */
const counted: Measure = (bytes) => {
  const length = 1 + (bytes[0] as number);
  if (length > 255) throw new Error('too long');
  return bytes.length >= length || length;
};

interface Node extends SocketTransport {
  readonly packets: { bytes: Uint8Array; from: Address }[];
  readonly requests: (Uint8Array | Error)[];
}

async function start(
  options: Partial<SocketOptions> = {},
  answer: Receiver['request'] = () => null,
  measure: Measure = counted,
): Promise<Node> {
  const transport = await createSocketTransport({ host: '127.0.0.1', port: 0, ...options });
  open.push(transport);
  const packets: Node['packets'] = [];
  const requests: Node['requests'] = [];
  transport.receive({
    measure: () => measure,
    packet: (bytes, from) => packets.push({ bytes, from }),
    request: (bytes, from) => {
      requests.push(bytes);
      return answer(bytes, from);
    },
  });
  return { ...transport, packets, requests };
}

async function dial({ address }: Node, localAddress = '127.0.0.1'): Promise<Socket & { read(): Buffer }> {
  const socket = connect({ port: address.port, host: address.host, localAddress });
  socket.on('error', () => {});
  open.push({ close: () => socket.destroy() });
  await once(socket, 'connect');
  return socket;
}

const message = (...bytes: number[]) => Uint8Array.of(bytes.length, ...bytes);

describe('packets', () => {
  test.each(['127.0.0.1', '::1'])('go both ways over %s and say where they came from', async (host) => {
    const [a, b] = [await start({ host }), await start({ host })];
    a.send(Uint8Array.of(1, 2), b.address);
    await vi.waitFor(() => expect(b.packets).toEqual([{ bytes: Buffer.of(1, 2), from: a.address }]), 60_000);
    b.send(Uint8Array.of(3), (b.packets[0] as { from: Address }).from);
    await vi.waitFor(() => expect(a.packets).toHaveLength(1), 60_000);
    expect(a.traffic).toMatchObject({ packetsOut: 1, packetsIn: 1, packetBytesOut: 2, packetBytesIn: 1 });
  });

  test('a node on all addresses of both families hears IPv4 by its own form, and answers it', async () => {
    const [wide, narrow] = [await start({ host: '::' }), await start()];
    narrow.send(Uint8Array.of(1), { host: '127.0.0.1', port: wide.address.port });
    await vi.waitFor(() => expect(wide.packets[0]?.from).toEqual(narrow.address), 60_000);
    wide.send(Uint8Array.of(2), narrow.address);
    await vi.waitFor(() => expect(narrow.packets).toHaveLength(1), 60_000);
  });

  test('up to 65,507 bytes arrive whole; more is a failure of this side', async () => {
    const [a, b] = [await start(), await start()];
    a.send(new Uint8Array(65_507), b.address);
    await vi.waitFor(() => expect(b.packets[0]?.bytes).toHaveLength(65_507), 60_000);
    const reason = await new Promise((resolve) => a.send(new Uint8Array(65_508), b.address, resolve));
    expect(reason).toBe('local');
    expect(a.traffic.packetsFailed).toBe(1);
  });

  test('a port that cannot be, and a socket that has been closed, fail without a throw', async () => {
    const [a, b] = [await start(), await start()];
    expect(await new Promise((resolve) => a.send(Uint8Array.of(1), { host: '127.0.0.1', port: 0 }, resolve))).toBe(
      'local',
    );
    await a.close();
    expect(await new Promise((resolve) => a.send(Uint8Array.of(1), b.address, resolve))).toBe('local');
  });
});

describe('one port for both', () => {
  test('a port that is taken, by packets or by streams, is refused and nothing stays bound', async () => {
    const udp = createSocket('udp4');
    const port = await freePort();
    udp.bind(port, '127.0.0.1');
    await once(udp, 'listening');
    await expect(createSocketTransport({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    udp.close();
    await once(udp, 'close');
    await start({ port });
    await expect(createSocketTransport({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });

  test('many find pairs at once', async () => {
    const nodes = await Promise.all(Array.from({ length: 50 }, () => start()));
    expect(new Set(nodes.map(({ address }) => address.port)).size).toBe(50);
  });
});

describe('streams', () => {
  test('an exchange brings the whole answer, however it is cut', async () => {
    const server = createServer(async (socket) => {
      await once(socket, 'data');
      for (const byte of message(7, 8, 9)) {
        socket.write(Uint8Array.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
    }).listen(0, '127.0.0.1');
    open.push(server);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const node = await start();
    const answer = await node.exchange({ host: '127.0.0.1', port }, message(1), counted, 5_000);
    expect(answer).toEqual(message(7, 8, 9));
  });

  test('a request is given once it is whole, and answered', async () => {
    const node = await start({}, (bytes) => (bytes instanceof Error ? null : message(...bytes, 42)));
    const other = await start();
    expect(await other.exchange(node.address, message(5, 6), counted, 5_000)).toEqual(message(2, 5, 6, 42));
    expect(node.requests).toEqual([message(5, 6)]);
  });

  test('a delivery is over when the other side has read it', async () => {
    const node = await start();
    await (await start()).deliver(node.address, message(1, 2, 3), 5_000);
    expect(node.requests).toEqual([message(1, 2, 3)]);
  });

  test('who ends early or sends what cannot be is told of as an error; who says nothing is not', async () => {
    const node = await start({}, (bytes) => (bytes instanceof Error ? message(99) : null));
    (await dial(node)).end();
    const early = await dial(node);
    early.end(Uint8Array.of(5, 1));
    expect(await once(early, 'data')).toEqual([Buffer.from(message(99))]);
    const malformed = await dial(node);
    malformed.write(Uint8Array.of(255));
    expect(await once(malformed, 'data')).toEqual([Buffer.from(message(99))]);
    expect(node.requests.map(String)).toEqual(['Error: the stream ended early', 'Error: too long']);
    expect(node.traffic.streamsBroken).toBe(2);
  });

  test('a closed port, a silent listener and an answer that ends early each say so in time', async () => {
    const node = await start();
    const silent = await start({}, () => null);
    const mute = createServer(() => {}).listen(0, '127.0.0.1');
    open.push(mute);
    await once(mute, 'listening');
    const at = (port: number) => ({ host: '127.0.0.1', port });
    const gone = await start();
    await gone.close();
    await expect(node.exchange(gone.address, message(1), counted, 5_000)).rejects.toThrow(
      /cannot reach .* ECONNREFUSED/,
    );
    await expect(node.exchange(silent.address, message(1), counted, 5_000)).rejects.toThrow(
      /before its answer was whole/,
    );
    const { port } = mute.address() as AddressInfo;
    const held = once(mute, 'connection');
    await expect(node.exchange(at(port), message(1), counted, 200)).rejects.toThrow(/did not answer within 200 ms/);
    (await held)[0].destroy();
  });

  test('a peer that hangs is cut off in time, and more than may be open at once are closed', async () => {
    const node = await start({ connections: 2, timeout: 300 });
    const hanging = [await dial(node, '127.0.0.1'), await dial(node, '127.0.0.2')];
    for (const socket of hanging) socket.write(Uint8Array.of(9));
    const third = await start();
    await expect(third.deliver(node.address, message(1), 5_000)).rejects.toThrow('ECONNRESET');
    expect(node.traffic.streamsRefused).toBe(1);
    await Promise.all(hanging.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    await (await start()).deliver(node.address, message(1), 5_000);
    expect(node.requests).toHaveLength(1);
  });

  test('one address that takes all it can get leaves room for the others', async () => {
    const node = await start({ connections: 8, timeout: 60_000 });
    const greedy = await Promise.all(Array.from({ length: 20 }, () => dial(node, '127.0.0.2')));
    await vi.waitFor(() => expect(node.traffic.streamsRefused).toBe(16), 60_000);
    await (await start()).deliver(node.address, message(1), 5_000);
    for (const socket of greedy) socket.destroy();
    await vi.waitFor(async () => {
      const socket = await dial(node, '127.0.0.2');
      socket.write(message(2));
      await vi.waitFor(() => expect(node.requests).toHaveLength(2), 500);
    }, 10_000);
  });

  test('an answer that nobody reads is dropped when the time is over', async () => {
    const large = new Uint8Array(20 * 2 ** 20);
    const node = await start({ connections: 1, timeout: 500 }, () => (node.requests.length === 1 ? large : null));
    const socket = await dial(node);
    socket.write(message(1));
    await vi.waitFor(() => expect(node.traffic.streamBytesOut).toBe(large.length), 60_000);
    const other = await start();
    await expect(other.deliver(node.address, message(2), 5_000)).rejects.toThrow('ECONNRESET');
    await vi.waitFor(() => other.deliver(node.address, message(2), 5_000), { timeout: 60_000 });
  });

  test('streams from networks that are not allowed are closed unread', async () => {
    const node = await start({ allow: createAllowList(['10.0.0.0/8']) });
    await expect((await start()).deliver(node.address, message(1), 5_000)).rejects.toThrow();
    expect(node.requests).toEqual([]);
    expect(node.traffic.streamsRefused).toBe(1);
  });

  test('all streams together hold no more than the budget', async () => {
    const node = await start({}, undefined, () => 2 ** 30);
    const sockets = await Promise.all(Array.from({ length: 20 }, () => dial(node)));
    const chunk = new Uint8Array(16 * 2 ** 20);
    const closed = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of sockets) socket.write(chunk);
    await Promise.race(closed);
    expect(node.traffic.streamsBroken).toBeGreaterThan(0);
    expect(node.traffic.streamBytesIn).toBeLessThan(20 * chunk.length);
  });
});
