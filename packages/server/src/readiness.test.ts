import { Fleet, type Readiness } from '@portolan/model';
import { pino } from 'pino';
import { expect, test } from 'vitest';
import { TestClock } from '../../../test/support/test-clock.ts';
import { ReadinessWatch } from './readiness.ts';

function world() {
  const clock = new TestClock();
  const store = { answers: true, shows: true };
  const lead: { leader: Readiness['leader'] } = { leader: { coordinator: 'other', since: 'then' } };
  const watch: ReadinessWatch = new ReadinessWatch({
    id: 'own',
    fleet: new Fleet(),
    prove: async () => {
      if (!store.answers) throw new Error('away');
      watch.answered();
      if (!store.shows) throw new Error('behind');
    },
    leader: () => lead.leader,
    logger: pino({ level: 'silent' }),
    clock,
  });
  const told: Readiness[] = [];
  watch.subscribe((readiness) => told.push(readiness));
  watch.start();
  return { clock, store, lead, watch, told };
}

test('a blip of the store is no state; a longer silence is told once, and its end', async () => {
  const { clock, store, watch, told } = world();
  await clock.pass(5_000);
  store.answers = false;
  await clock.pass(1_500);
  store.answers = true;
  await clock.pass(5_000);
  expect(told.map((each) => each.store.reachable)).toEqual([true]);
  expect(watch.outages()).toEqual([]);
  store.answers = false;
  await clock.pass(4_500);
  expect(told.map((each) => each.store.reachable)).toEqual([true, false]);
  await clock.pass(60_000);
  expect(told.filter((each) => !each.store.reachable).length, 'and that its copy is stale').toBeLessThanOrEqual(2);
  store.answers = true;
  await clock.pass(2_000);
  expect(told.at(-1)).toMatchObject({ store: { reachable: true }, copy: { current: true } });
  expect(watch.outages()).toMatchObject([{ what: 'store' }]);
});

test('a process that stood still does not blame the store', async () => {
  const { clock, told } = world();
  await clock.pass(2_000);
  clock.stand(60_000);
  await clock.pass(2_000);
  expect(told.map((each) => each.store.reachable)).toEqual([true]);
});

test('a copy that does not follow a store which answers is stale', async () => {
  const { clock, store, watch } = world();
  await clock.pass(2_000);
  store.shows = false;
  await clock.pass(4_000);
  expect(watch.now).toMatchObject({ store: { reachable: true }, copy: { current: true } });
  await clock.pass(4_000);
  expect(watch.now).toMatchObject({ store: { reachable: true }, copy: { current: false } });
});

test('that nobody leads is told when it has lasted, and once somebody does, as an outage of its own', async () => {
  const { clock, lead, watch } = world();
  await clock.pass(2_000);
  lead.leader = { coordinator: null, since: '2026-11-30T02:14:07.000Z' };
  await clock.pass(2_000);
  expect(watch.now.leader.coordinator).toBe('other');
  await clock.pass(2_000);
  expect(watch.now.leader.coordinator).toBeNull();
  lead.leader = { coordinator: 'third', since: 'now' };
  await clock.pass(1_000);
  expect(watch.now.leader.coordinator).toBe('third');
  expect(watch.outages()).toMatchObject([{ what: 'leader', from: '2026-11-30T02:14:07.000Z' }]);
});
