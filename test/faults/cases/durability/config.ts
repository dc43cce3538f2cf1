import type { Coordinator } from '../../world/coordinator.ts';
import { mustHold, until } from '../../world/wait.ts';
import type { Case } from '../case.ts';
import { brief } from '../scene.ts';

export const config: Case = {
  about: 'Redis comes back without its append-only file, under a coordinator that was started when it had one',
  async play(scene) {
    const { redis, coordinators } = await scene.redis({ count: 1 });
    const [a] = coordinators as [Coordinator];
    scene.say('level:', (await a.reserve('one')).body.acknowledged);
    await redis.ask('CONFIG', 'SET', 'appendonly', 'no');
    await redis.kill('SIGTERM');
    redis.persistence = 'none';
    await redis.mustStart();

    const levels: (string | undefined)[] = [];
    for (let i = 0; i < 3; i++) {
      let answer = await a.reserve(`later${i}`);
      await mustHold('acknowledged', async () => {
        if (answer.status !== 201) answer = await a.reserve(`later${i}`);
        return answer.status === 201;
      });
      scene.say('without an append-only file:', brief(answer));
      levels.push(answer.body.acknowledged);
    }
    scene.check(
      'answers say memory',
      levels.every((level) => level === 'memory'),
      levels,
    );
    const lowered = await until(() => a.hasFinding('durability-lowered'), 10_000);
    scene.check('there is a finding durability-lowered', lowered !== undefined);
    const told = a.warnings.filter((line) => /memory|durab|append-only/i.test(line));
    scene.check('the log tells it', told.length > 0, a.warnings);

    await redis.kill();
    await redis.mustStart();
    await mustHold('ready again', async () => (await a.readiness()) === 200);
    scene.say('after kill -9:', await a.services(), 'lost, as findings tell:', [...(await a.toldLost())]);
  },
};
