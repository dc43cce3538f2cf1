// The checkout that a call comes from, and the number that it has in its project on this machine.
export { claimInstance, instanceOf } from './instance.ts';
export { reserveForTree } from './tree-reservation.ts';
export { type Worktree, worktreeAt } from './worktree.ts';
