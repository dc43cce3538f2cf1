import { type AssignmentView, labelsOf, type PortolanError, type ReserveInput, serviceId } from '@portolan/model';
import type { PortolanClient } from '../client.ts';
import { fateOf } from '../holding-process.ts';
import { explainOverride, isRefusal, type PortOverride } from '../port-override.ts';
import { type AssignmentQuery, allItems } from '../query.ts';
import type { Reserved, ReserveOptions } from '../reserved.ts';
import { holderIn, isStillThere, worksBeside } from './holder.ts';
import { claimInstance, instanceOf } from './instance.ts';
import type { Worktree } from './worktree.ts';

/** More trees of one service than anybody runs on a machine. */
const ATTEMPTS_MAX = 100;

export interface TreeOptions extends ReserveOptions {
  /** The tree that the program runs from, if it is one. */
  tree: Worktree | undefined;
  /** A port that the surroundings ask for. */
  override: PortOverride | undefined;
  /** Told what the service has in this tree already, unless another port is named; what it throws ends the attempt. */
  onStanding?: (standing: readonly AssignmentView[]) => Promise<void>;
  /** Told why the tree is not given the port that a file asks for. */
  onDeclined?: (reason: string) => void;
}

/**
 * Reserves for the tree that the program runs from, so that two trees of a service never share a port: the main worktree
 * is instance 1 and every other one has a number of its own, kept on this machine. Where the registry knows that another
 * tree of this machine has the number by now, the tree takes the next one, and keeps that.
 *
 * A `PORT` of the environment is meant for this very program: when the service has another one, it is a further instance
 * that is meant. A `PORT` of a file is in every tree that the file is in, so only the first can have it, and the others are
 * given another port.
 *
 * @param request with a holder, `ann@vm`, who is told to work in the tree
 */
export async function reserveForTree(
  client: Pick<PortolanClient, 'reserve' | 'assignments'>,
  request: ReserveInput,
  { tree, override, onStanding, onDeclined, ...options }: TreeOptions,
): Promise<Reserved> {
  const { project } = request;
  const holder = tree && request.holder && holderIn(request.holder, tree.root);
  if (request.instance === 'auto') {
    return client.reserve({ ...request, ...(holder && { holder }), ...(override && { port: override.port }) }, options);
  }
  const root = request.instance === undefined ? tree?.root : undefined;
  let instance =
    request.instance ?? (await numberOf(project, tree)) ?? (tree ? await claimInstance(project, tree.root) : 1);
  let wanted = override;
  for (let attempt = 1; ; attempt++) {
    const standing = await standingOf(client, { ...request, instance });
    const mayMove = root !== undefined && attempt < ATTEMPTS_MAX;
    if (mayMove && isOfAnotherTree(standing, root)) {
      instance = await claimInstance(project, root);
      continue;
    }
    const named = wanted?.isInFile ? undefined : (wanted?.port ?? request.port);
    if (standing.some(({ port }) => port === (named ?? port))) await onStanding?.(standing);
    const terms = { ...request, instance, ...(holder && { holder }), ...(wanted && { port: wanted.port }) };
    let reserved: Reserved;
    try {
      reserved = await client.reserve({ ...terms, succeeds: succession(request, standing) }, options);
    } catch (error) {
      if (!wanted || !isRefusal(error)) throw error;
      if (wanted.isInFile && (instance !== 1 || isOwn(error, request))) {
        onDeclined?.(`${wanted.source} asks for ${wanted.port}, but ${error.message}`);
        wanted = undefined;
      } else if (error.code === 'endpoint-elsewhere' && request.instance === undefined && attempt < ATTEMPTS_MAX) {
        instance++;
      } else {
        throw explainOverride(error, wanted);
      }
      continue;
    }
    if (reserved.reservation.created || standing.length > 0 || attempt >= ATTEMPTS_MAX) return reserved;
    // Another one asked at the same time, and was given it first: looks at who that is.
    reserved.leave();
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

/** The process whose lease this is to take over, since it has ended. */
function succession({ process }: ReserveInput, [first]: readonly AssignmentView[]): ReserveInput['succeeds'] {
  const before = process && first?.process;
  return before && fateOf(before) === 'ended' ? before : undefined;
}

/** What this very instance has of what is asked for. */
async function standingOf(
  client: Pick<PortolanClient, 'assignments'>,
  request: ReserveInput,
): Promise<AssignmentView[]> {
  const { project, service, instance, protocol = 'tcp' } = request;
  const labels = labelsOf(request);
  const all = await allItems((query: AssignmentQuery) => client.assignments(query), { project, service, protocol });
  return all.filter(({ endpoint }) => endpoint.instance === instance && labels.includes(endpoint.label));
}

/**
 * A tree elsewhere in the fleet does no harm: one service may have one port on many hosts. Nor does a tree that was deleted
 * or moved and has left a permanent assignment behind; a lease tells that somebody runs from it all the same.
 */
function isOfAnotherTree([first]: readonly AssignmentView[], root: string): boolean {
  return worksBeside(first?.holder, root) && (first?.lease !== null || isStillThere(first?.holder));
}

/** Whether it is another instance of the same service that has the port. */
function isOwn({ data }: PortolanError, { project, service }: ReserveInput): boolean {
  const own = serviceId({ project, service });
  return typeof data.owner === 'string' && (data.owner === own || data.owner.startsWith(`${own}:`));
}
