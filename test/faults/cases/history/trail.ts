import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import type { Coordinator } from '../../world/coordinator.ts';
import type { Link } from '../../world/store/link.ts';
import { Subscriber } from '../../world/subscriber.ts';
import { mustHold, until } from '../../world/wait.ts';
import type { Case } from '../case.ts';
import { brief } from '../scene.ts';

const COMMIT = new URL('../../../../packages/server/src/store/commit.lua', import.meta.url);
const KEYS = ['meta', 'kv', 'lease', 'log'].map((each) => `{portolan:default}:${each}`);
/** More groups than a coordinator remembers the positions of. */
const GROUPS = 1300;
const LATE = 4000;

/** A coordinator that remembers a thousand positions gets the answer to its commit after more of them went by. */
export const trail: Case = {
  about: `the answer to a commit is ${LATE / 1000} s late, and meanwhile others have committed ${GROUPS} groups`,
  async play(scene) {
    const { redis, coordinators, links } = await scene.redis({ count: 1 });
    const [a] = coordinators as [Coordinator];
    const [link] = links as [Link];
    const subscriber = scene.world.own(new Subscriber(a.port, ['assignment', 'block']));
    await mustHold('subscribed', () => subscriber.synced);
    link.commitDelay = LATE;
    setTimeout(() => {
      link.commitDelay = 0;
    }, LATE);
    const before = await redis.head();
    const slow = a.reserve('slow');
    await mustHold('the slow one committed', async () => (await redis.head()) !== before);
    const started = performance.now();
    await writeGroups(redis.port);
    scene.say(`${GROUPS} groups of others are written in ${Math.round(performance.now() - started)} ms`);
    const answer = await slow;
    const fair = answer.status === 201 || answer.body.code === 'durability-unknown';
    scene.check('what was done is answered as done, or as unknown', fair, brief(answer));
    const head = await redis.head();
    const caughtUp = await until(() => subscriber.position === head, 15_000);
    scene.check('a subscriber is told all of it', caughtUp !== undefined, { at: subscriber.position, head });
    scene.check(
      'no subscriber is reset',
      subscriber.resets.length === 0,
      subscriber.resets.map(({ reason }) => reason),
    );
    const lost = a.log.split('\n').filter((line) => line.includes('diverged'));
    scene.check('no history is taken for lost', lost.length === 0, lost);
    scene.check('it is there', (await a.services()).includes('slow'), await a.services());
  },
};

/** As the coordinators of a busy fleet would: each group blocks a port for another reason. */
async function writeGroups(port: number): Promise<void> {
  const redis = new Redis(port, '127.0.0.1');
  try {
    const script = (await redis.script('LOAD', readFileSync(COMMIT, 'utf8'))) as string;
    const block = 'block/43099-43099/any';
    const pipeline = redis.pipeline();
    for (let i = 0; i < GROUPS; i++) {
      const value = JSON.stringify({ from: 43_099, to: 43_099, protocol: null, reason: `n${i}` });
      pipeline.evalsha(script, KEYS.length, ...KEYS, 1000 + i, 10_000, 0, 0, '[1,8,0,0,0,1,1,2,0,0]', block, value);
    }
    for (const [error] of (await pipeline.exec()) ?? []) if (error) throw error;
  } finally {
    redis.disconnect();
  }
}
