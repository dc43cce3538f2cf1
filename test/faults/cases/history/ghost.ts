import type { Coordinator } from '../../world/coordinator.ts';
import type { Link } from '../../world/store/link.ts';
import { mustHold, until } from '../../world/wait.ts';
import type { Case } from '../case.ts';
import { brief } from '../scene.ts';

/** A coordinator may show what Redis has lost for so long, ms. */
const PATIENCE = 6000;

/** A commit was answered, and lost by Redis before the feed brought it to the very coordinator that had made it. */
export const ghost: Case = {
  about: 'Redis loses a commit that was answered and not fed yet, and nobody commits anything after it',
  async play(scene) {
    const { redis, coordinators, links } = await scene.redis({ count: 1 });
    const [a] = coordinators as [Coordinator];
    const [link] = links as [Link];
    await a.reserve('kept');
    await mustHold('read by the copy', async () => (await a.services({ consistent: false })).includes('kept'));
    redis.backUp();
    link.feedHole = true;
    scene.say('acknowledged:', brief(await a.reserve('ghost')));
    await redis.kill();
    redis.restore();
    link.cut();
    link.feedHole = false;
    await redis.mustStart();
    const started = performance.now();
    for (const consistent of [true, false]) {
      const gone = async () => !(await a.services({ consistent })).includes('ghost');
      const took = await until(gone, Math.max(1000, PATIENCE - (performance.now() - started)));
      const kind = consistent ? 'consistent' : 'plain';
      scene.check(`${kind} reads stop showing it within ${PATIENCE / 1000} s`, took !== undefined, `${took} ms`);
    }
    scene.say('store is at', await redis.head(), 'findings:', [...(await a.toldLost())]);
    const again = await a.reserve('ghost');
    scene.check('it can be asked for again', again.status === 201, brief(again));
  },
};
