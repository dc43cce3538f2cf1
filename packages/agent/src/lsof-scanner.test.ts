import { expect, test } from 'vitest';
import { parseLsof, parsePs } from './lsof-scanner.ts';

/** As on macOS: the kernel's address of the socket is its device. */
const LISTING = `p501
cnode
u502
Lada
f18
tIPv4
d0x8f2d3c1a5b6e7f01
PTCP
n127.0.0.1:3050
f19
tIPv6
d0x8f2d3c1a5b6e7f02
PTCP
n*:3051
f20
tIPv4
d0x8f2d3c1a5b6e7f03
PUDP
n192.168.1.5:50001->8.8.8.8:53
f21
tIPv6
d0x8f2d3c1a5b6e7f04
PUDP
n[fe80::1%lo0]:5353
f22
tIPv4
d0x8f2d3c1a5b6e7f05
PUDP
n*:*
p600
cControlCe
u0
Lroot
f9
tIPv4
PTCP
n*:7000
`;

test('lsof: sockets without a remote end, by process', () => {
  expect(parseLsof(LISTING)).toEqual([
    { ...ada, protocol: 'tcp', address: '127.0.0.1', port: 3050, socket: '0x8f2d3c1a5b6e7f01' },
    { ...ada, protocol: 'tcp', address: '::', port: 3051, socket: '0x8f2d3c1a5b6e7f02' },
    { ...ada, protocol: 'udp', address: 'fe80::1', port: 5353, socket: '0x8f2d3c1a5b6e7f04' },
    {
      pid: 600,
      command: 'ControlCe',
      uid: 0,
      user: 'root',
      protocol: 'tcp',
      address: '0.0.0.0',
      port: 7000,
      socket: '600.9',
    },
  ]);
});

const ada = { pid: 501, command: 'node', uid: 502, user: 'ada' };

test('ps: start and arguments by process', () => {
  const text =
    '  501 Sat Nov 21 07:49:51 2026     node server.js --port 3050\n    1 Fri Nov  6 00:00:00 2026 /sbin/launchd\n';
  expect(parsePs(text)).toEqual(
    new Map([
      [501, { startedAt: new Date(2026, 10, 21, 7, 49, 51).getTime(), args: 'node server.js --port 3050' }],
      [1, { startedAt: new Date(2026, 10, 6).getTime(), args: '/sbin/launchd' }],
    ]),
  );
});
