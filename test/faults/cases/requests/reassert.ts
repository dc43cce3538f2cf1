import type { Coordinator } from '../../world/coordinator.ts';
import { mustHold } from '../../world/wait.ts';
import type { Case } from '../case.ts';
import { brief, granted } from '../scene.ts';

export const reassert: Case = {
  about: 'who slept through its lease re-asserts, after another instance of the same service was given the port',
  async play(scene) {
    const { coordinators } = await scene.redis({ count: 1 });
    const [a] = coordinators as [Coordinator];
    const one = granted(await a.reserve('s', { ttl: 5, port: 43_020, holder: 'first' }));
    await mustHold('its lease has ended', async () => (await a.services()).length === 0);
    const reserve = () => a.reserve('s', { ttl: 60, port: 43_020, holder: 'second' });
    await mustHold('the port has rested', async () => (await reserve()).body.port !== undefined);
    const two = granted(await reserve());
    scene.say('first:', one.token, 'second:', two.token);

    const request = {
      project: 'p',
      service: 's',
      ports: { default: 43_020 },
      token: one.token,
      ttl: 5,
      holder: 'first',
    };
    const back = await a.call('POST', '/v1/assignments/reassert', request);
    scene.check('the first, with its older token, is fenced', back.body.code === 'fenced', brief(back));
    const [item] = (await a.assignments()).items;
    scene.check('the port is granted by the token of the second', item?.token === two.token, item?.token);
    scene.check('and names it as the holder', item?.holder === 'second', item?.holder);
    const { renewed } = (await a.renew([two.lease])).body;
    scene.check('the second keeps its lease', renewed?.length === 1 && item?.lease?.ttl === 60, item?.lease);
  },
};
