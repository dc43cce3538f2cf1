import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SocketTable } from './proc-net.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'portolan-proc-net-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

interface Line {
  bytes: number[];
  port: number;
  remotePort?: number;
  state: string;
  inode: number;
}

const HEADER = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}

/** As the kernel of a little-endian machine prints an address. */
function words(bytes: number[]): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 4) {
    text += bytes
      .slice(i, i + 4)
      .reverse()
      .map((byte) => hex(byte, 2))
      .join('');
  }
  return text;
}

function print(lines: Line[]): string {
  const rows = lines.map(({ bytes, port, remotePort = 0, state, inode }, index) => {
    const local = `${words(bytes)}:${hex(port, 4)}`;
    const remote = `${words(bytes.map(() => 0))}:${hex(remotePort, 4)}`;
    const counters = '00000000:00000000 00:00000000 00000000  1000        0';
    return `${String(index).padStart(4)}: ${local} ${remote} ${state} ${counters} ${inode} 1 00000000ffa022a9 100 0 0 10 0 \n`;
  });
  return HEADER + rows.join('');
}

function write(lines: Line[]): string {
  const file = join(directory, 'table');
  writeFileSync(file, print(lines));
  return file;
}

const LOOPBACK = [127, 0, 0, 1];
const line = (inode: number, port: number, more: Partial<Line> = {}): Line => ({
  bytes: LOOPBACK,
  port,
  state: '0A',
  inode,
  ...more,
});

test('what the kernel lists comes out, whatever addresses, ports and inodes', () => {
  const octet = fc.integer({ min: 0, max: 255 });
  const listed = fc.uniqueArray(
    fc.record({
      bytes: fc.array(octet, { minLength: 4, maxLength: 4 }),
      port: fc.integer({ min: 1, max: 65535 }),
      inode: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      state: fc.constant('0A'),
    }),
    { selector: ({ inode }) => inode },
  );
  fc.assert(
    fc.property(listed, (lines) => {
      const table = new SocketTable('tcp', 4);
      expect(table.read(write(lines))).toBe(lines.length > 0);
      expect([...table.sockets.values()]).toMatchObject(
        lines.map(({ bytes, port, inode }) => ({ protocol: 'tcp', address: bytes.join('.'), port, inode })),
      );
    }),
    { numRuns: 50 },
  );
});

test('IPv6 addresses are written short, mapped ones with their IPv4 address', () => {
  const zeros = (count: number) => Array<number>(count).fill(0);
  const table = new SocketTable('tcp', 6);
  table.read(
    write([
      line(1, 1001, { bytes: zeros(16) }),
      line(2, 1002, { bytes: [...zeros(15), 1] }),
      line(3, 1003, { bytes: [...zeros(10), 255, 255, 127, 0, 0, 1] }),
      line(4, 1004, { bytes: [0xfe, 0x80, ...zeros(6), 0x02, 0x15, 0x5d, 0xff, 0xfe, 0x00, 0x00, 0x0a] }),
    ]),
  );
  const addresses = [...table.sockets.values()].map(({ address }) => address);
  expect(addresses).toEqual(['::', '::1', '::ffff:127.0.0.1', 'fe80::215:5dff:fe00:a']);
});

test('unchanged lines keep their objects although their place in the table moves', () => {
  const table = new SocketTable('tcp', 4);
  table.read(write([line(11, 3001), line(12, 3002)]));
  const before = table.sockets.get(12);
  expect(table.read(write([line(11, 3001), line(12, 3002)]))).toBe(false);
  expect(table.read(write([line(13, 3003), line(11, 3001), line(12, 3002)]))).toBe(true);
  expect(table.sockets.get(12)).toBe(before);
  expect(table.read(write([line(12, 3002)]))).toBe(true);
  expect([...table.sockets.keys()]).toEqual([12]);
});

test('an inode that comes back as another socket is another socket', () => {
  const table = new SocketTable('tcp', 4);
  table.read(write([line(11, 3001)]));
  expect(table.read(write([line(11, 3001, { bytes: [10, 0, 0, 1] })]))).toBe(true);
  expect(table.sockets.get(11)).toMatchObject({ address: '10.0.0.1', port: 3001 });
});

test('connections after the listening sockets are not even compared', () => {
  const connections = (count: number) =>
    Array.from({ length: count }, (_, index) => line(5000 + index, 3001, { state: '01', remotePort: 40_000 + index }));
  const listening = Array.from({ length: 400 }, (_, index) => line(100 + index, 3001 + index));
  const table = new SocketTable('tcp', 4);
  expect(table.read(write([...listening, ...connections(2000)]))).toBe(true);
  expect(table.sockets.size).toBe(400);
  expect(table.read(write([...listening, ...connections(1)]))).toBe(false);
});

test('of UDP the unconnected sockets count', () => {
  const table = new SocketTable('udp', 4);
  table.read(
    write([
      line(1, 5353, { state: '07' }),
      line(2, 40_000, { state: '01', remotePort: 53 }),
      line(3, 5354, { state: '07' }),
      line(4, 40_001, { state: '07', remotePort: 53 }),
      line(0, 5355, { state: '07' }),
    ]),
  );
  expect([...table.sockets.values()].map(({ port }) => port)).toEqual([5353, 5354]);
});

test('a table that cannot be read stays as it was', () => {
  const table = new SocketTable('tcp', 4);
  table.read(write([line(1, 3001)]));
  expect(table.read(join(directory, 'absent'))).toBe(false);
  expect(table.sockets.size).toBe(1);
});

test('a table that was taken to be empty is read anew, though it says what it said before', () => {
  const table = new SocketTable('tcp', 4);
  const file = write([line(1, 3050)]);
  table.read(file);
  expect(table.clear()).toBe(true);
  expect(table.sockets.size).toBe(0);
  expect(table.clear()).toBe(false);
  expect(table.read(file)).toBe(true);
  expect(table.sockets.get(1)).toMatchObject({ port: 3050 });
});
