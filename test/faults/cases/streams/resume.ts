import type { Coordinator } from '../../world/coordinator.ts';
import type { Link } from '../../world/store/link.ts';
import { Subscriber } from '../../world/subscriber.ts';
import { revisionOf } from '../../world/version.ts';
import { mustHold, until } from '../../world/wait.ts';
import type { Case } from '../case.ts';

/** ms. */
const BEHIND = 300;

export const resume: Case = {
  about: `a subscriber moves to a coordinator whose copy is ${BEHIND} ms behind`,
  async play(scene) {
    const { coordinators, links } = await scene.redis();
    const [a, b] = coordinators as [Coordinator, Coordinator];
    (links[1] as Link).feedDelay = BEHIND;
    const subscriber = scene.world.own(new Subscriber(a.port, ['assignment']));
    await mustHold('subscribed', () => subscriber.synced);
    await a.reserve('x');
    await mustHold('told of it', () => subscriber.state.size === 1);
    const { position = '' } = subscriber;
    scene.say('at A:', position);
    subscriber.port = b.port;
    subscriber.reconnect();
    await until(() => subscriber.synced || subscriber.resets.length > 0, 10_000);
    scene.say('at B:', subscriber.position);
    scene.check(
      'it is not reset',
      subscriber.resets.length === 0,
      subscriber.resets.map(({ reason }) => reason),
    );
    await mustHold('live at B', () => subscriber.synced);
    await b.reserve('y');
    const told = await until(() => subscriber.state.size === 2, 10_000);
    scene.check('it is told what comes next', told !== undefined, [...subscriber.state.keys()]);
    const reached = revisionOf(subscriber.position ?? '');
    scene.check('its position does not go back', reached >= revisionOf(position), subscriber.position);
    scene.check('nothing is told twice or out of order', subscriber.problems.length === 0, subscriber.problems);
  },
};
