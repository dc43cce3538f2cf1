import { setTimeout as sleep } from 'node:timers/promises';
import type { Coordinator } from '../../world/coordinator.ts';
import { mustHold } from '../../world/wait.ts';
import type { Case } from '../case.ts';
import { brief, granted } from '../scene.ts';

export const zombie: Case = {
  about: 'a request waits in a frozen coordinator, whose sender gave up, got the port elsewhere and released it',
  async play(scene) {
    const { coordinators } = await scene.redis();
    const [a, b] = coordinators as [Coordinator, Coordinator];
    b.signal('SIGSTOP');
    const request = { project: 'p', service: 's', range: '43000-43099' };
    const first = await b.call('POST', '/v1/assignments', request, 2000);
    scene.say('B, which is frozen:', first.error, '(the connection is closed)');
    const second = await a.reserve('s');
    scene.say('A:', brief(second));
    await a.release({ project: 'p', service: 's', token: granted(second).token });
    scene.say('released; assigned:', await a.services());
    b.signal('SIGCONT');
    await mustHold('B ready again', async () => (await b.readiness()) === 200);
    // Whatever it found waiting, it has carried out by then.
    await sleep(2000);
    const { items } = await a.assignments();
    const left = items.map(({ port, lease, endpoint: { service } }) => ({ port, lease, service }));
    scene.check('nothing is assigned once B goes on', left.length === 0, left);
  },
};
