import { readFileSync } from 'node:fs';
import type { Coordinator } from '../../world/coordinator.ts';
import type { AssignmentView } from '../../world/http.ts';
import type { Case } from '../case.ts';

const DOCS = new URL('../../../../docs/api.md', import.meta.url);

/** What `docs/api.md` promises of it, as long as it does. */
const WRITES = /Asking with other words \([^)]*\) writes these/;

export const again: Case = {
  about: 'the same endpoint is asked for again, with another ttl, holder and purpose',
  async play(scene) {
    const { coordinators } = await scene.redis({ count: 1 });
    const [a] = coordinators as [Coordinator];
    const first = await a.reserve('s', { ttl: 60, holder: 'first', purpose: 'a' });
    scene.say('first:', terms(first.body.assignments?.[0]));
    const wanted = { ttl: 3600, holder: 'second', purpose: 'b' };
    const shown = terms((await a.reserve('s', wanted)).body.assignments?.[0]);
    const held = terms((await a.assignments()).items[0]);
    scene.check('the answer shows the terms that hold', shown === held, { shown, held });
    if (!WRITES.test(readFileSync(DOCS, 'utf8'))) return;
    scene.check('they are those that were asked for, as docs/api.md says', held === JSON.stringify(wanted), held);
  },
};

function terms(assignment: AssignmentView | undefined): string {
  return JSON.stringify({ ttl: assignment?.lease?.ttl, holder: assignment?.holder, purpose: assignment?.purpose });
}
