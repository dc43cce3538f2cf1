import type { Coordinator } from '../../world/coordinator.ts';
import type { Link } from '../../world/store/link.ts';
import { until } from '../../world/wait.ts';
import type { Case } from '../case.ts';
import { brief, granted } from '../scene.ts';

/** B knows by the request itself that it lags: the token is newer than its copy, or the asker says what A has done. */
export const stale: Case = {
  about: 'a coordinator whose feed is held up is asked for what another one has just done',
  async play(scene) {
    const { coordinators, links } = await scene.redis();
    const [a, b] = coordinators as [Coordinator, Coordinator];
    const behind = links[1] as Link;
    const one = granted(await a.reserve('s', { ttl: 60, port: 43_010 }));
    scene.say('granted at A:', one.token);
    // So that B has it in its copy.
    await b.renew([one.lease]);
    behind.holdFeed(true);

    scene.say('released at A:', brief(await a.release({ lease: one.lease.id, token: one.token })));
    const freed = await b.reserve('x', { port: 43_010 });
    scene.check('the port that A freed can be had at B at once', freed.status === 201, brief(freed));
    if (freed.status === 201) await a.release({ project: 'p', service: 'x' });

    const two = granted(await a.reserve('s', { ttl: 60, port: 43_010 }));
    scene.say('granted anew at A:', two.token);
    const release = { port: 43_010, token: two.token };
    const released = await b.release(release);
    scene.check('B does not call the rightful holder fenced', released.body.code !== 'fenced', brief(released));
    scene.check(
      'B releases it, or says that it cannot yet',
      [200, 503].includes(released.status ?? 0),
      brief(released),
    );
    behind.holdFeed(false);
    if (released.status !== 200) {
      await until(async () => (await b.release(release)).status === 200, 10_000);
    }
    const left = await a.services();
    scene.check('it is released', !left.includes('s'), left);
  },
};
