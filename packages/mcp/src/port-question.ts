import {
  type Host,
  type HostListener,
  type Interval,
  Name,
  Port,
  Protocol,
  parseServiceId,
  type ServiceView,
} from '@portolan/model';
import { z } from 'zod';
import { ShownFinding, shownFinding } from './finding-question.ts';
import { fitting } from './fitting.ts';
import { quoted } from './plain.ts';
import { hostsOf } from './registry.ts';
import { servicePorts } from './service-ports.ts';
import { ShownAssignment, shownAssignment } from './shown-assignment.ts';
import { LOOKS, tool } from './tool.ts';

const ShownListener = z.object({
  service: z.string().optional(),
  protocol: Protocol,
  port: Port,
  address: z.string(),
  host: z.string(),
  pid: z.int().optional(),
  command: z.string().optional(),
  container: z.string().optional(),
  evidence: z.string().optional().describe('How it is known which service it is.'),
});

export const whoUsesPort = tool({
  name: 'who_uses_port',
  title: 'Who uses a port',
  description:
    'Everything known of one port number: who reserved it, which process listens on it on which host, whether it is blocked or lies in a range of somebody, and what is wrong with it.',
  input: z.strictObject({ port: Port, protocol: Protocol.optional() }),
  output: z.object({
    port: Port,
    free: z.boolean().describe('Nobody has it, nobody listens on it, nothing blocks it.'),
    assignments: z.array(ShownAssignment),
    listeners: z.array(ShownListener),
    listenerCount: z.int().describe('How many listen there; not all of many are shown.'),
    blockedBecause: z.array(z.string()),
    ranges: z.array(z.object({ name: z.string(), owner: z.string().optional(), purpose: z.string() })),
    findings: z.array(ShownFinding),
  }),
  annotations: LOOKS,
  async run({ registry }, { port, protocol }) {
    const report = await registry.port(port, { protocol });
    const name = (host: string) => report.hosts[host]?.name ?? host;
    const shut = [
      ...report.blocks.map(({ reason }) => reason),
      ...report.ranges.filter(({ policy }) => policy === 'blocked').map(({ purpose }) => purpose),
    ];
    const { assignments, listeners, resting, findings } = report;
    const listenerCount = report.listenerCount ?? listeners.length;
    const data = {
      port,
      free: assignments.length + listeners.length + shut.length + resting.length === 0,
      assignments: assignments.map(shownAssignment),
      listeners: listeners.slice(0, LISTENERS_MAX).map((each) => shownListener(each, name(each.host))),
      listenerCount,
      blockedBecause: shut,
      ranges: report.ranges.map(({ name, owner, purpose }) => ({ name, owner: owner ?? undefined, purpose })),
      findings: findings.map(shownFinding),
    };
    const lines = [
      data.free ? `Port ${port} is free.` : [],
      data.assignments.map(
        (each) =>
          `${each.protocol} ${port} belongs to ${each.endpoint} (${each.state}${each.permanent ? '' : ', a lease'}${each.holder ? `, held by ${quoted(each.holder)}` : ''}${each.purpose ? `, for ${quoted(each.purpose)}` : ''}).`,
      ),
      data.listeners.map(told),
      listenerCount > data.listeners.length ? `${listenerCount - data.listeners.length} more listen there.` : [],
      resting.map(({ until }) => `It rests until ${until}: the lease of its last owner ended.`),
      shut.map((reason) => `It is blocked: ${quoted(reason)}.`),
      data.ranges.map((each) => `It lies in the range ${quoted(each.name)}${each.owner ? ` of ${each.owner}` : ''}.`),
      data.findings.map((each) => `Finding ${each.id}: ${quoted(each.summary)}`),
    ];
    return { text: lines.flat().join('\n'), data };
  },
});

/** Of one port, and of one service among many. */
const LISTENERS_MAX = 100;
const OBSERVED_MAX = 20;

const Listed = z.object({
  id: z.string().describe('project/name'),
  description: z.string().optional(),
  runtime: z.string().optional(),
  ports: z.array(ShownAssignment),
  observed: z.array(ShownListener),
  observedCount: z.int().describe('How many listeners it has; not all of many are shown.'),
  health: z.array(z.object({ label: z.string(), host: z.string(), state: z.string() })),
});

