import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalAddress, formatIpv6 } from './address.ts';

const groups = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 });

test('an IPv6 address is written as the URL standard writes it', () => {
  fc.assert(
    fc.property(groups, (address) => {
      fc.pre(!formatIpv6(address).includes('.'));
      const long = address.map((group) => group.toString(16)).join(':');
      expect(formatIpv6(address)).toBe(new URL(`http://[${long}]`).hostname.slice(1, -1));
    }),
  );
});

test('the canonical text of a canonical text is itself, and of a long one the short one', () => {
  fc.assert(
    fc.property(groups, (address) => {
      const long = address.map((group) => group.toString(16).padStart(4, '0')).join(':');
      expect(canonicalAddress(long, 6)).toBe(formatIpv6(address));
      expect(canonicalAddress(formatIpv6(address), 6)).toBe(formatIpv6(address));
    }),
  );
});

test.each([
  ['*', 4, '0.0.0.0'],
  ['*', 6, '::'],
  ['[::1]', 6, '::1'],
  ['[fe80::1%eth0]', 6, 'fe80::1'],
  ['fe80::1%4', 6, 'fe80::1'],
  ['::ffff:10.0.0.1', 6, '::ffff:10.0.0.1'],
  ['192.168.0.1', 4, '192.168.0.1'],
  ['host.example', 4, null],
  ['1:2', 6, null],
] as const)('%s of family %d is %s', (text, family, expected) => {
  expect(canonicalAddress(text, family)).toBe(expected);
});
