import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressBytes, isDnsName, isIpAddress, isLinkLocal, isLoopback, isUnspecified } from './ip-address.ts';

test('loopback is what only this machine can reach, however it is written', () => {
  for (const address of [
    'localhost',
    '127.0.0.1',
    '127.255.0.9',
    '::1',
    '[::1]',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
  ])
    expect(isLoopback(address), address).toBe(true);
  for (const address of [
    '127.999.999.999',
    '127.0.0',
    '127.0.0.1.evil.example',
    '127.0.0.01',
    '::2',
    '::',
    '[::1',
    '',
    '10.0.0.1',
    ':::1',
  ])
    expect(isLoopback(address), address).toBe(false);
});

test('link-local addresses and those that stand for any are known in all their disguises', () => {
  for (const address of [
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    'fe80::1',
    'febf::1%eth0',
    '64:ff9b::a9fe:a9fe',
  ])
    expect(isLinkLocal(address), address).toBe(true);
  for (const address of ['169.253.0.1', 'fec0::1', 'fd00:ec2::254', '192.168.0.1', 'example.net'])
    expect(isLinkLocal(address), address).toBe(false);
  for (const address of ['0.0.0.0', '::', '0::0', '::ffff:0.0.0.0']) expect(isUnspecified(address), address).toBe(true);
});

test('any address is read as it is written', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const bytes = addressBytes(text);
      expect([4, 16]).toContain(bytes?.length);
    }),
  );
  fc.assert(
    fc.property(fc.ipV4(), (text) => {
      expect(addressBytes(text)?.join('.')).toBe(text);
    }),
  );
});

test('the address of a socket is numeric, with or without a zone', () => {
  for (const address of ['0.0.0.0', '::', '10.0.0.5', '::ffff:10.0.0.5', 'fe80::1%eth0', '127.0.0.53%lo'])
    expect(isIpAddress(address), address).toBe(true);
  for (const address of ['vault.internal.example', 'localhost', '*', '[::1]', '10.0.0', '0x7f.1', '10.0.0.5:80', ''])
    expect(isIpAddress(address), address).toBe(false);
});

test('a name for DNS is no address, no part of a URL and not this machine', () => {
  for (const name of ['web-1', 'db.example.net', 'my_host', '3f2a9c', 'a'.repeat(63)])
    expect(isDnsName(name), name).toBe(true);
  for (const name of [
    'metrics.internal.example:80/x?',
    'user@host',
    'a b',
    'a..b',
    '-a',
    '',
    '169.254.169.254',
    '2852039166',
    '0xa9fea9fe',
    '169.254.0xa9fe',
    '127.1',
    'localhost',
    'x.localhost',
    '[::1]',
    'a'.repeat(64),
    'ｗｅｂ',
  ])
    expect(isDnsName(name), name).toBe(false);
});
