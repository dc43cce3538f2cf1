import { setTimeout as sleep } from 'node:timers/promises';
import type { Coordinator } from '../../world/coordinator.ts';
import { until } from '../../world/wait.ts';
import type { Case } from '../case.ts';
import { brief, granted } from '../scene.ts';

const LEASES = 10;
/** s. */
const AHEAD = 3600;

/** NTP steps the clock of Redis' machine, or its virtual machine was paused, and the step is taken back. */
export const clock: Case = {
  about: 'the clock of Redis is an hour ahead for three seconds',
  async play(scene) {
    const { redis, coordinators } = await scene.redis({ clock: true });
    const [a] = coordinators as [Coordinator];
    const leases = [];
    for (let i = 0; i < LEASES; i++) leases.push(granted(await a.reserve(`l${i}`, { ttl: 60 })).lease);
    scene.say('renewed:', (await a.renew(leases)).body.renewed?.length);

    redis.jump(AHEAD);
    await sleep(3000);
    redis.jump(0);
    const { renewed, lost } = (await a.renew(leases)).body;
    scene.check(`all ${LEASES} leases of 60 s are renewed`, renewed?.length === LEASES, {
      lost: lost?.length,
      of: lost?.[0],
    });

    const now = Number(await redis.ask('HGET', '{portolan:default}:meta', 'clock'));
    scene.say('the store is ahead of the true time by s:', (now - Date.now()) / 1000);
    const { port } = granted(await a.reserve('short', { ttl: 5 }));
    const leading = await Promise.all(coordinators.map((each) => each.leads()));
    const leader = coordinators[leading.indexOf(true)] ?? a;
    const other = coordinators.find((each) => each !== leader) as Coordinator;
    scene.say('leads:', leader.name);
    await leader.kill();
    const took = await until(() => other.leads(), 15_000);
    scene.check('the other leads within 15 s after the leader was killed', took !== undefined, `${took} ms`);
    const ended = await until(async () => !(await other.services()).includes('short'), 20_000);
    scene.check('a lease of 5 s ends', ended !== undefined, `${ended} ms later`);
    // It rests for 15 s; where the lease has not ended, there is nothing to wait for.
    let last = '';
    const free = async () => {
      const answer = await other.reserve('wants', { port });
      last = brief(answer);
      return answer.status === 201;
    };
    const freed = await until(free, ended === undefined ? 2000 : 25_000, 500);
    scene.check('a port that rests is free again', freed !== undefined, last);
  },
};
