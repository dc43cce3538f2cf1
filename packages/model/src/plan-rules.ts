import { isWide } from './address.ts';
import type { planFindingKinds, Verdict } from './finding.ts';
import type { Health } from './health.ts';
import type { Host } from './host.ts';
import { parseServiceId, type ServiceId, serviceId } from './identity.ts';
import { contains, formatInterval } from './interval.ts';
import type { HostListener, Listener } from './listener.ts';
import { nameSides, partiesOf } from './party.ts';
import { type PlanEndpoint, type PlannedService, plannedId } from './plan.ts';
import { type Interval, type Protocol, parseInterval } from './port.ts';
import { isByChance, isClient, isContainerInternal, type Place, type Side } from './port-facts.ts';
import { type Likeness, likeness } from './proof.ts';
import { type Range, SYSTEM_BLOCK } from './range.ts';
import { clipped } from './verdict.ts';

type PlanFindingKind = (typeof planFindingKinds)[number];

/** What the rules need to know of one planned service. */
export interface PlannedFacts {
  readonly service: PlannedService;
  /** The endpoints that have a port: as the plan says, or as one was chosen and assigned. */
  readonly ports: readonly PlannedPort[];
  /** What listens and is this service. */
  readonly own: readonly HostListener[];
  /** Whoever listens there. */
  on(protocol: Protocol, port: number): Iterable<HostListener>;
  readonly ranges: readonly Range[];
  readonly health: readonly Health[];
  host(idOrName: string): Host | undefined;
  /** Whether any agent looks: else that nobody is seen says nothing. */
  readonly watched: boolean;
}

export interface PlannedPort {
  readonly endpoint: PlanEndpoint;
  readonly port: number;
}

/**
 * What is at odds with the plan of one service, at most one verdict of each kind for an endpoint (`exposed`: for a port).
 * How long a thing has to be so before it counts is the caller's.
 *
 * | kind | when |
 * | --- | --- |
 * | drift | on some host the service listens, and not on the port of the endpoint: on another one that is known to be this endpoint's, or, where nothing tells, on ports of which the plan has none |
 * | not-listening | it is required, and on a host that it is planned for (if none is named: anywhere) nobody listens on its port at all |
 * | out-of-range | its port lies outside the range that the plan names for it, or outside all ranges of its project while it has some |
 * | wrong-block | its port lies in a range of another project |
 * | health-failing | its health check fails on some host |
 * | exposed | it is internal-only, and listens on all addresses or a public one |
 *
 * A host that no agent reports for is no evidence. A port that somebody else listens on is no `not-listening`: that is
 * `squatting`, or the service under a name that the plan does not know.
 */
export function judgePlanned(facts: PlannedFacts): Verdict[] {
  const drifts = facts.ports.flatMap((each) => drift(facts, each));
  const drifting = new Set(drifts.map(({ id }) => id));
  const absent = facts.ports.filter(({ endpoint }) => !drifting.has(idOf('drift', facts, endpoint.label)));
  return [
    ...drifts,
    ...absent.flatMap((each) => notListening(facts, each)),
    ...facts.ports.flatMap((each) => misplaced(facts, each)),
    ...failingHealth(facts),
    ...exposed(facts),
  ].map(clipped);
}

/** The service that a finding of these kinds is about, by its id. */
export function plannedServiceOf(findingId: string): ServiceId | undefined {
  return /^(?:drift|not-listening|out-of-range|wrong-block|health-failing|exposed):([^:]+):/.exec(findingId)?.[1];
}

/** Whether what was seen of a listener names this service, by its name or another that the plan has for it. */
export function likenessToPlanned(planned: PlannedService, identity: NonNullable<Listener['identity']>): Likeness {
  const { service } = parseServiceId(identity.service);
  if (service !== planned.name && !planned.aliases.includes(service)) return 'other';
  return likeness(identity, serviceId({ project: planned.project, service }));
}

