import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mustHold, until } from '../../world/wait.ts';
import type { Case } from '../case.ts';
import { granted } from '../scene.ts';

const LEASES = 10;

/** The wall clock jumps, the monotonic clock and the timers of the holders do not. */
export const laptopSleep: Case = {
  about: 'a coordinator with SQLite, and its holders, wake after an hour; later the clock is set back',
  async play(scene) {
    scene.needsClock();
    const a = await scene.coordinator(['--data', join(scene.world.directory, 'fleet.sqlite')]);
    await mustHold('the coordinator leads', () => a.leads());
    const leases = [];
    for (let i = 0; i < LEASES; i++) leases.push(granted(await a.reserve(`l${i}`, { ttl: 60 })).lease);
    scene.say('renewed:', (await a.renew(leases)).body.renewed?.length);

    a.signal('SIGSTOP');
    a.jump(3600);
    await sleep(1000);
    a.signal('SIGCONT');
    // The first timers of holders are due.
    await sleep(2500);
    const { renewed, lost } = (await a.renew(leases)).body;
    const claim = `all ${LEASES} leases of 60 s are renewed 2.5 s after waking`;
    scene.check(claim, renewed?.length === LEASES, { lost: lost?.length, of: lost?.[0] });

    a.jump(0);
    await sleep(500);
    const ends = async (service: string) => until(async () => !(await a.services()).includes(service), 35_000);
    granted(await a.reserve('short', { ttl: 5 }));
    const took = await ends('short');
    scene.check('a lease of 5 s ends after the clock was set right', took !== undefined, `${took} ms`);
    if (took !== undefined) granted(await a.reserve('short', { ttl: 5 }));
    await a.kill();
    await a.mustStart();
    const later = await ends('short');
    scene.check('one ends after a restart, too', later !== undefined, `${later} ms`);
  },
};
