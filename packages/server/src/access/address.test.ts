import { PortolanError } from '@portolan/model';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { networkOf, Proxies } from './address.ts';

describe('whose request it is', () => {
  const proxies = new Proxies(['10.0.0.0/24', 'fd00:1::/64', '192.0.2.7']);

  test('is told by the last address that no trusted proxy has, when a trusted proxy says it', () => {
    expect(proxies.addressOf('10.0.0.1', '198.51.100.4')).toBe('198.51.100.4');
    expect(proxies.addressOf('::ffff:10.0.0.1', '198.51.100.4')).toBe('198.51.100.4');
    expect(proxies.addressOf('fd00:1::9', '2001:db8::5, 192.0.2.7, 10.0.0.255')).toBe('2001:db8::5');
    expect(proxies.addressOf('10.0.0.1', '1.2.3.4, 198.51.100.4,10.0.0.2')).toBe('198.51.100.4');
    expect(proxies.addressOf('10.0.0.1', 'whatever <script>, 198.51.100.4')).toBe('198.51.100.4');
  });

  test('is told by nobody whom nobody trusts', () => {
    expect(proxies.addressOf('10.0.1.1', '198.51.100.4')).toBe('10.0.1.1');
    expect(proxies.addressOf('fd00:1:0:1::9', '198.51.100.4')).toBe('fd00:1:0:1::9');
    expect(new Proxies().addressOf('127.0.0.1', '198.51.100.4')).toBe('127.0.0.1');
    expect(proxies.addressOf(undefined, '198.51.100.4')).toBe(null);
  });

  test('is the proxy when what it says cannot be read, or names proxies alone', () => {
    for (const said of [
      undefined,
      '',
      ',',
      'unknown',
      '198.51.100.4:80',
      '_hidden',
      '1.2.3.4, ',
      '1.2.3.999',
      '10.0.0.2',
    ]) {
      expect(proxies.addressOf('10.0.0.1', said), said).toBe('10.0.0.1');
    }
  });

  test('is always an address, whatever the header says', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string())), (rest, parts) => {
        const address = proxies.addressOf('10.0.0.1', [...parts, rest].join(', '));
        expect(networkOf(address)).not.toBe('unknown');
      }),
    );
  });

  test('cannot be left to networks that are none', () => {
    for (const wrong of ['10.0.0.0/33', 'fd00::/129', 'proxy.example.net', '10.0.0', '', '10.0.0.0/', 'fe80::1%eth0']) {
      expect(() => new Proxies([wrong]), wrong).toThrow(PortolanError);
    }
  });
});

describe('an address counts', () => {
  test('as its /64, and every loopback address as one', () => {
    expect(networkOf('198.51.100.4')).toBe('198.51.100.4');
    for (const loopback of ['127.0.0.1', '127.255.3.9', '::1']) expect(networkOf(loopback)).toBe('loopback');
    for (const one of ['2001:db8:1:2::', '2001:DB8:1:2:3:4:5:6', '2001:0db8:1:2::ffff', '2001:db8:1:2::1.2.3.4']) {
      expect(networkOf(one)).toBe('2001:db8:1:2::/64');
    }
    expect(networkOf('2001:db8::1')).toBe('2001:db8:0:0::/64');
    expect(networkOf('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
    expect(networkOf('a::b:c:d:e:1.2.3.4')).toBe('a:0:b:c::/64');
    expect(networkOf(null)).toBe('unknown');
  });

  test('the same however it is written', () => {
    const groups = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(groups, (all) => {
        const long = all.map((group) => group.toString(16).padStart(4, '0')).join(':');
        const short = new URL(`http://[${long}]`).hostname.slice(1, -1);
        expect(networkOf(short)).toBe(short === '::1' ? 'loopback' : networkOf(long));
      }),
    );
  });
});
