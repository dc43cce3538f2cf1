import { Coordinator } from '../world/coordinator.ts';
import { claimPort } from '../world/machine/port.ts';
import { Link } from '../world/store/link.ts';
import { RedisServer } from '../world/store/redis.ts';
import { World } from '../world/world.ts';

export interface RedisScene {
  readonly redis: RedisServer;
  readonly coordinators: readonly Coordinator[];
  /** One before each coordinator. */
  readonly links: readonly Link[];
}

/** Thrown by a case that cannot be tried here. */
export class CannotRun extends Error {}

/** Where a case plays: a world, what is measured in it, and what has to hold. */
export class Scene {
  readonly world: World;
  readonly #started = performance.now();
  /** What had to hold and did not. */
  readonly failures: string[] = [];

  constructor(name: string) {
    this.world = new World(name);
  }

  /** Tells a figure. */
  say(...what: unknown[]): void {
    const texts = what.map((each) => (typeof each === 'string' ? each : JSON.stringify(each)));
    const at = Math.round(performance.now() - this.#started);
    process.stdout.write(`${String(at).padStart(7)} ${texts.join(' ')}\n`);
  }

  /** The case goes on when it does not hold, so that all of it is told. @param seen what there was instead */
  check(claim: string, holds: boolean, seen: unknown = ''): void {
    this.say(holds ? 'ok' : 'NOT', claim, seen);
    if (!holds) this.failures.push(claim);
  }

  /** One Redis, and coordinators that each reach it through a link of their own. */
  async redis({ count = 2, clock = false, persistence = 'aof' as 'aof' | 'none' } = {}): Promise<RedisScene> {
    const { directory } = this.world;
    if (clock) this.needsClock();
    const moved = clock && { clock: this.world.clock };
    const port = await claimPort();
    const redis = this.world.own(new RedisServer({ directory, name: 'redis', port, persistence, ...moved }));
    await redis.mustStart();
    const links: Link[] = [];
    const coordinators: Coordinator[] = [];
    for (let i = 0; i < count; i++) {
      const link = await this.world.own(new Link(redis)).start();
      links.push(link);
      coordinators.push(await this.coordinator(['--redis', `redis://${link.host}:${link.port}`], `c${i}`));
    }
    return { redis, links, coordinators };
  }

  /** Ready. */
  async coordinator(args: readonly string[], name = 'c0'): Promise<Coordinator> {
    return (await this.prepare(args, name)).mustStart();
  }

  /** Not started yet. */
  async prepare(args: readonly string[], name: string): Promise<Coordinator> {
    const { directory, clock } = this.world;
    return this.world.own(new Coordinator({ directory, name, port: await claimPort(), args, clock }));
  }

  /** @throws CannotRun where no clock can be moved */
  needsClock(): void {
    if ('unavailable' in this.world.clock) throw new CannotRun(this.world.clock.unavailable);
  }
}

/** `201 43012 1796048473404.2`, or what was said instead. */
export function brief({ status, error, body }: Awaited<ReturnType<Coordinator['reserve']>>): string {
  return [status ?? error, body.code, body.port, body.token, body.acknowledged, body.detail]
    .filter((part) => part !== undefined)
    .join(' ');
}

/** A grant that the rest of a case is about. @throws when it was refused */
export function granted(answer: Awaited<ReturnType<Coordinator['reserve']>>): {
  port: number;
  token: string;
  lease: { id: string; token: string };
} {
  const { port, token, lease } = answer.body;
  if (port === undefined || token === undefined) throw new Error(`a reservation was refused: ${brief(answer)}`);
  return { port, token, lease: { id: lease?.id ?? '', token } };
}