export const listPorts = tool({
  name: 'list_ports',
  title: 'List services and their ports',
  description:
    'Services with the ports that they reserved and the ports that they are seen listening on, by name. Narrow it by project or by ports; go on with `after`.',
  input: z.strictObject({
    projectName: Name.optional(),
    from: Port.optional().describe('Lowest port of interest.'),
    to: Port.optional().describe('Highest port of interest.'),
    limit: z.int().min(1).max(500).default(100).describe('How many services at most.'),
    after: z.string().max(127).optional().describe('`next` of the answer before.'),
  }),
  output: z.object({ services: z.array(Listed), next: z.string().optional() }),
  annotations: LOOKS,
  async run({ registry }, { projectName: project, from = 1, to = 65_535, limit, after }) {
    const wanted = { from, to } satisfies Interval;
    const hosts = await hostsOf(registry);
    const name = (id: string) => hosts.get(id)?.name ?? id;
    const page = await registry.services({ limit, ...(project && { project }), ...(after && { after }) });
    const within = ({ port }: { port: number }) => port >= wanted.from && port <= wanted.to;
    const all = page.items
      .map((view) => ({
        ...view,
        assignments: view.assignments.filter(within),
        listeners: view.listeners.filter(within),
      }))
      .filter(
        ({ assignments, listeners }) => assignments.length + listeners.length > 0 || (from === 1 && to === 65_535),
      )
      .map((view) => ({ view, shown: listed(view, name) }));
    const services = fitting(all.map(({ shown }) => shown));
    const next = services.length < all.length ? services.at(-1)!.id : page.next;
    const text = all.slice(0, services.length).map(({ view }) => lineOf(view, hosts));
    if (next !== null) text.push(`There are more: ask again with after "${next}".`);
    return { text: text.join('\n') || 'There are none.', data: { services, next: next ?? undefined } };
  },
});

function listed(view: ServiceView, name: (host: string) => string): z.input<typeof Listed> {
  const { id, plan, health, assignments, listeners } = view;
  return {
    id,
    description: plan?.description,
    runtime: plan?.runtime,
    ports: assignments.map(shownAssignment),
    observed: listeners.slice(0, OBSERVED_MAX).map((each) => shownListener(each, name(each.host))),
    observedCount: view.listenerCount ?? listeners.length,
    health: health.map(({ label, host, state }) => ({ label, host: name(host), state })),
  };
}

function lineOf(view: ServiceView, hosts: ReadonlyMap<string, Host>): string {
  const { bound, pending, squatted, unreserved } = servicePorts(view, hosts);
  const ports = [
    ...bound.map((each) => `${each} bound`),
    ...pending.map((each) => `${each} pending`),
    ...squatted.map((each) => `${each} squatted`),
    ...unreserved.map((each) => `${each} observed, not reserved`),
  ];
  return `${view.id}: ${ports.join(', ') || 'no port'}`;
}

function shownListener(listener: HostListener, host: string): z.input<typeof ShownListener> {
  const { identity, protocol, port, address, process, container } = listener;
  return {
    service: identity?.service,
    protocol,
    port,
    address,
    host,
    pid: process?.pid,
    command: process?.command,
    container: container ? (container.name ?? container.id) : undefined,
    evidence: identity ? `${identity.evidence.kind}: ${identity.evidence.detail}` : undefined,
  };
}

function told({
  service,
  protocol,
  port,
  address,
  host,
  pid,
  command,
  container,
}: z.input<typeof ShownListener>): string {
  const who = service
    ? parseServiceId(service).service
    : command
      ? quoted(command)
      : 'a process that cannot be identified';
  const notes = [
    service && `service ${service}`,
    pid !== undefined && `pid ${pid}`,
    command && `command ${quoted(command)}`,
    container && `container ${quoted(container)}`,
  ];
  return `${who} listens on ${protocol} ${address}:${port} on ${quoted(host)} (${notes.filter(Boolean).join(', ')}).`;
}
