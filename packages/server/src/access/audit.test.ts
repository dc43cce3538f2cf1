import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AuditEvent, key } from '@portolan/model';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { put } from '../commands/entries.ts';
import { type Coordinator, startCoordinator } from '../coordinator.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import { KEPT } from '../trim.ts';
import { acting } from './act.ts';
import { auditPage } from './audit.ts';
import { BOOTSTRAP, type Principal } from './principal.ts';

const patient = { timeout: 60_000, interval: 100 };
const DAY = 86_400_000;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-audit-'));
});
afterAll(() => rm(directory, { recursive: true }));

const start = async (file: string) =>
  startCoordinator(await openSqliteStore({ path: join(directory, file) }), pino({ level: 'silent' }));

function event(at: number, n: number, id = 'x', parent?: string): AuditEvent {
  const time = new Date(at).toISOString();
  const actor = { id, name: id, role: 'admin', ...(parent !== undefined && { parent }) } as const;
  return {
    id: `${time}-${String(n).padStart(8, '0')}`,
    at: time,
    action: 'reserve',
    actor,
    address: null,
    targets: [],
    detail: null,
    times: 1,
  };
}

async function write({ executor }: Coordinator, events: AuditEvent[]): Promise<void> {
  for (let i = 0; i < events.length; i += 500) {
    const puts = events.slice(i, i + 500).map((each) => put<'audit'>(key.audit(each.id), each));
    const alternatives = [{ conditions: [], puts, deletes: [], leases: [] }];
    await executor.execute(() => ({ alternatives, answer: () => undefined }));
  }
}

test('the trail keeps the newest events, and forgets the oldest when too many have gathered', async () => {
  const coordinator = await start('many.db');
  const now = Date.now();
  const events = Array.from({ length: KEPT + 3_000 }, (_, n) => event(now + n, n));
  await write(coordinator, events);
  const { fleet } = coordinator;
  await vi.waitFor(() => expect(fleet.count('audit')).toBeLessThan(KEPT + 2_000), patient);
  expect(fleet.count('audit')).toBeGreaterThanOrEqual(KEPT);
  expect(fleet.has(key.audit(events[0]!.id))).toBe(false);
  expect(auditPage(fleet, { limit: 1 }).items[0]!.id).toBe(events.at(-1)!.id);
  await coordinator.stop();
});

test('one actor, whatever it does through its own token and its logins, pushes out nothing that others did', async () => {
  const coordinator = await start('flood.db');
  const now = Date.now();
  const calm = Array.from({ length: 2_000 }, (_, n) => event(now + n, n, `calm ${n % 7}`));
  const login = (n: number) => (n % 2 === 0 ? event(now + n, n, 'greedy') : event(now + n, n, `login ${n}`, 'greedy'));
  await write(coordinator, [...calm, ...Array.from({ length: KEPT + 3_000 }, (_, n) => login(n + 2_000))]);
  const { fleet } = coordinator;
  await vi.waitFor(() => expect(fleet.count('audit')).toBeLessThanOrEqual(KEPT + 2_000), patient);
  for (const { id } of calm) expect(fleet.has(key.audit(id))).toBe(true);
  await coordinator.stop();
});

test('who is refused in many ways at once neither fills the trail nor hides that others are refused', async () => {
  const coordinator = await start('refused.db');
  const { audit, fleet } = coordinator;
  const viewer = (id: string) => ({ ...BOOTSTRAP, id, name: id, role: 'viewer' as const });
  for (let n = 0; n < 500; n++) audit.refused({ principal: viewer('greedy'), address: null }, `PUT /v1/ranges/${n}`);
  audit.refused({ principal: viewer('calm'), address: null }, 'PUT /v1/ranges/one');
  await audit.flush();
  const events = auditPage(fleet, { limit: 1_000 }).items;
  expect(events.filter(({ actor }) => actor.id === 'calm')).toMatchObject([{ detail: 'PUT /v1/ranges/one' }]);
  const greedy = events.filter(({ actor }) => actor.id === 'greedy');
  expect(greedy.length).toBeLessThanOrEqual(11);
  expect(greedy.reduce((sum, { times }) => sum + times, 0)).toBe(500);
  await coordinator.stop();
});

test('events older than 30 days are forgotten', async () => {
  const before = await start('old.db');
  const now = Date.now();
  await write(before, [event(now - 40 * DAY, 1), event(now - 31 * DAY, 2), event(now - 29 * DAY, 3)]);
  await before.stop();
  const after = await start('old.db');
  await vi.waitFor(() => expect(after.fleet.count('audit')).toBe(1), patient);
  expect(auditPage(after.fleet, { limit: 10 }).items[0]!.at).toBe(new Date(now - 29 * DAY).toISOString());
  await after.stop();
});

test('an act and its event are one commit: what is refused at the last moment leaves neither', async () => {
  const coordinator = await start('one.db');
  const { fleet, reserver, leases } = coordinator;
  const reserve = (principal: Principal, service: string) =>
    acting({ principal, address: null, action: 'reserve' }, () =>
      reserver.reserve({ project: 'a', service, instance: 1, protocol: 'tcp', maxAttempts: 100, grace: 5 }),
    );
  const { port, position } = await reserve(BOOTSTRAP, 'x');
  expect(position).toBe(fleet.position);
  expect(auditPage(fleet, { limit: 10 }).items).toMatchObject([
    { action: 'reserve', actor: { id: 'bootstrap' }, targets: [{ key: `assignment/tcp/${port}`, of: 'a/x:default' }] },
  ]);
  const stranger: Principal = { ...BOOTSTRAP, id: 's', name: 's', role: 'client', projects: ['b'] };
  await expect(reserve(stranger, 'y')).rejects.toMatchObject({ code: 'forbidden' });
  const release = () => leases.release({ port });
  await expect(acting({ principal: stranger, address: null, action: 'release' }, release)).rejects.toMatchObject({
    code: 'forbidden',
  });
  expect(fleet.count('assignment')).toBe(1);
  expect(fleet.count('audit')).toBe(1);
  await coordinator.stop();
});
