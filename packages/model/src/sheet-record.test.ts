import fc from 'fast-check';
import { expect, test } from 'vitest';
import { key } from './entry.ts';
import { evidenceKinds, type HostListener, listenerFingerprint } from './listener.ts';
import { packEntry, packOwn, provisionalKey, REGISTRY_SHEET, unpackRecord } from './sheet-record.ts';

const listener: HostListener = {
  host: 'h1',
  protocol: 'tcp',
  address: '::',
  port: 3050,
  netns: 'host',
  v6only: null,
  socket: '81234',
  process: {
    pid: 71,
    startedAt: 1_763_700_000_000,
    uid: 0,
    user: 'root',
    command: 'node',
    commandLine: 'node server.js',
    cwd: null,
  },
  container: { id: '0123456789ab', name: 'mana-sync-1', image: null, publishes: 3000 },
  identity: {
    service: 'mana/mana-sync',
    label: 'api',
    instance: 1,
    lease: 'a lease',
    evidence: { kind: 'systemd', detail: 'mana-sync.service' },
  },
  since: '2026-11-21T08:37:20.949Z',
};
const assignment = {
  protocol: 'tcp' as const,
  port: 3050,
  endpoint: { project: 'mana', service: 'mana-sync', label: 'api', instance: 1 },
  lease: null,
  grantedAt: '2026-11-21T08:37:20.949Z',
};

test('a listener comes back as it was, but for what is too long for the whole fleet', () => {
  const text = packOwn({ kind: 'listener', value: listener });
  expect(unpackRecord('h1', key.listener('h1', listener), text)).toEqual({ kind: 'listener', value: listener });
  const long = { ...listener, process: { ...listener.process!, commandLine: 'x'.repeat(900), cwd: '/srv' } };
  const back = unpackRecord('h1', key.listener('h1', long), packOwn({ kind: 'listener', value: long }));
  expect(back).toMatchObject({ value: { process: { commandLine: 'x'.repeat(120), cwd: null } } });
});

test('any listener that can be packed can be unpacked', () => {
  const text = fc.string({ maxLength: 40 });
  const any = fc.record({
    pid: fc.integer({ min: 1, max: 4_000_000 }),
    command: text,
    kind: fc.constantFrom(...evidenceKinds),
    detail: text,
    v6only: fc.constantFrom(true, false, null),
    known: fc.boolean(),
    seen: fc.boolean(),
  });
  fc.assert(
    fc.property(any, ({ pid, command, kind, detail, v6only, known, seen }) => {
      const made: HostListener = {
        ...listener,
        v6only,
        process: seen ? { ...listener.process!, pid, command } : null,
        container: null,
        identity: known ? { service: 'a/b', label: null, instance: null, evidence: { kind, detail } } : null,
      };
      const back = unpackRecord('h1', key.listener('h1', made), packOwn({ kind: 'listener', value: made }));
      expect(back && listenerFingerprint(back.value as HostListener)).toBe(listenerFingerprint(made));
    }),
  );
});

test('nobody says anything of another host, nor in the name of the registry', () => {
  const text = packOwn({ kind: 'listener', value: listener });
  expect(unpackRecord('h2', key.listener('h1', listener), text)).toBeUndefined();
  expect(unpackRecord(REGISTRY_SHEET, key.listener('h1', listener), text)).toBeUndefined();
  const promise = packEntry(assignment, '1.7');
  expect(unpackRecord(REGISTRY_SHEET, key.assignment('tcp', 3050), promise)).toEqual({
    kind: 'assignment',
    value: assignment,
    version: '1.7',
  });
  expect(unpackRecord(REGISTRY_SHEET, key.assignment('tcp', 3051), promise)).toBeUndefined();
  expect(unpackRecord('h1', key.assignment('tcp', 3050), promise)).toBeUndefined();
  const given = JSON.stringify({ ...assignment, provisional: 'h1' });
  expect(unpackRecord('h1', provisionalKey('tcp', 3050), given)?.kind).toBe('provisional');
  expect(unpackRecord('h2', provisionalKey('tcp', 3050), given)).toBeUndefined();
  expect(unpackRecord('h1', provisionalKey('tcp', 3050), JSON.stringify(assignment))).toBeUndefined();
});

test('whatever is in a record, reading it never throws', () => {
  const keys = fc.constantFrom(
    key.listener('h1', listener),
    key.host('h1'),
    provisionalKey('tcp', 1),
    'x',
    '',
    'token/a',
  );
  fc.assert(
    fc.property(fc.constantFrom('h1', REGISTRY_SHEET), keys, fc.oneof(fc.string(), fc.json()), (owner, of, text) => {
      unpackRecord(owner, of, text);
    }),
  );
});
