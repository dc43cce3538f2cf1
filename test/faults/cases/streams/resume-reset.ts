import { setTimeout as sleep } from 'node:timers/promises';
import { assignmentsIn, toldOf } from '../../trial/checks/streams.ts';
import type { Coordinator } from '../../world/coordinator.ts';
import type { Link } from '../../world/store/link.ts';
import { Subscriber } from '../../world/subscriber.ts';
import { mustHold, until } from '../../world/wait.ts';
import type { Case } from '../case.ts';
import { granted } from '../scene.ts';

/** Of the feed, once Redis is back, ms. */
const SLOW = 500;
/** More than the backup lacks are written after it, so that old positions are passed once more. */
const LOST = 9;
const FLIPS = 12;

export const resumeReset: Case = {
  about: 'a subscriber resumes from before the start of its coordinator while Redis is away, which comes back rewound',
  async play(scene) {
    const { redis, coordinators, links } = await scene.redis({ count: 1 });
    const [a] = coordinators as [Coordinator];
    const early = new Subscriber(a.port, ['assignment']);
    await mustHold('subscribed', () => early.synced);
    await a.reserve('first');
    await mustHold('told of it', () => early.state.size === 1);
    const past = { position: early.position as string, state: new Map(early.state) };
    early.stop();
    for (const service of ['kept1', 'kept2', 'kept3']) await a.reserve(service);
    await a.kill();
    await a.mustStart();
    redis.backUp();
    for (let i = 0; i < LOST; i++) await a.reserve(`later${i}`);
    scene.say('head:', await redis.head(), 'the subscriber has', past.position);

    await redis.kill();
    const late = scene.world.own(new Subscriber(a.port, ['assignment'], past));
    // It is being resumed.
    await sleep(1500);
    redis.restore();
    await redis.mustStart();
    await mustHold('ready again', async () => (await a.readiness()) === 200);
    await until(() => late.resets.length > 0 || late.synced, 10_000);
    scene.say(
      'Redis is back; subscriber at',
      late.position,
      'resets:',
      late.resets.map(({ reason }) => reason),
    );
    (links[0] as Link).feedDelay = SLOW;
    for (let i = 0; i < FLIPS; i++) {
      const { port, token } = granted(await a.reserve('flip', { port: 43_200 + i }));
      if (i < FLIPS - 1) await a.release({ port, token });
    }
    let truth: string[] = [];
    const agree = async () => {
      truth = toldOf((await a.assignments()).items).sort();
      return late.synced && truth.join() === assignmentsIn(late).sort().join();
    };
    const agreed = await until(agree, 10_000);
    // What was asked for before the reset, and comes after it, must not be told any more.
    await sleep(2000);
    scene.say('truth:', truth, await redis.head());
    scene.say('told: ', assignmentsIn(late).sort(), late.position);
    scene.check('it folds to what is there', agreed !== undefined && (await agree()));
    scene.check('no position comes twice or goes back', late.problems.length === 0, late.problems.slice(0, 6));
  },
};
