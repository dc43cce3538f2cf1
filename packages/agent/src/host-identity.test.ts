import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostId, HostInfo } from '@portolan/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeHost, hostIdentity } from './host-identity.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portolan-host-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

test('the id stays the same, and is kept for the next time', () => {
  const state = join(directory, 'state');
  const id = hostIdentity(undefined, state);
  expect(HostId.parse(id)).toBe(id);
  expect(hostIdentity(undefined, state)).toBe(id);
  expect(readFileSync(join(state, 'host-id'), 'utf8')).toBe(`${id}\n`);
});

test('the id that was kept goes before that of the machine, the one given before both', () => {
  writeFileSync(join(directory, 'host-id'), 'mine\n');
  expect(hostIdentity(undefined, directory)).toBe('mine');
  expect(hostIdentity('other', directory)).toBe('other');
  expect(readFileSync(join(directory, 'host-id'), 'utf8')).toBe('mine\n');
});

test('a damaged file is told, not replaced: another id would make another host of this machine', () => {
  const file = join(directory, 'host-id');
  for (const damaged of ['', 'not an id!', '\0\0\0\0']) {
    writeFileSync(file, damaged);
    expect(() => hostIdentity(undefined, directory)).toThrow(file);
    expect(readFileSync(file, 'utf8')).toBe(damaged);
  }
  expect(hostIdentity('given', directory)).toBe('given');
});

test('the machine-id itself is not told', () => {
  let machineId = '';
  try {
    machineId = readFileSync('/etc/machine-id', 'utf8').trim();
  } catch {}
  const id = hostIdentity(undefined, directory);
  expect(id).not.toBe(machineId);
  expect(id.length).toBeGreaterThanOrEqual(20);
});

test('an id that is none is refused', () => {
  expect(() => hostIdentity('a/b', directory)).toThrow(expect.objectContaining({ code: 'invalid-request' }));
});

test('a host is described as the wire contract wants it', () => {
  const info = describeHost(['x'.repeat(1000)], 'harbour');
  expect(HostInfo.parse(info)).toEqual(info);
  expect(info.name).toBe('harbour');
});
