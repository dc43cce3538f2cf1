import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ownCoordinator, tellOwnCoordinator } from './own-coordinator.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portolan-own-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('what is told is found, for this user alone, until it is taken back by whoever told it last', async () => {
  expect(await ownCoordinator(directory)).toBeUndefined();
  const first = await tellOwnCoordinator('http://127.0.0.1:27678', directory);
  expect(await ownCoordinator(directory)).toBe('http://127.0.0.1:27678');
  expect(statSync(join(directory, 'coordinator.json')).mode & 0o777).toBe(0o600);
  const second = await tellOwnCoordinator('http://127.0.0.1:27679', directory);
  await first();
  expect(await ownCoordinator(directory)).toBe('http://127.0.0.1:27679');
  await second();
  expect(await ownCoordinator(directory)).toBeUndefined();
});

test('nothing leads away from this machine, and what is damaged is as good as nothing', async () => {
  for (const text of ['', '{', '{"url":7}', '{"url":"http://10.0.0.5:7678"}', '{"url":"http://127.0.0.1:1@evil:2"}']) {
    writeFileSync(join(directory, 'coordinator.json'), text);
    expect(await ownCoordinator(directory), text).toBeUndefined();
  }
});
