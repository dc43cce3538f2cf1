// The checkout that a call comes from: which project and service it is about, and the number that it has on this machine.
import '../supported-node.ts';

export { holderIn, worksIn } from './holder.ts';
export { claimInstance, instanceOf } from './instance.ts';
export { nameFrom, type OwnProject, projectAt, serviceNameAt } from './own-service.ts';
export { readSmallFile } from './small-file.ts';
export { numberOf, reserveForTree } from './tree-reservation.ts';
export { type Worktree, worktreeAt } from './worktree.ts';
