import { allItems, type ServiceQuery } from '@portolan/client';
import {
  type Finding,
  findingKinds,
  findingStates,
  type Host,
  Name,
  type Party,
  Port,
  PortolanError,
  Protocol,
  parseServiceId,
  type ServiceView,
  severities,
  UNKNOWN_PROJECT,
} from '@portolan/model';
import { z } from 'zod';
import { fitting } from './fitting.ts';
import { plain, quoted } from './plain.ts';
import { hostsOf, type Registry } from './registry.ts';
import { servicePorts } from './service-ports.ts';
import { LOOKS, tool } from './tool.ts';

export const ShownFinding = z.object({
  id: z.string(),
  kind: z.enum(findingKinds),
  severity: z.enum(severities),
  class: z.enum(['active', 'latent']).optional().describe('active: it bites now; latent: it waits'),
  state: z.enum(findingStates),
  protocol: Protocol.optional(),
  port: Port.optional(),
  summary: z.string(),
  services: z.array(z.string()),
  hosts: z.array(z.string()),
  remedies: z.array(z.string()),
  since: z.string(),
});

/** Services, and hosts, of one finding: the summary says how many more there are. */
const NAMED_MAX = 20;
/** Findings that are read, the worst of them; more than anybody has a model look at. */
const READ_MAX = 2_000;

export function shownFinding(finding: Finding): z.input<typeof ShownFinding> {
  const { id, kind, severity, class: bite, state, protocol, port, summary, parties, remedies, firstSeen } = finding;
  const distinct = (names: readonly (string | null | undefined)[]) => [
    ...new Set(names.filter((each) => each != null)),
  ];
  return {
    id,
    kind,
    severity,
    class: bite ?? undefined,
    state,
    protocol: protocol ?? undefined,
    port: port ?? undefined,
    summary,
    services: distinct(parties.map(({ service }) => service)).slice(0, NAMED_MAX),
    hosts: distinct(parties.map(({ host }) => host?.name)).slice(0, NAMED_MAX),
    remedies,
    since: firstSeen,
  };
}

function lineOf({ id, severity, class: bite, kind, summary }: z.input<typeof ShownFinding>): string {
  return `${severity} ${bite ? `${bite} ` : ''}${kind} (${plain(id)}): ${quoted(summary)}`;
}

export const listFindings = tool({
  name: 'list_findings',
  title: 'List what is wrong',
  description:
    'Collisions between services, ports used by somebody else than their owner, blocked ports in use, services that are not where the plan has them, failing health checks. Worst first.',
  input: z.strictObject({
    projectName: Name.optional().describe('Only what concerns services of this project.'),
    port: Port.optional(),
    kind: z.enum(findingKinds).optional(),
    severity: z.enum(severities).optional(),
    state: z
      .enum([...findingStates, 'all'])
      .optional()
      .describe('Without it, all that are not resolved.'),
    limit: z.int().min(1).max(500).default(100),
  }),
  output: z.object({ findings: z.array(ShownFinding), total: z.int() }),
  annotations: LOOKS,
  async run({ registry }, { projectName, limit, ...query }) {
    const found = (await findings(registry, query)).filter((each) => !projectName || concerns(each, projectName));
    const shown = fitting(found.slice(0, limit).map(shownFinding));
    const more = found.length > shown.length ? [`and ${found.length - shown.length} more`] : [];
    const text = [...shown.map(lineOf), ...more].join('\n') || 'Nothing is wrong.';
    return { text, data: { findings: shown, total: found.length } };
  },
});

