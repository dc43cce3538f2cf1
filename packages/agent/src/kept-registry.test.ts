import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSigningKey, Sheet, statementOf } from '@portolan/gossip';
import { REGISTRY_SHEET } from '@portolan/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type KeptRegistry, keepRegistry, readRegistry } from './kept-registry.ts';

const T0 = Date.parse('2026-11-21T12:00:00.000Z');
const key = createSigningKey();
const file = () => join(directory, 'registry.jsonl');

let directory: string;
let registry: KeptRegistry;
let troubles: unknown[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-registry-'));
  const records = new Map(Array.from({ length: 1_234 }, (_, n) => [`assignment/tcp/${n}`, `1.${n} {"é":"\\n"}`]));
  registry = signed(7, records);
  troubles = [];
});
afterEach(() => rm(directory, { recursive: true }));

function signed(version: number, records: ReadonlyMap<string, string>): KeptRegistry {
  const { digest } = new Sheet(REGISTRY_SHEET, version, records);
  const signature = Buffer.from(key.sign(statementOf({ owner: REGISTRY_SHEET, version, digest })));
  return { sheet: new Sheet(REGISTRY_SHEET, version, records, signature), label: 'portolan/test', asOf: T0 };
}

/** The same with another version or other records, under the signature of before. */
function forged(changed: Partial<Pick<Sheet, 'version' | 'records'>>): KeptRegistry {
  const { version, records, signature } = { ...shown(registry)!, ...changed };
  return { ...registry, sheet: new Sheet(REGISTRY_SHEET, version, records, signature) };
}

/** What is to be seen of it: a sheet compares by what it keeps for itself too. */
function shown(kept: KeptRegistry | undefined) {
  if (!kept) return undefined;
  const { label, asOf, sheet } = kept;
  const { owner, version, digest, records, signature } = sheet;
  return { label, asOf, owner, version, digest, records, signature };
}

/** Lets it look this often, and once more at the end. */
async function keepFor(looks: number, next: () => KeptRegistry | undefined = () => registry): Promise<void> {
  const stopping = new AbortController();
  let look = 0;
  const wait = async () => {
    if (++look > looks) stopping.abort();
  };
  const onTrouble = (error: unknown) => troubles.push(error);
  const options = { stateDirectory: join(directory), current: next, clock: { now: Date.now, wait }, onTrouble };
  await keepRegistry(options, stopping.signal);
}

test('what was kept is read again, and is for this user alone', async () => {
  await keepFor(1);
  expect(shown(readRegistry(directory, key.publicKey))).toEqual(shown(registry));
  expect((await stat(file())).mode & 0o777).toBe(0o600);
  expect(await readdir(directory)).toEqual(['registry.jsonl']);
  expect(troubles).toEqual([]);
});

test('it is written when it changed, seldom when it only got older, and as it is at the end', async () => {
  const written: number[] = [];
  let look = 0;
  const ages = [0, 1, 2, 900_000, 900_001];
  await keepFor(ages.length - 1, () => {
    const kept = readRegistry(directory, key.publicKey)?.asOf;
    if (kept !== undefined && kept !== written.at(-1)) written.push(kept);
    return { ...registry, asOf: T0 + ages[look++]! };
  });
  expect(written).toEqual([T0, T0 + 900_000]);
  expect(readRegistry(directory, key.publicKey)?.asOf).toBe(T0 + 900_001);
});

test('nothing is written while there is no registry', async () => {
  await keepFor(2, () => undefined);
  expect(await readdir(directory)).toEqual([]);
});

test('one that is too large is not kept, and what was kept stays', async () => {
  await keepFor(0);
  const huge = new Map(Array.from({ length: 1_100 }, (_, n) => [`k${n}`, 'x'.repeat(64_000)]));
  await keepFor(0, () => signed(8, huge));
  expect(troubles).toMatchObject([{ message: expect.stringContaining('too large') }]);
  expect(readRegistry(directory, key.publicKey)?.sheet.version).toBe(7);
});

test('a damaged one is as good as none', async () => {
  expect(readRegistry(directory, key.publicKey)).toBeUndefined();
  await keepFor(0);
  const whole = await readFile(file(), 'utf8');
  for (const spoilt of ['', '{}\n', whole.slice(0, -5), `${whole}7\n`, `${whole}["a",1]\n`, 'null\n']) {
    await writeFile(file(), spoilt);
    expect(readRegistry(directory, key.publicKey), spoilt.slice(-20)).toBeUndefined();
  }
});

test('one that no coordinator signed is as good as none', async () => {
  await keepFor(0, () => forged({ version: 8 }));
  expect(readRegistry(directory, key.publicKey)).toBeUndefined();
  const another: [string, string] = ['assignment/tcp/3050', '1.9 {"mine":true}'];
  await keepFor(0, () => forged({ records: new Map([...registry.sheet.records, another]) }));
  expect(readRegistry(directory, key.publicKey)).toBeUndefined();
  await keepFor(0);
  const whole = await readFile(file(), 'utf8');
  await writeFile(file(), `${whole}${JSON.stringify(another)}\n`);
  expect(readRegistry(directory, key.publicKey), 'added to the file').toBeUndefined();
  await writeFile(file(), whole);
  expect(shown(readRegistry(directory, key.publicKey))).toEqual(shown(registry));
  expect(readRegistry(directory, createSigningKey().publicKey), 'of another fleet').toBeUndefined();
  expect(readRegistry(directory, undefined), 'no coordinator was ever met').toBeUndefined();
});
