import { numberOf } from '@portolan/client/working-copy';
import {
  type AssignmentView,
  formatEndpoint,
  isContainerInternal,
  Name,
  Port,
  PortolanError,
  type PortReport,
  Protocol,
  type ReleaseRequest,
  type ServiceView,
} from '@portolan/model';
import { z } from 'zod';
import { type Caller, isOwn } from './caller.ts';
import { Instance, Workspace } from './place-argument.ts';
import { quoted } from './plain.ts';
import type { Registry } from './registry.ts';
import { Held, ShownAssignment, shownAssignment } from './shown-assignment.ts';
import { tool } from './tool.ts';

const Choice = z.strictObject({
  port: Port.optional(),
  protocol: Protocol.optional(),
  projectName: Name.optional(),
  serviceName: Name.optional(),
  label: Name.optional(),
  instance: Instance,
  all: z.boolean().optional().describe('Every instance of the service, also those of other working copies.'),
  confirm: z
    .boolean()
    .optional()
    .describe(
      "Release it although it is somebody else's, planned, or in use. Only after such a refusal, and if you mean it.",
    ),
  workspace: Workspace,
});

type Choice = z.output<typeof Choice>;

/** Of what others keep. */
const SHOWN_MAX = 20;
const LISTENERS_MAX = 3;

const WHAT =
  'Give a port back, so that others may have it. Release only what is no longer used. It ends no process. ' +
  'Name the service (projectName, serviceName, perhaps label) or the port. ';

const REFUSED = "What is somebody else's, declared by a plan, or in use is refused until you confirm.";

export const releasePort = tool({
  name: 'release_port',
  title: 'Release a port',
  description: `${WHAT}Of a service only the instance of your working copy is released, unless you name an instance or say all. ${REFUSED}`,
  input: Choice,
  output: z.object({
    released: z.array(Held),
    stillHeld: z.array(ShownAssignment).describe('What other instances of the service keep.'),
  }),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  async run({ registry, caller }, choice) {
    const { projectName: project, workspace, instance } = choice;
    check(choice);
    const who = await caller({ workspace, project, instance });
    const { meant, others } = await chosen(registry, choice, who);
    const known = await Promise.all(meant.map((each) => circumstances(registry, each)));
    if (!choice.confirm) {
      const refusals = known.flatMap((each) => refusal(each, choice, who));
      if (refusals.length > 0) throw refused(refusals);
    }
    await releaseAll(registry, meant, who.holder);
    const text = [
      ...known.flatMap((each) => [`${nameOf(each.assignment)} is released.`, ...afterwards(each, who)]),
      ...(who.remark === undefined ? [] : [who.remark]),
      ...keptBy(others),
    ];
    const held = meant.map(({ endpoint, protocol, port }) => ({ endpoint: formatEndpoint(endpoint), protocol, port }));
    return {
      text: text.join('\n') || 'Nothing was held; what was lost before is given up.',
      data: { released: held, stillHeld: others.slice(0, SHOWN_MAX).map(shownAssignment) },
    };
  },
});

/** Over HTTP nobody knows in which directory the client works. */
export const releasePortRemotely = tool({
  ...releasePort,
  description: `${WHAT}Of a service only instance 1 is released, unless you name an instance or say all. ${REFUSED}`,
  input: Choice.omit({ workspace: true }) as unknown as typeof Choice,
});

/** By the token under which each was seen: what was granted to somebody else since is not taken from them. */
async function releaseAll(registry: Registry, meant: readonly AssignmentView[], holder: string): Promise<void> {
  for (const [done, { endpoint, protocol, port, token }] of meant.entries()) {
    const { project, service } = endpoint;
    try {
      await registry.release({ project, service, protocol, port, token, holder });
    } catch (error) {
      if (!(error instanceof PortolanError)) throw error;
      // Its lease has just ended: then it is given back.
      if (error.code === 'not-found') continue;
      const before = meant.slice(0, done).map(nameOf);
      if (before.length === 0) throw error;
      throw new PortolanError(error.code, `${error.message}. Released before that: ${before.join(', ')}.`, error.data);
    }
  }
}

function check({ port, projectName, serviceName, instance, all }: Choice): void {
  if (port === undefined && !(projectName && serviceName)) {
    throw new PortolanError('invalid-request', 'Name what to release: port, or projectName and serviceName.');
  }
  if (all && (port !== undefined || instance !== undefined)) {
    throw new PortolanError('invalid-request', 'all goes with projectName and serviceName, without port or instance.');
  }
}

/** @returns what is to be released, and what other instances of the same service keep */
async function chosen(
  registry: Registry,
  choice: Choice,
  who: Caller,
): Promise<{ meant: AssignmentView[]; others: AssignmentView[] }> {
  const { port, protocol, projectName: project, serviceName: service, label } = choice;
  if (port !== undefined) {
    const { assignments } = await registry.port(port, { protocol, consistent: true });
    const meant = assignments.filter(
      ({ endpoint }) =>
        (project === undefined || endpoint.project === project) &&
        (service === undefined || endpoint.service === service) &&
        (label === undefined || endpoint.label === label) &&
        (choice.instance === undefined || endpoint.instance === choice.instance),
    );
    if (meant.length === 0) await giveUp(registry, { port, protocol, project, service, label }, []);
    return { meant, others: [] };
  }
  const of = { project: project!, service: service! };
  const all = ((await viewOf(registry, of))?.assignments ?? []).filter(
    (each) => (label === undefined || each.endpoint.label === label) && (!protocol || each.protocol === protocol),
  );
  if (choice.all && all.length > 0) return { meant: all, others: [] };
  const instance = choice.instance ?? (await numberOf(of.project, who.tree));
  const meant = all.filter(({ endpoint }) => endpoint.instance === instance);
  const others = all.filter(({ endpoint }) => endpoint.instance !== instance);
  if (meant.length === 0) await giveUp(registry, { ...of, protocol, label, ...(!choice.all && { instance }) }, others);
  return { meant, others };
}

