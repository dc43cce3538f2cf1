import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PortolanError } from '@portolan/model';
import { expect, onTestFinished, test } from 'vitest';
import { parseRedisUrl } from './redis-address.ts';

test.each([
  ['redis://127.0.0.1', { nodes: [{ host: '127.0.0.1', port: 6379 }], user: {}, database: 0 }],
  ['redis://10.0.0.5:6380/3', { nodes: [{ host: '10.0.0.5', port: 6380 }], user: {}, database: 3 }],
  ['redis://[::1]:6380/', { nodes: [{ host: '::1', port: 6380 }], user: {}, database: 0 }],
  ['redis://:s%2Fc%40t@h', { nodes: [{ host: 'h', port: 6379 }], user: { password: 's/c@t' }, database: 0 }],
  ['redis://ada:a:b@h', { nodes: [{ host: 'h', port: 6379 }], user: { name: 'ada', password: 'a:b' }, database: 0 }],
])('%s names one server', (url, address) => {
  expect(parseRedisUrl(url)).toEqual({ kind: 'single', ...address });
});

test('sentinels have a primary of a name, and a user of their own', () => {
  expect(
    parseRedisUrl('redis+sentinel://ada:pw@h1,h2:5000,[fd00::3]/mymaster/2?sentinel-user=s&sentinel-password=x%26'),
  ).toEqual({
    kind: 'sentinel',
    nodes: [
      { host: 'h1', port: 26_379 },
      { host: 'h2', port: 5000 },
      { host: 'fd00::3', port: 26_379 },
    ],
    user: { name: 'ada', password: 'pw' },
    database: 2,
    primary: 'mymaster',
    sentinelUser: { name: 's', password: 'x&' },
  });
});

test('a cluster has nodes and no databases', () => {
  const nodes = [
    { host: 'h1', port: 6379 },
    { host: 'h2', port: 7000 },
  ];
  expect(parseRedisUrl('redis+cluster://h1,h2:7000')).toEqual({ kind: 'cluster', nodes, user: {}, database: 0 });
});

test('with rediss the files of keys and certificates are read', () => {
  const folder = mkdtempSync(join(tmpdir(), 'portolan-redis-address-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = (name: string) => {
    writeFileSync(join(folder, name), `text of ${name}`);
    return `${name}=${encodeURIComponent(join(folder, name))}`;
  };
  const query = ['ca', 'cert', 'key'].map(file).join('&');
  expect(parseRedisUrl(`rediss://h?${query}&servername=redis.example`).tls).toEqual({
    ca: 'text of ca',
    cert: 'text of cert',
    key: 'text of key',
    servername: 'redis.example',
  });
  expect(parseRedisUrl('rediss+sentinel://h/m').tls).toEqual({});
  expect(parseRedisUrl('redis://h').tls).toBeUndefined();
});

test.each([
  ['10.0.0.5:6379', 'it is none of redis://host:6379/0'],
  ['http://10.0.0.5', 'it is none of'],
  ['redis+sentinal://h/m', 'it is none of'],
  ['redis://', 'it is none of'],
  ['redis://u:secret/x@h', 'written %2F'],
  ['redis://h1,h2', 'redis:// names one server'],
  ['redis://h:0', '"h:0" is not host or host:port'],
  ['redis://h:65536', '"h:65536" is not'],
  ['redis://::1', 'stands in brackets'],
  ['redis+cluster://h1,,h2', '"" is not host'],
  ['redis://h/two', 'the number of a database'],
  ['redis://h/1/2', 'the number of a database'],
  ['redis+cluster://h/1', 'a cluster has no databases but 0'],
  ['redis+sentinel://h1,h2', 'does not say what the sentinels call the primary'],
  ['redis://secret@h', 'stands no user:password'],
  ['redis://:secret%@h', 'not followed by two hexadecimal digits'],
  ['redis://h?tls=yes', 'there is no parameter "tls" here'],
  ['redis://h?ca=/x', '"ca" is for TLS, which is asked for with rediss'],
  ['rediss://h?cert=/x', 'needs both'],
  ['rediss://h?ca=/nowhere/ca.pem', 'the file that "ca" names cannot be read (ENOENT'],
  ['redis+sentinel://h/m?sentinel-user=u', 'sentinel-user needs a sentinel-password'],
])('%s is refused and told why', (url, why) => {
  const parse = () => parseRedisUrl(url);
  expect(parse).toThrow(PortolanError);
  expect(parse).toThrow(why);
  expect(parse).not.toThrow('secret');
});
