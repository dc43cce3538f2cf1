import { setTimeout as sleep } from 'node:timers/promises';
import { createHosts, hostsUnavailable, type TestHost } from '../../../support/netns.ts';
import { Coordinator } from '../../world/coordinator.ts';
import { Relay } from '../../world/machine/relay-process.ts';
import { type Address, RedisServer } from '../../world/store/redis.ts';
import { Sentinel, sentinelUrl } from '../../world/store/sentinel.ts';
import { mustHold, until } from '../../world/wait.ts';
import type { World } from '../../world/world.ts';
import type { Case } from '../case.ts';
import { brief, CannotRun, type Scene } from '../scene.ts';

/** Reservations at each side while the cable is cut, one a second. */
const ASKED = 14;

/** All that runs on one host, which has addresses of its own: none of their ports is taken there. */
class Side {
  readonly #world: World;
  readonly #host: TestHost;

  constructor(world: World, host: TestHost) {
    this.#world = world;
    this.#host = host;
  }

  get #place() {
    return { directory: this.#world.directory, namespace: this.#host.namespace, host: this.#host.address };
  }

  redis(name: string, port: number, primary?: Address): Promise<RedisServer> {
    return this.#world.own(new RedisServer({ ...this.#place, name, port, primary })).mustStart();
  }

  sentinel(name: string, port: number, primary: Address): Promise<Sentinel> {
    const how = { primary, downAfter: 1500, failoverTimeout: 5000 };
    return this.#world.own(new Sentinel({ ...this.#place, name, port, ...how })).mustStart();
  }

  async coordinator(name: string, url: string): Promise<Coordinator> {
    const { directory, namespace } = this.#place;
    const port = 7999;
    const { place } = await this.#world.own(new Relay(directory, `${name}-relay`, namespace, port)).mustStart();
    const args = ['--redis', url];
    return this.#world.own(new Coordinator({ directory, namespace, name, port, place, args })).mustStart();
  }
}

/** The small side has the primary, one of two replicas, one of three sentinels, and a coordinator. */
export const partition: Case = {
  about: 'a cut between the primary with one replica and a coordinator, and the majority of sentinels with all others',
  async play(scene) {
    const unavailable = hostsUnavailable();
    if (unavailable !== undefined) throw new CannotRun(unavailable);
    const { hosts, cleanup } = await createHosts(2);
    scene.world.own({ stop: cleanup });
    const [cut] = hosts as [TestHost];
    const [small, large] = hosts.map((host) => new Side(scene.world, host)) as [Side, Side];
    const primary = await small.redis('redis0', 6390);
    const servers = [primary, await small.redis('redis1', 6391, primary), await large.redis('redis2', 6392, primary)];
    await mustHold('all replicas in step', () => primary.hasReplicas(2));
    const sentinels = [
      await small.sentinel('sentinel0', 26390, primary),
      await large.sentinel('sentinel1', 26391, primary),
      await large.sentinel('sentinel2', 26392, primary),
    ];
    for (const each of sentinels) await mustHold(`${each.name} aware of all`, () => each.knowsAll(2));
    const url = sentinelUrl(sentinels);
    const a = await small.coordinator('a', url);
    const b = await large.coordinator('b', url);
    scene.say('levels:', await a.level(), await b.level());
    const before = await a.reserve('before', { port: 43_050 });
    scene.say('before, at A:', brief(before));

    await cut.cut();
    scene.say('the cable is cut');
    const [atA, atB] = await Promise.all([askAll(scene, a, 'a'), askAll(scene, b, 'b')]);
    const levels = atA.filter(({ status }) => status === 201).map(({ acknowledged }) => acknowledged);
    scene.check('the small side acknowledges nothing', levels.length === 0, levels);
    const refused = atA.filter(({ status }) => status === 503).length;
    scene.check(
      `all ${ASKED} answers there are 503`,
      refused === ASKED,
      atA.map(({ told }) => told),
    );
    scene.say('acknowledged at the other side:', atB.filter(({ status }) => status === 201).length);
    await cut.heal();
    scene.say('healed');

    // The sentinels make replicas of whoever thinks that it is the primary.
    const whole = async () => (await Promise.all(servers.map((each) => each.isInStep()))).filter(Boolean).length === 2;
    scene.say('one primary and two replicas after ms:', await until(whole, 60_000));
    for (const each of [a, b]) await mustHold(`${each.name} ready`, async () => (await each.readiness()) === 200);
    const promised = [...atA, ...atB].filter(({ status }) => status === 201);
    for (const coordinator of [a, b]) {
      const { items } = await coordinator.assignments();
      const owners = new Map(items.map(({ port, endpoint: { service } }) => [port, service]));
      const lost = promised.filter(({ service, port }) => owners.get(port) !== service).map(({ service }) => service);
      if (owners.get(43_050) !== 'before') lost.push('before');
      scene.check(`nothing acknowledged is lost, says ${coordinator.name}`, lost.length === 0, lost);
    }
    const findings = (await a.findings()).map(({ kind, summary }) => `${kind}: ${summary}`);
    scene.say('findings:', findings);
  },
};

interface Asked {
  readonly service: string;
  readonly port: number;
  readonly status: number | undefined;
  readonly acknowledged: string | undefined;
  readonly told: string;
}

/** Both sides are asked for the same ports, a second apart; an answer may take longer than that. */
function askAll(scene: Scene, coordinator: Coordinator, side: string): Promise<Asked[]> {
  return Promise.all(
    Array.from({ length: ASKED }, async (_, i): Promise<Asked> => {
      await sleep((i + 1) * 1000);
      const [service, port] = [`${side}${i}`, 43_000 + i];
      const answer = await coordinator.reserve(service, { port });
      scene.say(`${side}:`, brief(answer));
      return { service, port, status: answer.status, acknowledged: answer.body.acknowledged, told: brief(answer) };
    }),
  );
}
