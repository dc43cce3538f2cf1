import { expect, test } from 'vitest';
import { entryKinds, key, kindOf, topics } from './entry.ts';

const endpoint = { project: 'mana', service: 'mana-sync', label: 'api', instance: 1 };
const socket = { protocol: 'tcp', address: '::1', port: 3050, netns: 'net:[4026532281]', socket: '81234' } as const;

test('the kind of every key is that of its entry', () => {
  const samples = {
    assignment: key.assignment('tcp', 3050),
    endpoint: key.endpoint(endpoint, 'tcp'),
    resting: key.resting('udp', 3050),
    host: key.host('h1'),
    sync: key.sync('h1'),
    listener: key.listener('h1', socket),
    range: key.range('mana'),
    block: key.block({ from: 3000, to: 3099, protocol: null }),
    alias: key.alias('unknown/sync.js'),
    plan: key.plan('mana'),
    service: key.service('mana/mana-sync'),
    health: key.health({ host: 'h1', service: 'mana/mana-sync', label: 'api' }),
    finding: key.finding('collision:tcp:3050'),
    task: key.task('t1'),
    leader: key.leader(),
    guard: key.guard('ranges'),
    keyring: key.keyring(),
    identity: key.identity(),
    seed: key.seed('c1'),
    token: key.token('0123456789ab'),
    enrolment: key.enrolment('0123456789ab'),
    audit: key.audit('2026-11-21T08:37:20.949Z-x'),
    event: key.event('2026-11-21T08:37:20.949Z-y'),
    webhook: key.webhook('pager'),
    delivery: key.delivery('pager'),
    coordinator: key.coordinator('V1StGXR8_Z'),
  };
  expect(Object.keys(samples).sort()).toEqual(Object.keys(entryKinds).sort());
  for (const [kind, sample] of Object.entries(samples)) expect(kindOf(sample)).toBe(kind);
});

test('keys tell apart protocols, instances, hosts and blocks of one protocol', () => {
  const keys = [
    key.assignment('tcp', 3050),
    key.assignment('udp', 3050),
    key.endpoint(endpoint, 'tcp'),
    key.endpoint({ ...endpoint, instance: 2 }, 'tcp'),
    key.listener('h1', socket),
    key.listener('h2', socket),
    key.listener('h1', { ...socket, socket: '81235' }),
    key.block({ from: 1, to: 2, protocol: null }),
    key.block({ from: 1, to: 2, protocol: 'tcp' }),
  ];
  expect(new Set(keys).size).toBe(keys.length);
});

test('a listener has one key, be it given whole or by its id', () => {
  expect(key.listener('h1', 'tcp/::1/3050/net:[4026532281]/81234')).toBe(key.listener('h1', socket));
});

test('every topic is a kind of entry', () => {
  for (const topic of topics) expect(entryKinds).toHaveProperty(topic);
});
