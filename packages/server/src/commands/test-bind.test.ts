import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PortolanError, type ReserveInput, ReserveRequest, type Task } from '@portolan/model';
import * as fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Coordinator, startCoordinator } from '../coordinator.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';

let directory: string;
let coordinator: Coordinator;
/** What the agent of the host `a` says of ports that it cannot bind. */
let unbindable: Map<number, string>;
let tasks: number;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-test-bind-'));
  unbindable = new Map();
  tasks = 0;
  const store = await openSqliteStore({ path: join(directory, 'fleet.db') });
  coordinator = await startCoordinator(store, pino({ level: 'silent' }));
  const facts = { addresses: [], platform: 'linux', agentVersion: '0.1.0', blindSpots: [] };
  await coordinator.hosts.join('a', { name: 'host-a', ephemeral: { from: 32_768, to: 60_999 }, ...facts });
  coordinator.replica.subscribe({
    applied: ({ touches }) => {
      for (const { kind, after } of touches) if (kind === 'task' && after) answer(after.value as Task);
    },
    reset: () => {},
  });
});
afterEach(async () => {
  await coordinator.stop();
  await rm(directory, { recursive: true });
});

function answer(task: Task): void {
  if (task.kind !== 'probe' || task.answer) return;
  tasks++;
  const unavailable = task.ports.flatMap((port) => {
    const reason = unbindable.get(port);
    return reason ? [{ port, reason }] : [];
  });
  void coordinator.hosts.answerTask(task.id, { unavailable });
}

let services = 0;
const reserve = (wish: Partial<ReserveInput>) =>
  coordinator.reserver.reserve(ReserveRequest.parse({ project: 'shop', service: `s${services++}`, ...wish }), {
    probeOn: 'a',
  });

test('what was refused is never given, whatever is asked for', async () => {
  const anyWish = fc.oneof(
    fc.record({ range: fc.constant('41000-41149'), order: fc.constantFrom('lowest' as const, 'spread' as const) }),
    fc.record({ preferred: fc.integer({ min: 41_000, max: 41_149 }), range: fc.constant('41000-41149') }),
    fc.record({ port: fc.integer({ min: 41_000, max: 41_149 }) }),
    fc.record({ labels: fc.constant<string[]>(['a', 'b', 'c']), range: fc.constant('41000-41149') }),
  );
  await fc.assert(
    fc.asyncProperty(anyWish, fc.uniqueArray(fc.integer({ min: 41_000, max: 41_149 })), async (wish, held) => {
      unbindable = new Map(held.map((port) => [port, 'EADDRINUSE']));
      try {
        const { ports, probed } = await reserve({ ...wish, ttl: 60 });
        expect(probed).toBe(true);
        for (const port of Object.values(ports)) expect(held).not.toContain(port);
      } catch (error) {
        expect((error as PortolanError).code).toMatch(/^(port-taken|range-exhausted)$/);
      }
    }),
    { numRuns: 60 },
  );
});

test('one task tests what is asked for, and two find the first that can be bound among many that cannot', async () => {
  expect(await reserve({ range: '42000-42099', order: 'lowest' })).toMatchObject({ port: 42_000, probed: true });
  expect(tasks).toBe(1);
  for (let port = 42_001; port <= 42_040; port++) unbindable.set(port, 'EADDRINUSE');
  expect(await reserve({ range: '42000-42099', order: 'lowest' })).toMatchObject({ port: 42_041, probed: true });
  expect(tasks).toBe(3);
});

test('an exact port that is held is refused in words, and its neighbours are suggested', async () => {
  unbindable.set(43_000, 'EADDRINUSE');
  await expect(reserve({ port: 43_000 })).rejects.toMatchObject({
    code: 'port-taken',
    message: expect.stringMatching(/^port 43000 cannot be bound on host-a: another socket there has it/),
    data: expect.objectContaining({ suggestions: [43_001, 43_002, 43_003] }),
  });
});

test('a port that the user of the agent may not bind is passed over, and given untested to whoever names it', async () => {
  unbindable.set(1500, 'EACCES').set(1501, 'EACCES');
  expect(await reserve({ range: '1500-1510', order: 'lowest' })).toMatchObject({ port: 1502, probed: true });
  const named = await reserve({ port: 1500 });
  expect(named).toMatchObject({ port: 1500, probed: false, notes: [{ kind: 'privileged', ports: [1500], host: 'a' }] });
});

test('where everything is refused, that is said, and nothing is given', async () => {
  for (let port = 44_000; port <= 44_999; port++) unbindable.set(port, 'EADDRINUSE');
  const refused = await reserve({ range: '44000-44999' }).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(PortolanError);
  expect(refused).toMatchObject({
    code: 'range-exhausted',
    message: expect.stringContaining('can be bound on host-a'),
  });
});

test('to be tested on a host ties a promise to no host, and to name the host does', async () => {
  expect((await reserve({ range: '45000-45099' })).assignments[0]?.host).toBeUndefined();
  const tied = await reserve({ range: '45000-45099', host: 'host-a' });
  expect(tied).toMatchObject({ probed: true, assignments: [{ host: 'a' }] });
});

test('a host that nobody knows is told of when it was named, and not when the asker only runs there', async () => {
  expect((await reserve({ host: 'nowhere' })).notes).toMatchObject([{ kind: 'untested', host: 'nowhere' }]);
  const request = ReserveRequest.parse({ project: 'shop', service: 'elsewhere' });
  const { notes, probed } = await coordinator.reserver.reserve(request, { probeOn: 'of-another-fleet' });
  expect({ notes, probed }).toEqual({ notes: [], probed: false });
});

test('a free choice lies outside of the ephemeral range, so it has no note', async () => {
  expect((await reserve({})).notes).toEqual([]);
  expect((await reserve({ range: '32000-33500', order: 'lowest' })).port).toBeLessThan(32_768);
  expect((await reserve({ port: 46_000 })).notes).toMatchObject([{ kind: 'ephemeral', ports: [46_000] }]);
});
