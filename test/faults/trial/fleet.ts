import { join } from 'node:path';
import { Coordinator } from '../world/coordinator.ts';
import { SmallDisk } from '../world/machine/disk.ts';
import { claimPort } from '../world/machine/port.ts';
import { Link } from '../world/store/link.ts';
import { RedisServer } from '../world/store/redis.ts';
import { SentinelGroup } from '../world/store/sentinel-group.ts';
import type { World } from '../world/world.ts';
import type { TrialOptions } from './options.ts';

const REPLICAS = 2;

/** The coordinators of a trial, and what they rest on. */
export interface Fleet {
  readonly coordinators: readonly Coordinator[];
  /** One before each coordinator, where there is one Redis. */
  readonly links: readonly Link[];
  /** Without sentinels. */
  readonly redis?: RedisServer;
  readonly group?: SentinelGroup;
  /** The file of a coordinator without Redis. */
  readonly file?: string;
  /** Where the store lies, when it can be full. */
  readonly disk?: SmallDisk;
}

export async function startFleet(world: World, options: TrialOptions): Promise<Fleet> {
  const disk = options.tmpfs ? world.own(new SmallDisk(join(world.directory, 'disk'))) : undefined;
  const base = disk?.directory ?? world.directory;
  const onDisk = disk && { disk };
  const ack = options.ack === undefined ? [] : ['--ack', options.ack];
  if (options.store === 'sqlite') {
    const file = join(base, 'fleet.sqlite');
    const coordinator = await serve(world, 'c0', ['--data', file]);
    return { coordinators: [coordinator], links: [], file, ...onDisk };
  }
  if (options.store === 'sentinel') {
    const group = await SentinelGroup.start(world, { replicas: REPLICAS, downAfter: 1000, failoverTimeout: 5000 });
    const args = ['--redis', group.url, ...ack];
    const coordinators = [await serve(world, 'c0', args), await serve(world, 'c1', args)];
    return { coordinators, links: [], group, ...onDisk };
  }
  const { clock } = world;
  const redis = world.own(new RedisServer({ directory: base, name: 'redis', port: await claimPort(), clock }));
  await redis.mustStart();
  const links = [world.own(new Link(redis)), world.own(new Link(redis))];
  const coordinators = [];
  for (const [i, link] of links.entries()) {
    await link.start();
    coordinators.push(await serve(world, `c${i}`, ['--redis', `redis://${link.host}:${link.port}`, ...ack]));
  }
  return { coordinators, links, redis, ...onDisk };
}

async function serve(world: World, name: string, args: string[]): Promise<Coordinator> {
  const { directory, clock } = world;
  return world.own(new Coordinator({ directory, name, port: await claimPort(), args, clock })).mustStart();
}

/** Starts again whatever is not running, and heals what may be held up. */
export async function makeWhole({ coordinators, redis, group }: Fleet): Promise<void> {
  if (redis && !redis.alive) await redis.mustStart();
  await group?.makeWhole();
  for (const each of coordinators) if (!each.alive) await each.mustStart();
}
