import { hostname } from 'node:os';
import { PortolanError, type Reservation, type ReserveInput } from '@portolan/model';
import type { PortolanClient } from '../client.ts';
import { explainOverride, type PortOverride } from '../port-override.ts';
import type { Reserved, ReserveOptions } from '../reserved.ts';
import { claimInstance, instanceOf } from './instance.ts';
import type { Worktree } from './worktree.ts';

/** More trees of one service than anybody runs on a machine. */
const ATTEMPTS_MAX = 100;

/**
 * Reserves for the tree that the program runs from, so that two trees of a service never share a port: the main worktree
 * is instance 1 and every other one has a number of its own, kept on this machine. Where the registry knows that another
 * tree of this machine has the number by now, the tree takes the next one, and keeps that.
 *
 * @param override a port that the surroundings ask for: when the service has another one, it is a further instance that
 *   is meant
 */
export async function reserveForTree(
  client: PortolanClient,
  request: ReserveInput,
  { tree, override }: { tree: Worktree | undefined; override: PortOverride | undefined },
  options: ReserveOptions,
): Promise<Reserved> {
  const { project } = request;
  const holder = tree && `${request.holder}:${tree.root}`.slice(0, 255);
  const terms = { ...request, ...(holder && { holder }), ...(override && { port: override.port }) };
  if (request.instance === 'auto') return client.reserve(terms, options);
  let instance = request.instance ?? (tree ? await ownNumber(project, tree) : 1);
  for (let attempt = 1; ; attempt++) {
    const wish = { ...terms, instance };
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
    const fixed = request.instance !== undefined || !tree || !holder || attempt >= ATTEMPTS_MAX;
    if (fixed || !isOfAnotherTree(reserved.reservation, holder)) return reserved;
    reserved.leave();
    instance = await claimInstance(project, tree.root);
  }
}

async function ownNumber(project: string, { root, linked }: Worktree): Promise<number> {
  return (await instanceOf(project, root)) ?? (linked ? claimInstance(project, root) : 1);
}

/** A tree elsewhere in the fleet does no harm: one service may have one port on many hosts. */
function isOfAnotherTree({ created, lease, assignments }: Reservation, holder: string): boolean {
  const other = assignments[0]?.holder;
  if (created || !lease || !other || other === holder) return false;
  return other.includes(`@${hostname()}:/`);
}

function isElsewhere(error: unknown): boolean {
  return error instanceof PortolanError && error.code === 'endpoint-elsewhere';
}