function drift(facts: PlannedFacts, { endpoint, port }: PlannedPort): Verdict[] {
  const declared = new Set(facts.ports.map((each) => `${each.endpoint.protocol}/${each.port}`));
  const isDeclared = (each: HostListener) => declared.has(`${each.protocol}/${each.port}`);
  const strays: HostListener[] = [];
  const ofHost = Map.groupBy(reachable(facts), ({ host }) => host);
  for (const listeners of ofHost.values()) {
    const speaking = listeners.filter(({ protocol }) => protocol === endpoint.protocol);
    if (speaking.some((each) => each.port === port)) continue;
    // Beside a port of the plan, one that the plan does not have may be anything: a debugger's, a metric's.
    const settled = speaking.some(isDeclared);
    for (const each of speaking) {
      if (isDeclared(each) || isByChance(each, facts.host(each.host))) continue;
      const label = each.identity?.label ?? null;
      if (label === endpoint.label || (label === null && !settled)) strays.push(each);
    }
  }
  if (strays.length === 0) return [];
  const instead = [...new Set(strays.map((each) => each.port))].sort((a, b) => a - b);
  const name = nameOf(facts, endpoint);
  const seen = nameSides([sideOf(facts, [], strays)], NOWHERE);
  return [
    verdict(facts, 'drift', endpoint, port, {
      severity: facts.service.status === 'required' ? 'error' : 'warning',
      listeners: strays,
      summary: `${name} is planned on ${endpoint.protocol} port ${port}, but ${seen} listens on ${instead.join(', ')}.`,
      remedies: [
        `restart it on port ${port}`,
        `or plan it on port ${instead[0]} in portolan.yaml; then: portolan apply`,
      ],
    }),
  ];
}

function notListening(facts: PlannedFacts, { endpoint, port }: PlannedPort): Verdict[] {
  const { service } = facts;
  if (service.status !== 'required' || service.replicas === 0 || !facts.watched) return [];
  const present = new Set<string>();
  for (const each of facts.on(endpoint.protocol, port)) if (!isContainerInternal(each)) present.add(each.host);
  const wanted = service.hosts.flatMap((name) => facts.host(name) ?? []);
  const missing = wanted.filter(({ id, state }) => state === 'alive' && !present.has(id));
  if (service.hosts.length > 0 ? missing.length === 0 : present.size > 0) return [];
  const where = service.hosts.length > 0 ? `on ${missing.map(({ name }) => name).join(', ')}` : 'anywhere';
  return [
    verdict(facts, 'not-listening', endpoint, port, {
      severity: 'error',
      places: missing,
      summary: `${nameOf(facts, endpoint)} is required, and nobody listens on ${endpoint.protocol} port ${port} ${where}.`,
      remedies: [
        'start it',
        `portolan who ${port}`,
        'or say "status: optional" of it in portolan.yaml; then: portolan apply',
      ],
    }),
  ];
}

function misplaced(facts: PlannedFacts, planned: PlannedPort): Verdict[] {
  const { endpoint, port } = planned;
  const { project } = facts.service;
  // 80 and 443 are where they are by an older convention than any plan.
  if (contains(SYSTEM_BLOCK, port)) return [];
  const around = facts.ranges.find((range) => contains(range, port));
  const name = nameOf(facts, endpoint);
  const move = 'plan another port for it ("auto" chooses one) in portolan.yaml; then: portolan apply';
  if (around && around.owner !== null && around.owner !== project) {
    return [
      verdict(facts, 'wrong-block', endpoint, port, {
        severity: 'warning',
        summary: `${name} has ${endpoint.protocol} port ${port}, which lies in ${around.name} (${formatInterval(around)}), a range of the project ${around.owner}.`,
        remedies: [move],
      }),
    ];
  }
  const outside = outsideOf(facts, planned, around);
  if (outside === undefined) return [];
  return [
    verdict(facts, 'out-of-range', endpoint, port, {
      severity: 'warning',
      summary: `${name} has ${endpoint.protocol} port ${port}, which lies outside ${outside}.`,
      remedies: [move, 'or widen the range in portolan.yaml; then: portolan apply'],
    }),
  ];
}

/** What the port should lie in and does not. */
function outsideOf(facts: PlannedFacts, { endpoint, port }: PlannedPort, around: Range | undefined) {
  const { project } = facts.service;
  if (endpoint.range !== undefined) {
    const wanted = intervalOf(endpoint.range, facts.ranges);
    return wanted && !contains(wanted.interval, port) ? wanted.name : undefined;
  }
  if (around) return undefined;
  const own = facts.ranges.filter(({ owner, policy }) => owner === project && policy === 'allocate');
  return own.length > 0 ? `the ranges of the project ${project} (${own.map(formatInterval).join(', ')})` : undefined;
}

function intervalOf(choice: string | Interval, ranges: readonly Range[]) {
  const written = typeof choice === 'string' ? parseInterval(choice) : choice;
  if (written) return { interval: written, name: `the range ${formatInterval(written)} that the plan names for it` };
  const range = ranges.find(({ name }) => name === choice);
  return (
    range && { interval: range, name: `the range ${range.name} (${formatInterval(range)}) that the plan names for it` }
  );
}

