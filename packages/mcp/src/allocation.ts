import { reserveForTree } from '@portolan/client/working-copy';
import {
  type Assignment,
  DEFAULT_LABEL,
  formatEndpoint,
  Name,
  Port,
  Protocol,
  type Reservation,
  Ttl,
} from '@portolan/model';
import { z } from 'zod';
import { type Caller, isOwn } from './caller.ts';
import { Instance, Workspace } from './place-argument.ts';
import { quoted } from './plain.ts';
import { knownHost } from './registry.ts';
import { tool } from './tool.ts';

const Wish = z.strictObject({
  projectName: Name.describe('Project that the service belongs to, such as "mana".'),
  serviceName: Name.describe('Name of the service, such as "mana-auth".'),
  purpose: z.string().max(500).optional().describe('What the port is for, in a few words, for people.'),
  label: Name.default(DEFAULT_LABEL).describe('Which of several ports of the service: "api", "metrics", "debug".'),
  protocol: Protocol.default('tcp'),
  port: Port.optional().describe('This very port or none. Only where something outside demands it.'),
  preferredPort: Port.optional().describe('This port if it can be had, else the next one.'),
  range: z.string().max(64).optional().describe('Choose within these: "41000-41399", or the name of a range.'),
  host: z
    .string()
    .max(255)
    .optional()
    .describe('Name or id of the host that the service runs on: its agent tests that the port can be bound.'),
  ttl: Ttl.optional().describe(
    'Seconds after which the port is given back unless renew_lease is called before. Leave it out for whatever is written into a file: the port then stays until it is released.',
  ),
  instance: Instance,
  workspace: Workspace,
});

type Wish = z.output<typeof Wish>;

const WHAT =
  'Reserve a network port for a service, unique in the whole fleet of machines. Asking again for the same project, service and label gives the same port, so it is safe to repeat. ' +
  'Do this before you write a port number into a configuration, a compose file or source code, and write the number that you are given. ';

const allocation = {
  name: 'allocate_port',
  title: 'Allocate a port',
  output: z.object({
    port: Port,
    endpoint: z.string(),
    protocol: Protocol,
    instance: z.int().describe('Which instance of the service it is.'),
    workspace: z.string().optional().describe('The working copy that it is for.'),
    holder: z.string().optional().describe('Who holds it, as the registry shows it.'),
    purpose: z.string().optional(),
    created: z.boolean().describe('False: it had this port already.'),
    permanent: z.boolean(),
    leaseId: z.string().optional().describe('For renew_lease.'),
    token: z.string().describe('Fencing token of the grant, for renew_lease.'),
    instead: z.string().optional().describe('Why it is not the port that was preferred.'),
    tested: z.boolean().describe('Whether the agent of the host has tested that it can be bound.'),
  }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
};

export const allocatePort = tool({
  ...allocation,
  description: `${WHAT}Each git working copy gets a port of its own: a linked worktree or a second clone is a further instance of the service, the same one that "portolan run" gives it.`,
  input: Wish,
  async run({ registry, caller }, wish) {
    const { projectName: project, serviceName: service, preferredPort, workspace, host, ...rest } = wish;
    const who = await caller({ workspace, project, instance: wish.instance });
    // Without a host the client's own way to the registry has the agent of this machine test the port.
    const at = host === undefined ? undefined : (await knownHost(registry, host)).id;
    const request = {
      ...{ project, service, ...rest, holder: who.name },
      ...(preferredPort !== undefined && { preferred: preferredPort }),
      ...(at !== undefined && { host: at }),
    };
    const reserving = reserveForTree(registry, request, { tree: who.tree, override: undefined, renewing: false });
    const { reservation } = await reserving;
    const { port, created, lease, token, obstacle, probed, assignments } = reservation;
    const { endpoint, holder, purpose } = assignments[0]!;
    const data = {
      ...{ port, endpoint: formatEndpoint(endpoint), protocol: wish.protocol, instance: endpoint.instance },
      ...{ workspace: who.tree?.root, holder, purpose, created, permanent: lease === null, leaseId: lease?.id, token },
      ...{ instead: obstacle?.detail, tested: probed },
    };
    return { text: told(reservation, assignments[0]!, wish, who).join('\n'), data };
  },
});

/** Over HTTP nobody knows in which directory the client works. */
export const allocatePortRemotely = tool({
  ...allocatePort,
  description: `${WHAT}This server cannot know your directory: where several working copies of one repository run the service, give each an instance number of its own.`,
  input: Wish.omit({ workspace: true }) as unknown as typeof Wish,
});

function told(
  { created, port, lease, obstacle }: Reservation,
  { endpoint, holder, purpose }: Assignment,
  wish: Wish,
  who: Caller,
): string[] {
  const until = lease ? `for ${lease.ttl} s unless renewed` : 'until it is released';
  const lines = [
    `${formatEndpoint(endpoint)} ${created ? 'has' : 'already had'} ${wish.protocol} port ${port}, ${until}.`,
  ];
  const preferred = wish.preferredPort;
  if (obstacle) lines.push(`Not ${preferred}: ${quoted(obstacle.detail)}.`);
  else if (preferred !== undefined && preferred !== port) {
    lines.push(`Not ${preferred}: release this port first to be given another.`);
  }
  if (who.tree && wish.instance === undefined) {
    lines.push(`It is for the working copy ${quoted(who.tree.root)}, which is instance ${endpoint.instance}.`);
  }
  if (who.remark !== undefined) lines.push(who.remark);
  if (!isOwn(who, holder) && holder !== undefined) lines.push(`It is held by ${quoted(holder)}, who keeps it.`);
  if (wish.ttl !== undefined && wish.ttl !== lease?.ttl)
    lines.push('The ttl that you gave does not count: it was reserved before.');
  if (created || wish.purpose === undefined) return lines;
  if (wish.purpose === purpose) lines.push(`Its purpose is now ${quoted(purpose)}.`);
  else
    lines.push(
      `Your purpose was not written down: it stays ${purpose === undefined ? 'without one' : quoted(purpose)}.`,
    );
  return lines;
}
