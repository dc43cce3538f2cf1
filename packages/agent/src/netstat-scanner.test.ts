import { expect, test } from 'vitest';
import { parseNetstat, parseTasklist } from './netstat-scanner.ts';

const LISTING = `
Active Connections

  Proto  Local Address          Foreign Address        State           PID
  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       1096
  TCP    127.0.0.1:3050         0.0.0.0:0              ABHÖREN         4464
  TCP    192.168.1.5:51234      140.82.112.25:443      ESTABLISHED     7788
  TCP    192.168.1.5:51235      140.82.112.25:443      TIME_WAIT       0
  TCP    [::]:135               [::]:0                 LISTENING       1096
  TCP    [::1]:3051             [::]:0                 LISTENING       4464
  UDP    0.0.0.0:5353           *:*                                    2100
  UDP    [fe80::1%4]:1900       *:*                                    2204
`;

test('netstat: what listens counts, whatever the language of the state', () => {
  expect(parseNetstat(LISTING.replaceAll('\n', '\r\n'))).toEqual([
    { protocol: 'tcp', address: '0.0.0.0', port: 135, pid: 1096 },
    { protocol: 'tcp', address: '127.0.0.1', port: 3050, pid: 4464 },
    { protocol: 'tcp', address: '::', port: 135, pid: 1096 },
    { protocol: 'tcp', address: '::1', port: 3051, pid: 4464 },
    { protocol: 'udp', address: '0.0.0.0', port: 5353, pid: 2100 },
    { protocol: 'udp', address: 'fe80::1', port: 1900, pid: 2204 },
  ]);
});

test('tasklist: programs by process', () => {
  const text = '"System","4","Services","0","144 K"\r\n"node.exe","4464","Console","1","50,000 K"\r\n';
  expect(parseTasklist(text)).toEqual(
    new Map([
      [4, 'System'],
      [4464, 'node.exe'],
    ]),
  );
});
