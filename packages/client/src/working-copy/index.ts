// The checkout that a call comes from, and the number that it has in its project on this machine.
import '../supported-node.ts';

export { holderIn, worksIn } from './holder.ts';
export { claimInstance, instanceOf } from './instance.ts';
export { numberOf, reserveForTree } from './tree-reservation.ts';
export { type Worktree, worktreeAt } from './worktree.ts';
