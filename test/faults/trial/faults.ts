import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Coordinator } from '../world/coordinator.ts';
import { claimPort } from '../world/machine/port.ts';
import type { Random } from '../world/random.ts';
import type { RedisServer } from '../world/store/redis.ts';
import type { World } from '../world/world.ts';
import type { Fleet } from './fleet.ts';
import type { StoreKind, TrialOptions } from './options.ts';
import type { Trail } from './trail.ts';

/** What a fault happens to. */
export interface Victim extends Fleet {
  readonly world: World;
  readonly trail: Trail;
  /** Of this fault alone, so that its course is the same for the same seed, whatever went before. */
  readonly random: Random;
}

/** Happens, lasts a while, and is mended. */
type Fault = (victim: Victim) => Promise<void>;

async function lasting({ random }: Victim, shortest: number, longest: number): Promise<void> {
  await sleep(random.whole(shortest, longest));
}

const coordinatorFaults = {
  async killCoordinator(victim) {
    const coordinator = victim.random.pick(victim.coordinators);
    await coordinator.kill();
    await lasting(victim, 100, 1500);
    await restart(coordinator, victim.trail);
  },
  async freezeCoordinator(victim) {
    const coordinator = victim.random.pick(victim.coordinators);
    coordinator.signal('SIGSTOP');
    await lasting(victim, 3000, 14_000);
    coordinator.signal('SIGCONT');
  },
  async clockCoordinator(victim) {
    const coordinator = victim.random.pick(victim.coordinators);
    coordinator.jump(victim.random.pick([-3600, -30, 30, 3600]));
    await lasting(victim, 3000, 8000);
    coordinator.jump(0);
  },
} satisfies Record<string, Fault>;

const redisFaults = {
  async killRedis(victim) {
    const redis = only(victim.redis);
    await redis.kill();
    await lasting(victim, 50, 2500);
    await restart(redis, victim.trail);
  },
  async freezeRedis(victim) {
    only(victim.redis).signal('SIGSTOP');
    await lasting(victim, 1000, 9000);
    only(victim.redis).signal('SIGCONT');
  },
  async clockRedisForward(victim) {
    only(victim.redis).jump(victim.random.whole(10, 60));
    await lasting(victim, 2000, 4000);
    only(victim.redis).jump(0);
  },
} satisfies Record<string, Fault>;

const linkFaults = {
  async holeProxy(victim) {
    const link = victim.random.pick(victim.links);
    link.hole = true;
    await lasting(victim, 1000, 9000);
    link.hole = false;
  },
  async slowProxy(victim) {
    for (const link of victim.links) link.delay = victim.random.whole(20, 300);
    await lasting(victim, 3000, 8000);
    for (const link of victim.links) link.delay = 0;
  },
  async slowFeed(victim) {
    const link = victim.random.pick(victim.links);
    link.feedDelay = victim.random.whole(200, 3500);
    await lasting(victim, 3000, 8000);
    link.feedDelay = 0;
  },
  async holeFeed(victim) {
    const link = victim.random.pick(victim.links);
    link.feedHole = true;
    await lasting(victim, 1000, 6000);
    link.feedHole = false;
  },
  async cutProxy(victim) {
    for (let times = victim.random.whole(1, 6); times > 0; times--) {
      victim.random.pick(victim.links).cut(() => victim.random.next() < 0.7);
      await lasting(victim, 20, 400);
    }
  },
} satisfies Record<string, Fault>;

const groupFaults = {
  async killPrimary(victim) {
    const group = only(victim.group);
    const primary = await group.primary();
    await primary.kill();
    await lasting(victim, 2500, 5000);
    await group.rejoin(primary);
  },
  async freezePrimary(victim) {
    const primary = await only(victim.group).primary();
    primary.signal('SIGSTOP');
    await lasting(victim, 4000, 9000);
    primary.signal('SIGCONT');
  },
  async plannedFailover(victim) {
    // A refusal (another failover is under way) is as good.
    await victim.random
      .pick(only(victim.group).sentinels)
      .failOver()
      .catch(() => {});
    await lasting(victim, 3000, 5000);
  },
  async killReplica(victim) {
    const group = only(victim.group);
    const primary = await group.primary();
    const replica = victim.random.pick(group.servers.filter((each) => each !== primary));
    await replica.kill();
    await lasting(victim, 500, 4000);
    await group.rejoin(replica);
  },
} satisfies Record<string, Fault>;

const diskFaults = {
  async fullDisk(victim) {
    const disk = only(victim.disk);
    await disk.fill();
    await lasting(victim, 2000, 6000);
    disk.empty();
    // It ends when it cannot write.
    if (victim.redis && !victim.redis.alive) await restart(victim.redis, victim.trail);
    await victim.group?.makeWhole();
  },
} satisfies Record<string, Fault>;

const fileFaults = {
  async secondProcess({ world, trail, ...victim }) {
    const name = 'second';
    const args = ['--data', only(victim.file)];
    const { directory } = world;
    const second = world.own(new Coordinator({ directory, name, port: await claimPort(), args }));
    if (await second.start()) trail.violation('two coordinators on one SQLite file', {});
    await second.kill();
  },
  /** The end of the WAL is what a crash may leave there: the beginning of a write that was never acknowledged. */
  async tearWal({ trail, random, ...victim }) {
    const [coordinator] = victim.coordinators;
    await only(coordinator).kill();
    const garbage = Buffer.alloc(random.whole(1, 4000), random.whole(0, 255));
    const wal = `${only(victim.file)}-wal`;
    if (existsSync(wal)) {
      appendFileSync(wal, garbage);
      trail.note('WAL torn', { bytes: garbage.length });
    }
    await restart(only(coordinator), trail);
  },
} satisfies Record<string, Fault>;

export const FAULTS: Readonly<Record<string, Fault>> = {
  ...coordinatorFaults,
  ...redisFaults,
  ...linkFaults,
  ...groupFaults,
  ...diskFaults,
  ...fileFaults,
};

const POSSIBLE: Record<StoreKind, readonly string[]> = {
  redis: [coordinatorFaults, redisFaults, linkFaults].flatMap(Object.keys),
  sentinel: [groupFaults, coordinatorFaults].flatMap(Object.keys),
  sqlite: [coordinatorFaults, fileFaults].flatMap(Object.keys),
};

/** @throws when there is none of a name that goes with the store */
export function faultsFor({ store, faults, tmpfs }: TrialOptions): readonly string[] {
  const possible = [...POSSIBLE[store], ...(tmpfs ? Object.keys(diskFaults) : [])];
  const wrong = faults?.filter((name) => !possible.includes(name)) ?? [];
  if (wrong.length === 0) return faults ?? possible;
  const here = `${store}${tmpfs ? ' on a small disk' : ''}`;
  throw new Error(`There is no fault ${wrong.join(', ')} with ${here}. There are ${possible.join(', ')}.`);
}

async function restart(server: Coordinator | RedisServer, trail: Trail): Promise<void> {
  if (!(await server.start())) trail.note('not ready after its start', server.name);
}

function only<T>(part: T | undefined): T {
  if (part === undefined) throw new Error('this fault is not one of this store');
  return part;
}
