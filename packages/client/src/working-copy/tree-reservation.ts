import { PortolanError, type Reservation, type ReserveInput } from '@portolan/model';
import type { PortolanClient } from '../client.ts';
import { explainOverride, type PortOverride } from '../port-override.ts';
import type { Reserved, ReserveOptions } from '../reserved.ts';
import { holderIn, isStillThere, worksBeside } from './holder.ts';
import { claimInstance, instanceOf } from './instance.ts';
import type { Worktree } from './worktree.ts';

/** More trees of one service than anybody runs on a machine. */
const ATTEMPTS_MAX = 100;

/**
 * Reserves for the tree that the program runs from, so that two trees of a service never share a port: the main worktree
 * is instance 1 and every other one has a number of its own, kept on this machine. Where the registry knows that another
 * tree of this machine has the number by now, the tree takes the next one, and keeps that.
 *
 * @param request with a holder, `ann@vm`, who is told to work in the tree
 * @param override a port that the surroundings ask for: when the service has another one, it is a further instance that
 *   is meant
 */
export async function reserveForTree(
  client: Pick<PortolanClient, 'reserve'>,
  request: ReserveInput,
  { tree, override }: { tree: Worktree | undefined; override: PortOverride | undefined },
  options: ReserveOptions,
): Promise<Reserved> {
  const { project } = request;
  const holder = tree && request.holder && holderIn(request.holder, tree.root);
  let instance =
    request.instance ?? (await numberOf(project, tree)) ?? (tree ? await claimInstance(project, tree.root) : 1);
  for (let attempt = 1; ; attempt++) {
    const wish = { ...request, instance, ...(holder && { holder }), ...(override && { port: override.port }) };
    let reserved: Reserved;
    try {
      reserved = await client.reserve(wish, options);
    } catch (error) {
      if (!override) throw error;
      const further = isElsewhere(error) && request.instance === undefined && attempt < ATTEMPTS_MAX;
      if (!further) throw explainOverride(error, override);
      instance++;
      continue;
    }
    const fixed = request.instance !== undefined || !tree || attempt >= ATTEMPTS_MAX;
    if (fixed || !isOfAnotherTree(reserved.reservation, tree)) return reserved;
    reserved.leave();
    instance = await claimInstance(project, tree.root);
  }
}

/**
 * The instance that a tree is in a project on this machine; outside of a tree it is the first.
 *
 * @returns `undefined` when it is a linked worktree that was given no number yet
 */
export async function numberOf(project: string, tree: Worktree | undefined): Promise<number | undefined> {
  if (!tree) return 1;
  return (await instanceOf(project, tree.root)) ?? (tree.linked ? undefined : 1);
}

/**
 * A tree elsewhere in the fleet does no harm: one service may have one port on many hosts. Nor does a tree that was deleted
 * or moved and has left a permanent assignment behind; a lease tells that somebody runs from it all the same.
 */
function isOfAnotherTree({ created, lease, assignments }: Reservation, { root }: Worktree): boolean {
  const holder = assignments[0]?.holder;
  return !created && worksBeside(holder, root) && (lease !== null || isStillThere(holder));
}

function isElsewhere(error: unknown): boolean {
  return error instanceof PortolanError && error.code === 'endpoint-elsewhere';
}
