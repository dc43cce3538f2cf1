import { setTimeout as sleep } from 'node:timers/promises';
import type { Coordinator } from '../../world/coordinator.ts';
import { TOKEN } from '../../world/http.ts';
import type { Link } from '../../world/store/link.ts';
import { Subscriber } from '../../world/subscriber.ts';
import { revisionOf } from '../../world/version.ts';
import { mustHold, until } from '../../world/wait.ts';
import type { Case } from '../case.ts';

interface Frame {
  readonly type: string;
  readonly position?: string;
  readonly commits?: readonly { readonly position: string; readonly events: readonly { readonly topic: string }[] }[];
}

/** A further subscribe takes the place of the last, also while that one is still being resumed from the store. */
export const resubscribe: Case = {
  about: 'a second subscribe on one socket, while the first is still being resumed from a slow store',
  async play(scene) {
    const { coordinators, links } = await scene.redis({ count: 1 });
    const [a] = coordinators as [Coordinator];
    const subscriber = new Subscriber(a.port, ['assignment']);
    await mustHold('subscribed', () => subscriber.synced);
    await a.reserve('first');
    await mustHold('told of it', () => subscriber.state.size === 1);
    const { position } = subscriber;
    subscriber.stop();
    for (const service of ['s1', 's2', 's3']) await a.reserve(service);
    // A coordinator that was started since has none of it in memory.
    await a.kill();
    await a.mustStart();
    (links[0] as Link).feedDelay = 800;

    const frames: Frame[] = [];
    const socket = new WebSocket(`ws://127.0.0.1:${a.port}/v1/stream`);
    socket.onmessage = ({ data }) => {
      scene.say(String(data).slice(0, 150));
      frames.push(JSON.parse(String(data)) as Frame);
    };
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: 'auth', token: TOKEN }));
      socket.send(JSON.stringify({ type: 'subscribe', topics: ['assignment'], position }));
      setTimeout(() => socket.send(JSON.stringify({ type: 'subscribe', topics: ['block'] })), 100);
    };
    const synced = await until(() => frames.some(({ type }) => type === 'synced'), 10_000);
    scene.check('the second is answered', synced !== undefined);
    // What came for the first, late, would be there by now.
    await sleep(3000);
    socket.close();
    const end = frames.findLastIndex(({ type }) => type === 'synced');
    const late = frames.slice(end).flatMap(({ commits = [] }) => commits.flatMap(({ events }) => events));
    const wrong = late.filter(({ topic }) => topic === 'assignment').length;
    scene.check('nothing is told of topics that were given up', wrong === 0, `${wrong} changes`);
    const positions = frames.flatMap(({ position: at, commits = [] }) => [
      ...commits.map((each) => each.position),
      ...(at ? [at] : []),
    ]);
    const back = positions.findIndex((at, i) => i > 0 && revisionOf(at) < revisionOf(positions[i - 1] as string));
    scene.check('positions do not go back', back < 0, positions);
  },
};
