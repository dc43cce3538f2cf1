import type { Coordinator } from '../../world/coordinator.ts';
import type { AssignmentView } from '../../world/http.ts';
import type { Case } from '../case.ts';

export const again: Case = {
  about: 'the same endpoint is asked for again, with another ttl, holder and purpose',
  async play(scene) {
    const { coordinators } = await scene.redis({ count: 1 });
    const [a] = coordinators as [Coordinator];
    const first = terms((await a.reserve('s', { ttl: 60, holder: 'first', purpose: 'a' })).body.assignments?.[0]);
    scene.say('first:', first);
    const wanted = { ttl: 3600, holder: 'second', purpose: 'b' };
    const shown = terms((await a.reserve('s', wanted)).body.assignments?.[0]);
    const held = terms((await a.assignments()).items[0]);
    scene.check('the answer shows the terms that hold', shown === held, { shown, held });
    scene.check('these are the terms on which it was given', held === first, held);
  },
};

function terms(assignment: AssignmentView | undefined): string {
  return JSON.stringify({ ttl: assignment?.lease?.ttl, holder: assignment?.holder, purpose: assignment?.purpose });
}
