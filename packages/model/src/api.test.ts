import { describe, expect, test } from 'vitest';
import {
  ClientFrame,
  labelsOf,
  REPORT_CHANGES_MAX,
  ReleaseRequest,
  ReportRequest,
  ReserveRequest,
  readRangeChoice,
} from './api.ts';

describe('a request to reserve', () => {
  const minimal = { project: 'mana', service: 'mana-sync' };

  test('needs a project and a service; the rest has defaults', () => {
    expect(ReserveRequest.parse(minimal)).toEqual({ ...minimal, instance: 1, protocol: 'tcp', maxAttempts: 100 });
    expect(ReserveRequest.safeParse({ project: 'mana' }).success).toBe(false);
  });

  test('may name its range in text, as an interval, or by name', () => {
    for (const range of ['41000-41399', 'mana', { from: 41_000, to: 41_399 }]) {
      expect(ReserveRequest.safeParse({ ...minimal, range }).success).toBe(true);
    }
    expect(readRangeChoice('41000-41399')).toEqual({ from: 41_000, to: 41_399 });
    expect(readRangeChoice('mana')).toBe('mana');
    expect(readRangeChoice({ from: 1, to: 2 })).toEqual({ from: 1, to: 2 });
  });

  test.each([
    { label: 'api', labels: ['api', 'ui'] },
    { labels: ['api', 'api'] },
    { labels: [] },
    { port: 3050, preferred: 3050 },
    { port: 0 },
    { ttl: 1 },
    { instance: 0 },
    { protocol: 'sctp' },
    { range: { from: 2, to: 1 } },
    { colour: 'blue' },
  ])('is refused with %j', (parts) => {
    expect(ReserveRequest.safeParse({ ...minimal, ...parts }).success).toBe(false);
  });

  test('has the labels that it asks for, else its one label, else the default one', () => {
    expect(labelsOf({ labels: ['cdp', 'health'] })).toEqual(['cdp', 'health']);
    expect(labelsOf({ label: 'api' })).toEqual(['api']);
    expect(labelsOf({})).toEqual(['default']);
  });
});

test('a request to release names a lease, a port, or a service', () => {
  for (const request of [{ lease: 'l1' }, { port: 3050 }, { project: 'mana', service: 'mana-sync' }]) {
    expect(ReleaseRequest.safeParse(request).success).toBe(true);
  }
  for (const request of [{}, { project: 'mana' }, { protocol: 'tcp' }]) {
    expect(ReleaseRequest.safeParse(request).success).toBe(false);
  }
});

test('a report carries a bounded number of changes', () => {
  const report = { seq: 1, previous: null, puts: [], digest: '0'.repeat(16) };
  const deletes = Array.from({ length: REPORT_CHANGES_MAX }, String);
  expect(ReportRequest.safeParse({ ...report, deletes }).success).toBe(true);
  expect(ReportRequest.safeParse({ ...report, deletes: [...deletes, 'one more'] }).success).toBe(false);
});

test('a subscription names topics that exist, and may go on from a position', () => {
  const frame = { type: 'subscribe', topics: ['finding', 'assignment'] };
  expect(ClientFrame.parse(frame)).toEqual({ ...frame, filter: {} });
  expect(ClientFrame.safeParse({ ...frame, position: '12-34' }).success).toBe(true);
  expect(ClientFrame.safeParse({ ...frame, position: 'yesterday' }).success).toBe(false);
  expect(ClientFrame.safeParse({ ...frame, topics: ['leader'] }).success).toBe(false);
  expect(ClientFrame.safeParse({ ...frame, topics: [] }).success).toBe(false);
});
