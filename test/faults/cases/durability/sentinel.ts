import type { Coordinator } from '../../world/coordinator.ts';
import type { RedisServer } from '../../world/store/redis.ts';
import { SentinelGroup } from '../../world/store/sentinel-group.ts';
import { mustHold, until } from '../../world/wait.ts';
import type { Case } from '../case.ts';
import { brief } from '../scene.ts';

interface Promised {
  readonly service: string;
  readonly port: number;
}

export const sentinel: Case = {
  about: 'a coordinator starts while the only replica is away; later that one lags, and is promoted',
  async play(scene) {
    const group = await SentinelGroup.start(scene.world, { replicas: 1, downAfter: 1500, failoverTimeout: 5000 });
    const [primary, replica] = group.servers as [RedisServer, RedisServer];
    await replica.kill();
    await mustHold('the primary alone', () => primary.hasReplicas(0));
    const a = await scene.coordinator(['--redis', group.url], 'c0');
    await replica.mustStart();
    await mustHold('the replica in step', () => primary.hasReplicas(1));
    const b = await scene.coordinator(['--redis', group.url], 'c1');
    scene.say('levels:', await a.level(), await b.level());
    scene.check('who starts without a replica, behind sentinels, warns', a.warnings.length > 0, a.warnings);

    replica.signal('SIGSTOP');
    await primary.ask('CLIENT', 'KILL', 'TYPE', 'replica');
    const promised: Promised[] = [];
    for (let i = 0; i < 5; i++) {
      const service = `s${i}`;
      const answer = await a.reserve(service, i % 2 ? { ttl: 60 } : {});
      scene.say('c0 answers', brief(answer));
      if (answer.status === 201) promised.push({ service, port: answer.body.port as number });
    }
    scene.say('c1 answers', brief(await b.reserve('x')));
    await primary.kill();
    replica.signal('SIGCONT');
    scene.say('the replica is promoted:', await group.hasMovedFrom(primary));
    await mustHold('read', async () => (await a.assignments()).status === 200);

    const owners = new Map((await a.assignments()).items.map(({ port, endpoint }) => [port, endpoint.service]));
    const lost = promised.filter(({ service, port }) => owners.get(port) !== service);
    scene.say('acknowledged', promised.length, 'lost', lost.length);
    const untold = async () => {
      const told = await a.toldLost();
      return lost.filter(({ service }) => !told.has(service));
    };
    await until(async () => (await untold()).length === 0, 15_000);
    const silent = await untold();
    scene.check('nothing acknowledged is lost without a finding', silent.length === 0, silent);
    await giveAway(a, silent);

    /** With a finding it may be given to another. */
    async function giveAway(coordinator: Coordinator, ports: readonly Promised[]): Promise<void> {
      for (const { port } of ports.slice(0, 2)) {
        const answer = await coordinator.reserve(`thief${port}`, { project: 'q', port });
        scene.check(
          `${port}, acknowledged to another, is not given away in silence`,
          answer.status !== 201,
          brief(answer),
        );
      }
    }
  },
};
