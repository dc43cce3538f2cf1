import { hostname } from 'node:os';
import { type AssignmentView, labelsOf, type PortolanError, type ReserveInput, serviceId } from '@portolan/model';
import type { PortolanClient } from '../client.ts';
import { explainOverride, isRefusal, type PortOverride } from '../port-override.ts';
import { type AssignmentQuery, allItems } from '../query.ts';
import type { Reserved, ReserveOptions } from '../reserved.ts';
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
 */
export async function reserveForTree(
  client: PortolanClient,
  request: ReserveInput,
  { tree, override, onStanding, onDeclined, ...options }: TreeOptions,
): Promise<Reserved> {
  const { project } = request;
  const holder = tree && `${request.holder}:${tree.root}`.slice(0, 255);
  const root = request.instance === undefined ? tree?.root : undefined;
  let instance = request.instance ?? (tree ? await ownNumber(project, tree) : 1);
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
    try {
      const wish = { ...request, instance, ...(holder && { holder }), ...(wanted && { port: wanted.port }) };
      const reserved = await client.reserve(wish, options);
      const { created, assignments } = reserved.reservation;
      // Of two that asked at once.
      if (created || !mayMove || !isOfAnotherTree(assignments, root)) return reserved;
      reserved.leave();
      instance = await claimInstance(project, root);
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
    }
  }
}

async function ownNumber(project: string, { root, linked }: Worktree): Promise<number> {
  return (await instanceOf(project, root)) ?? (linked ? claimInstance(project, root) : 1);
}

/** What this very instance has of what is asked for. */
async function standingOf(client: PortolanClient, request: ReserveInput): Promise<AssignmentView[]> {
  const { project, service, instance, protocol = 'tcp' } = request;
  const labels = labelsOf(request);
  const all = await allItems((query: AssignmentQuery) => client.assignments(query), { project, service, protocol });
  return all.filter(({ endpoint }) => endpoint.instance === instance && labels.includes(endpoint.label));
}

/** A tree elsewhere in the fleet does no harm: one service may have one port on many hosts. */
function isOfAnotherTree(standing: readonly AssignmentView[], root: string): boolean {
  const [first] = standing;
  const here = `@${hostname()}:`;
  const at = first?.lease ? (first.holder?.lastIndexOf(`${here}/`) ?? -1) : -1;
  return at >= 0 && first?.holder?.slice(at + here.length) !== root.slice(0, 255 - at - here.length);
}

/** Whether it is another instance of the same service that has the port. */
function isOwn({ data }: PortolanError, { project, service }: ReserveInput): boolean {
  const own = serviceId({ project, service });
  return typeof data.owner === 'string' && (data.owner === own || data.owner.startsWith(`${own}:`));
}
