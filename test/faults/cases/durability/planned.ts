import { setTimeout as sleep } from 'node:timers/promises';
import type { Coordinator } from '../../world/coordinator.ts';
import { SentinelGroup } from '../../world/store/sentinel-group.ts';
import { mustHold, until } from '../../world/wait.ts';
import type { Case } from '../case.ts';
import type { Scene } from '../scene.ts';

const WRITERS = 6;

export const planned: Case = {
  about: 'SENTINEL FAILOVER, as before an upgrade of the primary, with two replicas, while ports are reserved for good',
  play: (scene) => play(scene, 2),
};

export const plannedOne: Case = {
  about: 'the same with one replica',
  play: (scene) => play(scene, 1),
};

async function play(scene: Scene, replicas: number): Promise<void> {
  const group = await SentinelGroup.start(scene.world, { replicas, downAfter: 5000, failoverTimeout: 10_000 });
  const coordinators = [
    await scene.coordinator(['--redis', group.url], 'c0'),
    await scene.coordinator(['--redis', group.url], 'c1'),
  ];
  const [a] = coordinators as [Coordinator];
  scene.say(replicas, 'replicas; level:', await a.level());
  const writers = new Writers(coordinators);
  await mustHold('a fleet at work', () => writers.given.length > 50);
  const before = await group.primary();
  scene.say('SENTINEL FAILOVER:', await group.sentinels[0]?.failOver());
  const moved = await group.hasMovedFrom(before);
  const promised = writers.given.length;
  const goesOn = await until(() => writers.given.length > promised + 50, 30_000);
  await writers.stop();
  scene.check('another node is promoted', moved);
  scene.check('the fleet goes on', goesOn !== undefined);
  scene.say('longest pause between two acknowledged writes, ms:', writers.longestPause);

  const { given } = writers;
  let owners = new Map<number, string>();
  await mustHold('read', async () => {
    const { status, items } = await a.assignments();
    owners = new Map(items.map(({ port, endpoint: { service } }) => [port, service]));
    return status === 200;
  });
  const lost = given.filter(({ service, port }) => owners.get(port) !== service);
  const twice = given.length - new Set(given.map(({ port }) => port)).size;
  const findings = (await a.findings()).length;
  scene.say('acknowledged:', given.length, 'lost:', lost.length, 'findings:', findings);
  scene.check('nothing acknowledged is lost', lost.length === 0, lost.slice(0, 2));
  scene.check('no port is acknowledged to two', twice === 0, twice);
}

/** Reserve new ports for good, as fast as they are answered. */
class Writers {
  readonly given: { service: string; port: number; level: string | undefined }[] = [];
  longestPause = 0;
  readonly #coordinators: readonly Coordinator[];
  readonly #done: Promise<unknown>;
  #last = performance.now();
  #asked = 0;
  #writing = true;

  constructor(coordinators: readonly Coordinator[]) {
    this.#coordinators = coordinators;
    this.#done = Promise.all(Array.from({ length: WRITERS }, (_, i) => this.#write(i)));
  }

  async stop(): Promise<void> {
    this.#writing = false;
    await this.#done;
  }

  async #write(i: number): Promise<void> {
    const coordinator = this.#coordinators[i % this.#coordinators.length] as Coordinator;
    while (this.#writing) {
      const service = `s${this.#asked++}`;
      const { status, body } = await coordinator.reserve(service, { range: '44000-49000', order: 'lowest' });
      if (status === 201 && body.port !== undefined) {
        this.given.push({ service, port: body.port, level: body.acknowledged });
        this.longestPause = Math.round(Math.max(this.longestPause, performance.now() - this.#last));
        this.#last = performance.now();
      }
      await sleep(5);
    }
  }
}