export const checkProject = tool({
  name: 'check_project',
  title: 'Check a project',
  description:
    'How a project does: each of its services with its ports, whether it listens where it should, its health, and every finding that concerns it. It asks the registry and the machines; it reads no files.',
  input: z.strictObject({ projectName: Name }),
  output: z.object({
    ok: z
      .boolean()
      .describe('No finding that is an error or a warning, and nobody listens on a port that is not reserved.'),
    planned: z.boolean().describe('Whether a plan of the project was declared.'),
    services: z.array(
      z.object({
        id: z.string(),
        required: z.boolean(),
        bound: z.array(z.string()).describe('Endpoints whose service listens on their port.'),
        pending: z.array(z.string()).describe('Endpoints on whose port nobody is seen.'),
        squatted: z.array(z.string()).describe('Endpoints on whose port only somebody else is seen.'),
        unreserved: z.array(z.string()).describe('Ports that the service listens on and has not reserved.'),
        failing: z.array(z.string()).describe('Endpoints whose health check fails.'),
      }),
    ),
    findings: z.array(ShownFinding),
  }),
  annotations: LOOKS,
  async run({ registry }, { projectName }) {
    const views = await services(registry, projectName);
    const concerned = (await findings(registry, {})).filter((each) => concerns(each, projectName)).map(shownFinding);
    const found = fitting(concerned);
    if (views.length === 0 && found.length === 0) {
      throw new PortolanError('not-found', `no service of a project ${projectName} is planned, reserved or seen`);
    }
    const hosts = await hostsOf(registry);
    const all = views.map((view) => stateOf(view, hosts));
    const states = fitting(all);
    const astray = all.filter(({ unreserved }) => unreserved.length > 0).length;
    const wrong = [
      ...(concerned.some(({ severity }) => severity !== 'info') ? [`has ${concerned.length} findings`] : []),
      ...(astray > 0 ? [`listens on ports that are not reserved (${astray} of its services)`] : []),
    ];
    const ok = wrong.length === 0;
    const text = [`${projectName} ${ok ? 'is in order' : wrong.join(', and ')}.`, ...states.map(lineOfState)];
    const left = views.length - states.length + concerned.length - found.length;
    if (left > 0) text.push(`${left} more services and findings do not fit: list_ports and list_findings have them.`);
    return {
      text: [...text, ...found.map(lineOf)].join('\n'),
      data: { ok, planned: views.some(({ plan }) => plan !== null), services: states, findings: found },
    };
  },
});

function stateOf(view: ServiceView, hosts: ReadonlyMap<string, Host>) {
  const { id, plan, health } = view;
  return {
    id,
    required: plan?.status === 'required',
    ...servicePorts(view, hosts),
    failing: health
      .filter(({ state }) => state === 'failing')
      .map(({ label, host, detail }) => plain(`${label} on ${hosts.get(host)?.name ?? host} (${detail})`)),
  };
}

function lineOfState({ id, bound, pending, squatted, unreserved, failing }: ReturnType<typeof stateOf>): string {
  const parts = [
    ['listening', bound],
    ['listening on what is not reserved', unreserved],
    ['nobody listens', pending],
    ['only somebody else listens', squatted],
    ['failing its health check', failing],
  ] as const;
  const told = parts.filter(([, ports]) => ports.length > 0).map(([what, ports]) => `${what}: ${ports.join(', ')}`);
  return `${id}: ${told.join('; ') || 'no port'}`;
}

const Move = z.object({
  service: z.string(),
  from: Port,
  free: z.array(Port).describe('Ports that it could have now.'),
  call: z.object({ tool: z.literal('allocate_port'), arguments: z.record(z.string(), z.unknown()) }).optional(),
});

export const suggestFix = tool({
  name: 'suggest_fix',
  title: 'Suggest how to mend a finding',
  description:
    'For a finding, or for whatever is wrong with a port: who should keep the port, who should move, free ports to move to, and the calls and commands that do it. It changes nothing and ends no process.',
  input: z.strictObject({ findingId: z.string().max(255).optional(), port: Port.optional() }),
  output: z.object({
    fixes: z.array(
      z.object({
        finding: ShownFinding,
        keeps: z.string().optional().describe('The service that keeps the port.'),
        moves: z.array(Move),
        steps: z.array(z.string()).describe('What to do, in order.'),
      }),
    ),
  }),
  annotations: LOOKS,
  async run({ registry }, { findingId, port }) {
    if (findingId === undefined && port === undefined) {
      throw new PortolanError('invalid-request', 'name the finding (findingId, from list_findings) or the port');
    }
    const open = await findings(registry, port === undefined ? {} : { port });
    const meant = open.filter(({ id }) => findingId === undefined || id === findingId);
    if (meant.length === 0) {
      const what = findingId ?? `tcp or udp port ${port}`;
      throw new PortolanError(
        'not-found',
        `nothing that is not resolved is known of ${what}; list_findings tells what is`,
      );
    }
    const fixes = await Promise.all(meant.slice(0, 20).map((finding) => fixOf(registry, finding)));
    const text = fixes.map(({ finding, steps }) =>
      [lineOf(finding), ...steps.map((step, i) => `${i + 1}. ${step}`)].join('\n'),
    );
    return { text: text.join('\n\n'), data: { fixes } };
  },
});

