import { describe, expect, test } from 'vitest';
import { createAllowList } from './allow-list.ts';
import { parseSeed, plainHost, resolveHost } from './host.ts';

describe('addresses', () => {
  test('seeds are written as people write them', () => {
    expect(parseSeed('10.0.0.5', 7)).toEqual({ host: '10.0.0.5', port: 7 });
    expect(parseSeed('10.0.0.5:99', 7)).toEqual({ host: '10.0.0.5', port: 99 });
    expect(parseSeed('fd00::5', 7)).toEqual({ host: 'fd00::5', port: 7 });
    expect(parseSeed('[fd00::5]:99', 7)).toEqual({ host: 'fd00::5', port: 99 });
    expect(parseSeed('node-1.example', 7)).toEqual({ host: 'node-1.example', port: 7 });
    expect(parseSeed(' node-1:99 ', 7)).toEqual({ host: 'node-1', port: 99 });
  });

  test.each(['', ':7', 'a:0', 'a:70000', 'a:b', '[node]:7', 'a:1:2', '[fd00::5'])('"%s" names no node', (seed) => {
    expect(() => parseSeed(seed, 7)).toThrow('names no node');
  });

  test('names are resolved, addresses are taken as they are', async () => {
    expect(await resolveHost({ host: '127.0.0.9', port: 1 })).toEqual([{ host: '127.0.0.9', port: 1 }]);
    expect((await resolveHost({ host: 'localhost', port: 1 })).map(({ host }) => host)).toContain('127.0.0.1');
    await expect(resolveHost({ host: 'no-such-host.invalid', port: 1 })).rejects.toThrow();
  });

  test('a mapped address is told in its own form', () => {
    expect(plainHost('::ffff:10.0.0.1')).toBe('10.0.0.1');
    expect(plainHost('fe80::1%eth0')).toBe('fe80::1');
    expect(plainHost('10.0.0.1')).toBe('10.0.0.1');
  });
});

describe('a list of allowed networks', () => {
  test('lets in those of its networks alone; an empty one lets in all', () => {
    const list = createAllowList(['10.1.0.0/16', '127.0.0.1', 'fd00::/8']);
    const allowed = ['10.1.2.3', '127.0.0.1', 'fd12::1', '10.2.0.0', '127.0.0.2', 'fe80::1', 'node'].filter(
      list.allows,
    );
    expect(allowed).toEqual(['10.1.2.3', '127.0.0.1', 'fd12::1']);
    expect(createAllowList([]).allows('192.0.2.1')).toBe(true);
  });

  test.each(['10.0.0.0/33', 'node', '10.0.0.0/', '10.0.0.0/8/8', 'fd00::/129', '10.0.0.0/-1'])(
    '%s is no network',
    (text) => {
      expect(() => createAllowList([text])).toThrow('is no network');
    },
  );
});
