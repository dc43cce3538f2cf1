import { expect, test } from 'vitest';
import { Listener, listenerFingerprint, listenerId } from './listener.ts';

const listener: Listener = {
  protocol: 'tcp',
  address: '0.0.0.0',
  port: 3050,
  netns: 'host',
  v6only: null,
  socket: '81234',
  process: {
    pid: 4711,
    startedAt: 1_764_000_000_000,
    uid: 1000,
    user: 'dev',
    command: 'node',
    commandLine: 'node server.js',
    cwd: '/srv/mana-sync',
  },
  container: { id: 'c1', name: 'web', image: null, publishes: 80 },
  identity: {
    service: 'mana/mana-sync',
    label: 'api',
    instance: 1,
    evidence: { kind: 'systemd', detail: 'mana-sync.service' },
  },
  since: '2026-11-20T08:00:00.000Z',
};

test('a listener is named by its tuple and socket', () => {
  expect(listenerId(Listener.parse(listener))).toBe('tcp/0.0.0.0/3050/host/81234');
});

test('the fingerprint changes with whatever may change of a listener', () => {
  const { process, container, identity } = listener;
  const others: Listener[] = [
    { ...listener, socket: '81235' },
    { ...listener, v6only: true },
    { ...listener, process: null },
    { ...listener, process: { ...process!, pid: 4712 } },
    { ...listener, process: { ...process!, startedAt: 1 } },
    { ...listener, process: { ...process!, commandLine: 'node other.js' } },
    { ...listener, container: null },
    { ...listener, container: { ...container!, publishes: null } },
    { ...listener, identity: null },
    { ...listener, identity: { ...identity!, service: 'mana/mana-voice-bot' } },
    { ...listener, identity: { ...identity!, label: null } },
    { ...listener, identity: { ...identity!, evidence: { kind: 'pm2', detail: 'mana-sync' } } },
  ];
  const fingerprints = new Set([listener, ...others].map(listenerFingerprint));
  expect(fingerprints.size).toBe(others.length + 1);
});

test('the fingerprint does not depend on when the listener was first seen', () => {
  const later = { ...listener, since: '2026-11-21T08:00:00.000Z' };
  expect(listenerFingerprint(later)).toBe(listenerFingerprint(listener));
});