async function fixOf(registry: Registry, finding: Finding) {
  const { keeps, movers } = partsOf(finding);
  const moves = await Promise.all(movers.map((service) => moveOf(registry, service, finding)));
  const steps = moves.flatMap(({ service, free, call }) => {
    const where = free.length > 0 ? ` (free are ${free.join(', ')})` : '';
    if (!call) return [`Give ${service} another port${where}: first find out which project it belongs to.`];
    return [
      `Call allocate_port with ${JSON.stringify(call.arguments)}${where}.`,
      `Write the port given into the configuration of ${service}, and restart it.`,
    ];
  });
  // Where nobody has to move, the finding's own advice is all there is.
  const rest = moves.length > 0 ? [] : finding.remedies.map(plain);
  const keep = keeps && moves.length > 0 ? [`${keeps} keeps ${finding.protocol} port ${finding.port}.`] : [];
  return { finding: shownFinding(finding), keeps, moves, steps: [...keep, ...steps, ...rest] };
}

/** Who keeps the port is whom it was promised, else who was seen first. */
function partsOf({ kind, parties, port }: Finding): { keeps: string | undefined; movers: string[] } {
  if (port === null || !['collision', 'squatting', 'blocked-port'].includes(kind))
    return { keeps: undefined, movers: [] };
  const services = [...new Set(parties.flatMap(({ service }) => service ?? []))];
  if (kind === 'blocked-port') return { keeps: undefined, movers: services };
  const rank = (service: string) => {
    const own = parties.filter((party) => party.service === service);
    const since = own.map((party: Party) => party.since ?? '\uffff').sort()[0] ?? '\uffff';
    return `${own.some(({ claim }) => claim === 'declared') ? 0 : 1}${since}`;
  };
  const [keeps, ...movers] = services.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
  return { keeps, movers };
}

async function moveOf(
  registry: Registry,
  service: string,
  { port, protocol, parties }: Finding,
): Promise<z.input<typeof Move>> {
  const { project, service: name } = parseServiceId(service);
  const known = project !== UNKNOWN_PROJECT;
  const free = await registry.freePorts({ count: 3, order: 'lowest', ...(known && { project }) });
  const wanted = free.length > 0 ? { preferredPort: free[0] } : {};
  // It is this very instance that moves, not that of whoever calls.
  const instance = parties.find((each) => each.service === service && each.endpoint)?.endpoint?.instance ?? 1;
  const where = { instance, ...(protocol === 'udp' && { protocol }), ...wanted };
  const arguments_ = { projectName: project, serviceName: name, ...where };
  return { service, from: port!, free, call: known ? { tool: 'allocate_port', arguments: arguments_ } : undefined };
}

/** The worst first: of very many, those that are light are left out. */
async function findings(registry: Registry, query: Parameters<Registry['findings']>[0] = {}): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const severity of severities) {
    if (query.severity !== undefined && query.severity !== severity) continue;
    const some: Finding[] = [];
    for (let after: string | undefined; found.length + some.length < READ_MAX; ) {
      const page = await registry.findings({ ...query, severity, ...(after !== undefined && { after }) });
      some.push(...page.items);
      if (page.next === null) break;
      after = page.next;
    }
    found.push(...some.toSorted((a, b) => (a.port ?? 0) - (b.port ?? 0)));
  }
  return found;
}

function services(registry: Registry, project: string): Promise<ServiceView[]> {
  return allItems((query: ServiceQuery) => registry.services(query), { project });
}

function concerns({ parties }: Finding, project: string): boolean {
  return parties.some(({ service }) => service !== null && parseServiceId(service).project === project);
}
