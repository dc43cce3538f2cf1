import type { Reservation } from '@portolan/model';
import { expect, test } from 'vitest';
import { differences } from './sticky.ts';

const held = (port: number, ttl: number | null, created = false): Reservation => {
  const endpoint = { project: 'shop', service: 'web', label: 'default', instance: 1 };
  const lease = ttl === null ? null : { id: 'l', ttl };
  const grantedAt = '2026-01-01T00:00:00Z';
  return {
    port,
    ports: { default: port },
    assignments: [{ protocol: 'tcp', port, endpoint, lease, grantedAt, token: '1.1', state: 'pending' }],
    token: '1.1',
    lease,
    created,
    wasInUse: false,
    obstacle: null,
    attempts: 0,
    probed: false,
    acknowledged: 'disk',
    position: '1-1',
  };
};

test('a port that was given anew is what was asked for', () => {
  expect(differences(held(3051, 60, true), { preferred: 3050, range: '1-2', ttl: 10 })).toEqual([]);
});

test('who gets the port it had is told what was not heeded, and how to change it', () => {
  expect(differences(held(3051, 60), { preferred: 3050 })).toEqual([
    expect.stringMatching(/3051 already.*not 3050.*portolan release shop\/web/),
  ]);
  expect(differences(held(3051, 60), { range: '4000-4099' })).toEqual([
    expect.stringContaining('outside of 4000-4099'),
  ]);
  expect(differences(held(3051, 60), { ttl: 600 })).toEqual(['its lease stays at 60 s']);
  expect(differences(held(3051, null), { ttl: 600 })).toEqual([expect.stringContaining('for good')]);
});

test('what fits is not mentioned', () => {
  expect(differences(held(3051, 60), { preferred: 3051, range: '3000-3099', ttl: 60 })).toEqual([]);
  expect(differences(held(3051, 60), { range: 'web' })).toEqual([]);
});
