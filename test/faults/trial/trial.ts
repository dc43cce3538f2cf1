import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../world/random.ts';
import { Subscriber } from '../world/subscriber.ts';
import { mustHold } from '../world/wait.ts';
import { World } from '../world/world.ts';
import { checkAudit } from './checks/audit.ts';
import { checkLeftovers } from './checks/leftovers.ts';
import { checkOwnership } from './checks/ownership.ts';
import { checkPromises } from './checks/promises.ts';
import { checkReads } from './checks/reads.ts';
import { checkStreams } from './checks/streams.ts';
import type { Subject } from './checks/subject.ts';
import { Client } from './client.ts';
import { FAULTS, faultsFor } from './faults.ts';
import { type Fleet, makeWhole, startFleet } from './fleet.ts';
import { Holder } from './holder.ts';
import type { TrialOptions } from './options.ts';
import { type FaultSeen, type Summary, summarize } from './summary.ts';
import { Trail } from './trail.ts';

/** What happens before the first fault and after the last, so that the pauses around them can be told, ms. */
const CALM_BEFORE = 3000;
const CALM_AFTER = 8000;
const TOPICS = ['assignment', 'resting', 'finding'];
/** Apart from those of holders and of their clients. */
const FAULT_ROW = 1_000_000;
const CLIENT_ROW = 2_000_000;

/**
 * One trial: a fleet at work, faults one after another, then the checks. Everything that it started is stopped at its end.
 *
 * @param say is told what happens as it does
 */
export async function runTrial(options: TrialOptions, say: (line: string) => void): Promise<Summary> {
  const world = new World(`${options.store}-${options.seed}`);
  try {
    const names = available(faultsFor(options), world, say);
    const fleet = await startFleet(world, options);
    const trail = new Trail(say);
    const subscribers = fleet.coordinators.map(({ port }) => world.own(new Subscriber(port, TOPICS)));
    await mustHold('all subscribers live', () => subscribers.every(({ synced }) => synced));
    const holders = startHolders(options, fleet, trail);
    const working = Promise.all(holders.map((each) => each.work()));
    await sleep(CALM_BEFORE);
    const faults = await faultsHappen(options, names, world, fleet, trail);
    await makeWhole(fleet);
    await sleep(CALM_AFTER);
    for (const each of holders) each.stop();
    await working;
    const client = new Client(fleet.coordinators, trail, new Random(options.seed, CLIENT_ROW));
    await check({ fleet, trail, client, holders, subscribers });
    const level = await fleet.coordinators[0]?.level();
    const summary = summarize(options, level, trail, faults, subscribers, world.directory);
    const all = { ...summary, all: trail.violations, spans: trail.spans.map((span) => trail.told(span)) };
    writeFileSync(join(world.directory, 'result.json'), JSON.stringify(all, null, 1));
    return summary;
  } finally {
    await world.stop();
  }
}

function available(names: readonly string[], { clock }: World, say: (line: string) => void): readonly string[] {
  if (!('unavailable' in clock)) return names;
  say(`no clock is moved: ${clock.unavailable}`);
  return names.filter((name) => !name.startsWith('clock'));
}

function startHolders({ seed, services }: TrialOptions, { coordinators }: Fleet, trail: Trail): Holder[] {
  const other = (target: number) => (target + 1) % coordinators.length;
  return Array.from({ length: services }, (_, index) => {
    const client = new Client(coordinators, trail, new Random(seed, CLIENT_ROW + 1 + index));
    return new Holder(index, seed, client, trail, other);
  });
}

async function faultsHappen(
  { seed, seconds }: TrialOptions,
  names: readonly string[],
  world: World,
  fleet: Fleet,
  trail: Trail,
): Promise<FaultSeen[]> {
  const seen: FaultSeen[] = [];
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    const random = new Random(seed, FAULT_ROW + seen.length);
    const name = random.pick(names);
    const pause = random.whole(3000, 6000);
    const from = performance.now();
    trail.say(name);
    await FAULTS[name]!({ ...fleet, world, trail, random });
    seen.push({ name, from, to: performance.now() });
    await sleep(pause);
  }
  return seen;
}

async function check(subject: Subject): Promise<void> {
  checkOwnership(subject);
  checkReads(subject);
  await checkPromises(subject);
  await checkStreams(subject);
  await checkAudit(subject);
  await checkLeftovers(subject);
}
