import { connect } from '@portolan/client';
import type { Coordinator } from '../../world/coordinator.ts';
import { TOKEN } from '../../world/http.ts';
import type { Link } from '../../world/store/link.ts';
import type { Case } from '../case.ts';

export const sdk: Case = {
  about: 'the SDK releases at a coordinator whose feed is held up what another one has granted',
  async play(scene) {
    const { coordinators, links } = await scene.redis();
    const [a] = coordinators as [Coordinator];
    const [atA, atB] = coordinators.map(({ port }) => connect({ url: `http://127.0.0.1:${port}`, token: TOKEN }));
    if (!atA || !atB) throw new Error('there are two coordinators');
    const one = await atA.reserve({ project: 'p', service: 's', port: 43_010 });
    await atB.reserve({ project: 'p', service: 'other', range: '43050-43099' });
    const behind = links[1] as Link;
    behind.holdFeed(true);
    await a.release({ port: 43_010 });
    const two = await atA.reserve({ project: 'p', service: 's', port: 43_010 });
    scene.say('granted', one.token, 'released, granted anew', two.token);
    const outcome = await atB.release({ port: 43_010, token: two.token }).then(
      () => 'done',
      (error: { code?: string; message: string }) => `${error.code}: ${error.message}`,
    );
    scene.check('release() at B works', outcome === 'done', outcome);
    behind.holdFeed(false);
    const left = await a.services();
    scene.check('nothing is assigned to it any more', !left.includes('s'), left);
    for (const client of [atA, atB]) client.close();
  },
};
