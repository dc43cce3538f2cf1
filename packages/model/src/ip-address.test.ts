import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressBytes, isLinkLocal, isLoopback, isUnspecified } from './ip-address.ts';

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
