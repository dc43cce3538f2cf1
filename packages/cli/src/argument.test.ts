import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { duration, interval, lifetime, origin, port, serviceArgument } from './argument.ts';

describe('a service', () => {
  let repository: string;
  let elsewhere: string;
  beforeAll(async () => {
    elsewhere = await mkdtemp(join(tmpdir(), 'portolan-argument-'));
    repository = join(elsewhere, 'mana');
    await mkdir(join(repository, '.git'), { recursive: true });
    await mkdir(join(repository, 'deep', 'down'), { recursive: true });
  });
  afterAll(() => rm(elsewhere, { recursive: true }));

  test('may name its project and its labels', () => {
    expect(serviceArgument('mana/sync', elsewhere, {})).toEqual({ project: 'mana', service: 'sync', labels: [] });
    expect(serviceArgument('mana/sync:api', elsewhere, {}).labels).toEqual(['api']);
    expect(serviceArgument('mana/sync:api,health', elsewhere, {}).labels).toEqual(['api', 'health']);
    expect(serviceArgument('mana/sync:api:health', elsewhere, {}).labels).toEqual(['api', 'health']);
  });

  test('takes its project from the environment, else from the repository around it', () => {
    const deep = join(repository, 'deep', 'down');
    expect(serviceArgument('sync', deep, { PORTOLAN_PROJECT: 'other' }).project).toBe('other');
    expect(serviceArgument('sync', deep, {}).project).toBe('mana');
  });

  test('without a project is refused with what to write', () => {
    expect(() => serviceArgument('sync', '/', {})).toThrow(/project\/sync/);
  });

  test.each(['mana/', '/sync', 'mana/sync:', 'mana/sy nc', 'mana/a/b', ''])('is not written %j', (text) => {
    expect(() => serviceArgument(text, '/', { PORTOLAN_PROJECT: 'p' })).toThrow(/is no service/);
  });
});

test('times to live are read in seconds, minutes, hours and days, within the bounds of a lease', () => {
  expect(['60', '60s', '5m', '2h', '1d'].map(duration)).toEqual([60, 60, 300, 7200, 86_400]);
  for (const wrong of ['', 's', '1', '4s', '2d', '1.5h', '-60', '60 s', '1w']) {
    expect(() => duration(wrong), wrong).toThrow(/time to live/);
  }
});

test('a port is read if and only if it is a whole number from 1 to 65535', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 65_535 }), (n) => port(String(n)) === n));
  for (const wrong of ['0', '65536', '-1', '1e3', '0x50', '80.0', ' 80', '80; rm -rf', '']) {
    expect(() => port(wrong), wrong).toThrow(/from 1 to 65535/);
  }
});

test('ports are read as an interval or as one', () => {
  expect([interval('3000-3010'), interval('3000')]).toEqual([
    { from: 3000, to: 3010 },
    { from: 3000, to: 3000 },
  ]);
  expect(() => interval('3010-3000')).toThrow(/3000-3010/);
});

test('the life of a token is read in the units that people use, up to ten years', () => {
  expect(['90', '12h', '30d', '365d'].map(lifetime)).toEqual([90, 43_200, 2_592_000, 31_536_000]);
  for (const wrong of ['0', '0d', '-1d', '1y', 'never', '4000d', '']) expect(() => lifetime(wrong), wrong).toThrow();
});

test('an origin is read as a browser writes it, and nothing more than an origin', () => {
  expect(origin('https://Board.example.net/', origin('http://localhost:5173'))).toEqual([
    'http://localhost:5173',
    'https://board.example.net',
  ]);
  for (const wrong of ['*', 'null', 'board.example.net', 'https://board.example.net/page', 'ftp://x', 'https://a@b']) {
    expect(() => origin(wrong), wrong).toThrow();
  }
});