/**
 * Nothing is held. What was lost before may be given up all the same, and then it is missed no more.
 *
 * @throws PortolanError `not-found` with who holds what, where there is nothing to give up
 */
async function giveUp(registry: Registry, request: ReleaseRequest, others: readonly AssignmentView[]): Promise<void> {
  try {
    // A worktree that has no number has nothing; without a number all instances would be meant.
    if (others.length === 0 || request.instance !== undefined) await registry.release(request);
    else throw new PortolanError('not-found', 'this working copy holds no port of it; nothing was released');
  } catch (error) {
    if (!(error instanceof PortolanError) || error.code !== 'not-found' || others.length === 0) throw error;
    const own = request.instance === undefined ? 'Your working copy' : `Instance ${request.instance}`;
    const kept = keptBy(others).join(' ');
    throw new PortolanError(
      'not-found',
      `${own} holds no port of ${request.project}/${request.service}; nothing was released. ${kept} To release those, name the instance, or say all: true.`,
    );
  }
}

/** What is to be known of an assignment before it is released. */
interface Circumstances {
  readonly assignment: AssignmentView;
  readonly report: PortReport;
  readonly planned: boolean;
}

async function circumstances(registry: Registry, assignment: AssignmentView): Promise<Circumstances> {
  const { endpoint, protocol, port } = assignment;
  const [report, service] = await Promise.all([registry.port(port, { protocol }), viewOf(registry, endpoint)]);
  const planned = service?.plan?.endpoints.some(
    (each) => each.label === endpoint.label && each.protocol === protocol && each.port !== 'none',
  );
  return { assignment, report, planned: endpoint.instance === 1 && planned === true };
}

async function viewOf(
  registry: Registry,
  { project, service }: { project: string; service: string },
): Promise<ServiceView | undefined> {
  return registry.service(project, service, { consistent: true }).catch((error: unknown) => {
    if (error instanceof PortolanError && error.code === 'not-found') return undefined;
    throw error;
  });
}

/** Why it is not released without being confirmed. */
function refusal({ assignment, report, planned }: Circumstances, choice: Choice, who: Caller): string[] {
  const { holder, endpoint } = assignment;
  // Whoever names an instance means it, whosever it is.
  const named = choice.port === undefined && (choice.all || choice.instance !== undefined);
  const why = [];
  if (holder !== undefined && !isOwn(who, holder) && !named) why.push(`it is held by ${quoted(holder)}, not by you`);
  if (isRenewed(assignment, who))
    why.push(`${quoted(holder ?? 'a program')} renews its lease, so it is probably running`);
  if (planned) why.push(`the plan of ${endpoint.project} declares it`);
  why.push(...listening(report));
  return why.length === 0 ? [] : [`${nameOf(assignment)}: ${why.join('; ')}.`];
}

function refused(refusals: readonly string[]): PortolanError {
  return new PortolanError(
    'not-permitted',
    `Nothing was released. ${refusals.join(' ')} If you mean it all the same, call release_port again with confirm: true.`,
  );
}

/** What a confirmed release leaves behind. */
function afterwards({ assignment, report, planned }: Circumstances, who: Caller): string[] {
  const lines = [];
  if (isRenewed(assignment, who)) {
    lines.push(
      `Its holder ${quoted(assignment.holder ?? '')} renewed its lease: if it still runs, it takes the port back within seconds.`,
    );
  }
  if (planned)
    lines.push(`The plan of ${assignment.endpoint.project} still declares it: take it out of the plan, too.`);
  const users = listening(report);
  if (users.length > 0) lines.push(`It is still in use: ${users.join('; ')}. Nobody ended that.`);
  return lines;
}

/** Whether another program holds it by a lease, and looks after that. */
function isRenewed({ lease, unattended, holder }: AssignmentView, who: Caller): boolean {
  return lease !== null && unattended === undefined && holder !== who.holder;
}

function listening({ listeners, hosts }: PortReport): string[] {
  const users = listeners.filter((each) => !isContainerInternal(each));
  const more = users.length - LISTENERS_MAX;
  const told = users.slice(0, LISTENERS_MAX).map(({ process, container, host }) => {
    const command = process ? ` (${quoted(process.commandLine || process.command)})` : '';
    const what = process ? `pid ${process.pid}${command}` : container ? 'a container' : 'a process';
    return `${what} listens on it on ${quoted(hosts[host]?.name ?? host)}`;
  });
  return more > 0 ? [...told, `${more} more listen on it`] : told;
}

function keptBy(others: readonly AssignmentView[]): string[] {
  const told = others.slice(0, SHOWN_MAX).map((each) => {
    const who = each.holder === undefined ? '' : `, held by ${quoted(each.holder)}`;
    return `${nameOf(each)} stays (instance ${each.endpoint.instance}${who}).`;
  });
  return others.length > told.length ? [...told, `${others.length - told.length} more stay.`] : told;
}

function nameOf({ protocol, port, endpoint }: AssignmentView): string {
  return `${protocol} port ${port} of ${formatEndpoint(endpoint)}`;
}
