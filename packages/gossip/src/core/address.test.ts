import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressBytes, addressText } from './address.ts';

test('IPv4 addresses are four bytes', () => {
  expect(addressBytes('10.0.200.1')).toEqual(Uint8Array.of(10, 0, 200, 1));
  expect(addressText(Uint8Array.of(10, 0, 200, 1))).toBe('10.0.200.1');
});

test.each([
  ['::', '::'],
  ['::1', '::1'],
  ['fd00::5%eth0', 'fd00::5'],
  ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8::1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['1::', '1::'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['64:ff9b::10.0.0.1', '64:ff9b::a00:1'],
])('%s is read as %s', (host, text) => {
  expect(addressText(addressBytes(host))).toBe(text);
});

test('every IPv6 address is written as URLs write it, and read back the same', () => {
  const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(group, { minLength: 16, maxLength: 16 }), (groups) => {
      const bytes = Uint8Array.from([0x20, ...groups.slice(1)]);
      const text = addressText(bytes)!;
      expect(`[${text}]`).toBe(new URL(`http://[${text}]`).hostname);
      expect(addressBytes(text)).toEqual(bytes);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  '',
  'localhost',
  '10.0.0',
  '10.0.0.256',
  '1.2.3.4.5',
  ':::',
  '1::2::3',
  '1:2:3:4:5:6:7',
  '12345::',
  '::1:2:3:4:5:6:7:8',
])('"%s" is no address', (host) => {
  expect(() => addressBytes(host)).toThrow('is no IP address');
});

test('bytes of another length are no address', () => {
  expect(addressText(new Uint8Array(5))).toBeNull();
  expect(addressText(new Uint8Array(0))).toBeNull();
});