function failingHealth(facts: PlannedFacts): Verdict[] {
  return facts.ports.flatMap(({ endpoint, port }) => {
    const failing = facts.health.filter(({ label, state }) => label === endpoint.label && state === 'failing');
    const [first] = failing;
    if (!first) return [];
    const hosts = failing.map(({ host }) => facts.host(host)?.name ?? host);
    const { kind, path, port: asked } = first.check;
    const what = kind === 'tcp' ? `tcp port ${asked}` : `GET ${path} on port ${asked}`;
    return [
      verdict(facts, 'health-failing', endpoint, port, {
        severity: facts.service.status === 'required' ? 'error' : 'warning',
        listeners: reachable(facts).filter(
          (each) => each.port === port && failing.some(({ host }) => host === each.host),
        ),
        summary: `${nameOf(facts, endpoint)} fails its health check on ${hosts.join(', ')} (${what}: ${first.detail}).`,
        remedies: [`look into its log on ${hosts[0]}`, `portolan who ${port}`],
      }),
    ];
  });
}

function exposed(facts: PlannedFacts): Verdict[] {
  if (!facts.service.internalOnly) return [];
  const wide = reachable(facts).filter((each) => isWide(each.address) && !isByChance(each, facts.host(each.host)));
  const ports = Map.groupBy(wide, ({ protocol, port }) => `${protocol}:${port}`);
  return Array.from(ports, ([place, listeners]) => {
    const { protocol, port } = listeners[0]!;
    const side = sideOf(facts, [], listeners);
    return {
      ...verdict(facts, 'exposed', { label: place, protocol }, port, {
        severity: 'error',
        listeners,
        summary: `${nameSides([side], NOWHERE, { withAddress: true })} is open to other machines on ${protocol} port ${port}, and is planned as internal only.`,
        remedies: [
          'bind it to 127.0.0.1 or to an address of a private network; in a compose file the address stands before the published port',
          'or take "internalOnly" from it in portolan.yaml; then: portolan apply',
        ],
      }),
    };
  });
}

/** What of the service others can reach: not what is inside a container, nor the local ends of its own requests. */
function reachable({ own, host }: PlannedFacts): HostListener[] {
  return own.filter((each) => !isContainerInternal(each) && !isClient(each, host(each.host)));
}

const NOWHERE: ReadonlySet<string> = new Set();

interface Told extends Pick<Verdict, 'severity' | 'summary' | 'remedies'> {
  /** That show it. */
  readonly listeners?: readonly HostListener[];
  /** Where it should be and is not. */
  readonly places?: readonly Host[];
}

function verdict(
  facts: PlannedFacts,
  kind: PlanFindingKind,
  { label, protocol }: Pick<PlanEndpoint, 'label' | 'protocol'>,
  port: number,
  { severity, summary, remedies, listeners = [], places = [] }: Told,
): Verdict {
  const { project, name, hosts } = facts.service;
  const named = kind === 'exposed' ? null : { project, service: name, label, instance: 1 };
  const claimed: (Place | null)[] =
    places.length > 0 ? places.map(placeOf) : [hosts.length === 1 ? placeIn(facts, hosts[0]!) : null];
  const claims = named ? claimed.map((place) => ({ endpoint: named, place, since: null })) : [];
  return {
    id: idOf(kind, facts, label),
    kind,
    severity,
    class: null,
    maskedBy: null,
    protocol,
    port,
    ...partiesOf([sideOf(facts, claims, listeners)], NOWHERE),
    summary,
    remedies,
  };
}

function sideOf(facts: PlannedFacts, claims: Side['claims'], listeners: readonly HostListener[]): Side {
  const observed = listeners.map((listener) => ({ listener, place: placeIn(facts, listener.host), byChance: false }));
  return { service: plannedId(facts.service), claims, listeners: observed };
}

function placeIn(facts: PlannedFacts, idOrName: string): Place {
  const host = facts.host(idOrName);
  return host ? placeOf(host) : { id: idOrName, name: idOrName };
}

function placeOf({ id, name }: Host): Place {
  return { id, name };
}

function idOf(kind: PlanFindingKind, facts: PlannedFacts, label: string): string {
  return `${kind}:${plannedId(facts.service)}:${label}`;
}

function nameOf(facts: PlannedFacts, { label }: PlanEndpoint): string {
  return `${plannedId(facts.service)}:${label}`;
}
