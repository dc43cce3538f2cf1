import { setTimeout as sleep } from 'node:timers/promises';
import type { Coordinator } from '../../world/coordinator.ts';
import { until } from '../../world/wait.ts';
import type { Case } from '../case.ts';
import { brief, type Scene } from '../scene.ts';

/** Redis is away so long that the connections of a coordinator come back at different times, ms. */
const AWAY = 6000;
/** How long reads are watched after Redis is back, ms. */
const WATCHED = 9000;
const PERMANENT = Array.from({ length: 8 }, (_, i) => `later${i}`);
const IN_BACKUP = ['ended', 'kept1', 'kept2', 'kept3'];

/** Redis is put back from a backup that lacks the last promises. */
export const rewind: Case = {
  about: 'Redis comes back from a backup that lacks eight permanent promises, and has a lease that was ended since',
  play: (scene) => play(scene, 0),
};

/** The coordinators' copies learn of the new history late: what they hold meanwhile is of the lost one. */
export const rewindStalled: Case = {
  about: 'the same, and what the feed of the log tells is held up for 7 s',
  play: (scene) => play(scene, 7000),
};

async function play(scene: Scene, stall: number): Promise<void> {
  const { redis, coordinators, links } = await scene.redis();
  const [a] = coordinators as [Coordinator];
  for (const service of ['kept1', 'kept2', 'kept3']) await a.reserve(service);
  const leased = await a.reserve('ended', { ttl: 5 });
  scene.say('leased before the backup:', brief(leased));
  redis.backUp();
  await a.release({ project: 'p', service: 'ended' });
  for (const [i, service] of PERMANENT.entries()) await coordinators[i % 2]!.reserve(service);
  scene.say('acknowledged:', await a.services());

  await redis.kill();
  await sleep(AWAY);
  redis.restore();
  for (const link of links) link.feedHole = stall > 0;
  if (stall > 0) setTimeout(() => heal(links), stall);
  await redis.mustStart();
  const back = performance.now();
  scene.say('Redis is back from the backup at', await redis.head());

  for (const { name, shown, last } of await Promise.all(coordinators.map((each) => watch(each, back)))) {
    const claim = `${name}: no consistent read shows the lost history after Redis is back`;
    scene.check(claim, shown === 0, shown === 0 ? '' : `${shown} did, the last ${last} ms after`);
  }
  for (const coordinator of coordinators) {
    let told = new Set<string>();
    const took = await until(async () => {
      told = await coordinator.toldLost();
      return PERMANENT.every((service) => told.has(service));
    }, 15_000);
    const findings = (await coordinator.findings()).map(({ kind, summary }) => `${kind}: ${summary}`);
    scene.say(`findings at ${coordinator.name}:`, findings);
    scene.check(`${coordinator.name}: each permanent promise that is gone is a finding`, took !== undefined, [...told]);
  }
  const gone = async () => !(await a.services()).includes('ended');
  scene.check('the lease that had been ended ends by itself', (await until(gone, 25_000)) !== undefined);
  const deadline = await redis.ask('ZSCORE', '{portolan:default}:lease', leased.body.lease?.id ?? '');
  scene.say('its deadline in Redis:', deadline);
  for (const { name, warnings } of coordinators) scene.say(`log of ${name}:`, warnings.slice(-6));
}

function heal(links: readonly { feedHole: boolean }[]): void {
  for (const link of links) link.feedHole = false;
}

/** Reads all the time. Only what was asked after Redis was back counts. */
async function watch(coordinator: Coordinator, back: number): Promise<{ name: string; shown: number; last: number }> {
  const seen = { name: coordinator.name, shown: 0, last: 0 };
  while (performance.now() - back < WATCHED) {
    const asked = Math.round(performance.now() - back);
    const services = await coordinator.services().catch(() => []);
    if (services.some((service) => !IN_BACKUP.includes(service))) {
      seen.shown++;
      seen.last = asked;
    }
    await sleep(10);
  }
  return seen;
}
