import { claimPort } from '../machine/port.ts';
import { mustHold, until } from '../wait.ts';
import type { World } from '../world.ts';
import { RedisServer } from './redis.ts';
import { Sentinel, sentinelUrl } from './sentinel.ts';

export interface GroupOptions {
  readonly replicas: number;
  /** How long the primary is silent until it is taken for down, ms. */
  readonly downAfter: number;
  readonly failoverTimeout: number;
}

/** A primary with its replicas, and three sentinels that know all of them; on loopback. */
export class SentinelGroup {
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly Sentinel[];

  private constructor(servers: readonly RedisServer[], sentinels: readonly Sentinel[]) {
    this.servers = servers;
    this.sentinels = sentinels;
  }

  static async start(world: World, { replicas, ...how }: GroupOptions): Promise<SentinelGroup> {
    const { directory } = world;
    const add = async (name: string, primary?: RedisServer) =>
      world.own(new RedisServer({ directory, name, port: await claimPort(), primary })).mustStart();
    const primary = await add('redis0');
    const servers = [primary];
    for (let i = 1; i <= replicas; i++) servers.push(await add(`redis${i}`, primary));
    await mustHold('all replicas in step', () => primary.hasReplicas(replicas));
    const sentinels = [];
    for (const name of ['sentinel0', 'sentinel1', 'sentinel2']) {
      const sentinel = new Sentinel({ directory, name, port: await claimPort(), primary, ...how });
      sentinels.push(await world.own(sentinel).mustStart());
    }
    for (const sentinel of sentinels) {
      await mustHold(`${sentinel.name} aware of all others`, () => sentinel.knowsAll(replicas));
    }
    return new SentinelGroup(servers, sentinels);
  }

  get url(): string {
    return sentinelUrl(this.sentinels);
  }

  /** The server that most sentinels take for the primary. */
  async primary(): Promise<RedisServer> {
    const named = await Promise.all(this.sentinels.map((each) => each.primary().catch(() => undefined)));
    const votes = named.flatMap((address) => this.servers.find(({ port }) => port === address?.port) ?? []);
    const most = votes.find((server) => votes.filter((each) => each === server).length * 2 > named.length);
    if (!most) throw new Error('the sentinels do not agree on a primary');
    return most;
  }

  /** Waits until another server than this is the primary. @returns whether it came to that within 20 s */
  async hasMovedFrom(server: RedisServer): Promise<boolean> {
    return (await until(async () => (await this.primary()) !== server, 20_000)) !== undefined;
  }

  /**
   * Starts a server that was down, as with the configuration file that sentinels rewrite: as a replica of whoever is the
   * primary by then, or as what it was when no other has been promoted. A server that came back on its own, with data of
   * its own, could be promoted once more and take away what was acknowledged meanwhile: that would be our fault.
   */
  async rejoin(server: RedisServer): Promise<void> {
    await mustHold('the sentinels agree on a primary', async () => (await this.primary()) !== undefined);
    const primary = await this.primary();
    server.primary = primary === server ? undefined : primary;
    await server.mustStart();
    // It may follow another by now; a group whose nodes are not in step yet is not the one that the next fault is for.
    await until(async () => (await this.primary()) === server || (await server.isInStep()), 15_000);
  }

  async makeWhole(): Promise<void> {
    for (const each of this.sentinels) if (!each.alive) await each.mustStart();
    for (const each of this.servers) if (!each.alive) await this.rejoin(each);
  }
}
