import {
  AssignmentView,
  DEFAULT_LABEL,
  formatEndpoint,
  Name,
  Port,
  PortolanError,
  Protocol,
  Ttl,
} from '@portolan/model';
import { z } from 'zod';
import { quoted, tool } from './tool.ts';

/** Who has a port, in a few words. */
const Held = z.object({ endpoint: z.string(), protocol: Protocol, port: Port });

export const allocatePort = tool({
  name: 'allocate_port',
  title: 'Allocate a port',
  description:
    'Reserve a network port for a service, unique in the whole fleet of machines. Asking again for the same project, service and label gives the same port, so it is safe to repeat. ' +
    'Do this before you write a port number into a configuration, a compose file or source code, and write the number that you are given.',
  input: z.object({
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
      .describe('Name or id of the host that the service runs on: its agent then tests that the port can be bound.'),
    ttl: Ttl.optional().describe(
      'Seconds after which it is given back unless the service renews it. Without it the port stays until it is released, which is right for whatever is written into a file.',
    ),
  }),
  output: z.object({
    port: Port,
    endpoint: z.string(),
    protocol: Protocol,
    created: z.boolean().describe('False: it had this port already.'),
    permanent: z.boolean(),
    leaseId: z.string().optional(),
    token: z.string().describe('Fencing token of the grant.'),
    instead: z.string().optional().describe('Why it is not the port that was preferred.'),
    tested: z.boolean().describe('Whether the agent of the host has tested that it can be bound.'),
  }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  async run(registry, { projectName, serviceName, preferredPort, ...rest }) {
    const request = { project: projectName, service: serviceName, ...rest, holder: 'mcp' };
    const preferred = preferredPort === undefined ? {} : { preferred: preferredPort };
    const { reservation } = await registry.reserve({ ...request, ...preferred }, { renewing: false });
    const { port, created, lease, token, obstacle, probed, assignments } = reservation;
    const endpoint = formatEndpoint(assignments[0]!.endpoint);
    const instead = obstacle?.detail;
    const text = [
      `${endpoint} ${created ? 'has' : 'already had'} ${rest.protocol} port ${port}, ${lease ? `for ${lease.ttl} s unless renewed` : 'until it is released'}.`,
      instead === undefined ? [] : `Not ${preferredPort}: ${quoted(instead)}.`,
    ];
    const data = {
      port,
      endpoint,
      protocol: rest.protocol,
      created,
      permanent: lease === null,
      leaseId: lease?.id,
    };
    return { text: text.flat().join('\n'), data: { ...data, token, instead, tested: probed } };
  },
});

export const releasePort = tool({
  name: 'release_port',
  title: 'Release a port',
  description:
    'Give a port back, so that others may have it: by its number, or all ports (or one label) of a service. It takes the port from its owner, so release only what is no longer used. It ends no process.',
  input: z.object({
    port: Port.optional(),
    protocol: Protocol.optional(),
    projectName: Name.optional(),
    serviceName: Name.optional(),
    label: Name.optional(),
  }),
  output: z.object({ released: z.array(Held) }),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  async run(registry, { port, protocol, projectName, serviceName, label }) {
    if (port === undefined && !(projectName && serviceName)) {
      throw new PortolanError('invalid-request', 'name what to release: port, or projectName and serviceName');
    }
    const { released } = await registry.release({ port, protocol, project: projectName, service: serviceName, label });
    const held = released.map(({ endpoint, protocol, port }) => ({
      endpoint: formatEndpoint(endpoint),
      protocol,
      port,
    }));
    const text = held.map((each) => `${each.protocol} port ${each.port} of ${each.endpoint} is released.`).join('\n');
    return { text, data: { released: held } };
  },
});

/** An assignment as the tools show it. */
export const ShownAssignment = Held.extend({
  state: AssignmentView.shape.state.describe(
    'pending: nobody listens yet; bound: its service does; squatted: only another one does',
  ),
  host: z.string().optional(),
  purpose: z.string().optional(),
  permanent: z.boolean(),
});

export function shownAssignment(view: AssignmentView): z.input<typeof ShownAssignment> {
  const { endpoint, protocol, port, state, host, purpose, lease } = view;
  return { endpoint: formatEndpoint(endpoint), protocol, port, state, host, purpose, permanent: lease === null };
}
