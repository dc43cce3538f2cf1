import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { claimInstance, instanceOf } from './instance.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portolan-instance-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('the number of a directory', () => {
  const claim = (root: string) => claimInstance('shop', root, directory);
  const kept = (root: string) => instanceOf('shop', root, directory);

  test('is another for each of many that ask at once, and stays', async () => {
    const roots = Array.from({ length: 12 }, (_, i) => `/trees/${i}`);
    const given = await Promise.all(roots.map(claim));
    expect(given.toSorted((a, b) => a - b)).toEqual(roots.map((_, i) => i + 2));
    expect(await Promise.all(roots.map(kept))).toEqual(given);
    expect(await instanceOf('other', '/trees/0', directory)).toBeUndefined();
  });

  test('is the later one when the first had to be given up', async () => {
    await claim('/trees/a');
    expect(await claim('/trees/a')).toBe(3);
    expect(await kept('/trees/a')).toBe(3);
  });

  test('is not guessed where a file is damaged', async () => {
    await claim('/trees/a');
    writeFileSync(join(directory, 'instances', 'shop', '2'), '');
    await expect(kept('/trees/a')).rejects.toThrow('damaged');
    await expect(claim('/trees/b')).rejects.toThrow('damaged');
    expect(readdirSync(join(directory, 'instances', 'shop'))).toEqual(['2']);
  });
});
