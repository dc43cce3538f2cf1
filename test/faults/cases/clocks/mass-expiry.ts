import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Coordinator } from '../../world/coordinator.ts';
import { mustHold, until } from '../../world/wait.ts';
import type { Case } from '../case.ts';
import { granted, type Scene } from '../scene.ts';

interface Crowd {
  readonly leases: number;
  /** s. */
  readonly ttl: number;
  /** They are reserved over so long, ms; 0: as fast as it goes. */
  readonly over: number;
}

/** All leases that one sweep may end, and hence all that may end before it is noticed that too many do. */
const budgetOf = (leases: number) => Math.max(20, Math.ceil(leases * 0.15));

/**
 * Who cannot reach a coordinator any more renews nothing. However their deadlines lie, in one moment or spread over seconds,
 * few leases end before that is taken for a fault, and the others get one more ttl.
 */
export const massExpiry: Case = {
  about: 'all holders fall silent at once, whose leases are due over a while: 600, and 4000 more than one sweep ends',
  async play(scene) {
    await Promise.all([
      fallSilent(scene, 'spread', { leases: 600, ttl: 15, over: 10_000 }),
      fallSilent(scene, 'many', { leases: 4000, ttl: 10, over: 0 }),
    ]);
  },
};

async function fallSilent(scene: Scene, name: string, { leases, ttl, over }: Crowd): Promise<void> {
  const crowd = `${leases} leases of ${ttl} s`;
  const a = await scene.coordinator(['--data', join(scene.world.directory, `${name}.sqlite`)], name);
  await mustHold('the coordinator leads', () => a.leads());
  const started = performance.now();
  await reserveAll(a, leases, ttl, over);
  const took = performance.now() - started;
  const there = (await a.services()).length;
  scene.say(`${crowd} are reserved within ${Math.round(took)} ms, and not renewed; there are ${there}`);
  if (took > ttl * 1000) throw new Error(`${crowd}: the first were due before the last were reserved`);

  let left = leases;
  const alarmed = await until(
    async () => {
      const told = await a.hasFinding('mass-expiry');
      if (!told) left = (await a.services()).length;
      return told || left === 0;
    },
    (ttl + 20) * 1000,
    100,
  );
  const after = (await a.services()).length;
  const budget = budgetOf(leases);
  const told = alarmed !== undefined && left > 0;
  scene.check(`${crowd}: there is the finding mass-expiry`, told, { left });
  scene.check(`${crowd}: at most ${budget} end before it`, leases - after <= budget, { ended: leases - after });
  if (!told) return;
  // A sweep, and what has passed since the finding was there.
  await sleep(ttl * 1000 - 2000);
  const later = (await a.services()).length;
  scene.check(`${crowd}: all others get one more ttl`, later === after, { after, later });
}

async function reserveAll(a: Coordinator, leases: number, ttl: number, over: number): Promise<void> {
  const started = performance.now();
  const waiting = Array.from({ length: leases }, (_, i) => i);
  const reserve = async () => {
    for (let i = waiting.shift(); i !== undefined; i = waiting.shift()) {
      const due = started + (over * i) / leases - performance.now();
      if (due > 0) await sleep(due);
      granted(await a.reserve(`s${i}`, { port: 20_000 + i, ttl }));
    }
  };
  await Promise.all(Array.from({ length: 32 }, reserve));
}
