import {
  type Assignment,
  contains,
  formatEndpoint,
  type Health,
  type Host,
  type HostListener,
  isContainerInternal,
  isWide,
  type Likeness,
  likeness,
  parseServiceId,
  serviceId,
} from '@portolan/model';
import { type Chart, type Charted, nameOf } from './chart.ts';
import type { PlanFinding, Witness } from './finding.ts';
import { ownRanges } from './range.ts';
import { list, witnessesOf } from './words.ts';

/** What the fleet is at the moment of the check. */
export interface Live {
  readonly hosts: readonly Host[];
  readonly listeners: readonly HostListener[];
  readonly assignments: readonly Assignment[];
  /** Of the agents' health checks. */
  readonly health: readonly Health[];
}

/** The plan beside what is promised and what is seen. Without a fleet: nothing. */
export function liveFindings(chart: Chart): PlanFinding[] {
  if (!chart.live) return [];
  const seen = sightings(chart, chart.live);
  return [
    ...chart.endpoints.flatMap((endpoint) => [
      ...promisedElsewhere(chart, chart.live!, endpoint),
      ...absent(chart, endpoint, seen),
      ...reachable(chart, endpoint, seen),
      ...unhealthy(chart, chart.live!, endpoint),
    ]),
    ...unregistered(chart, seen),
  ];
}

interface Sightings {
  /** Listeners of each service of the plan. */
  readonly of: ReadonlyMap<string, readonly HostListener[]>;
  /** Those that are perhaps a service of the plan: of its name, in a directory that is called otherwise. */
  readonly perhaps: ReadonlyMap<string, readonly HostListener[]>;
  /** Those of nobody in the plan. */
  readonly strangers: readonly HostListener[];
  hostName(id: string): string;
}

function sightings({ manifest }: Chart, live: Live): Sightings {
  const names = new Map<string, string>();
  for (const [service, { aliases }] of Object.entries(manifest.services)) {
    for (const name of [service, ...aliases]) if (!names.has(name)) names.set(name, service);
  }
  const serviceAs =
    (wanted: Likeness) =>
    ({ identity }: HostListener) => {
      if (!identity) return undefined;
      const { service } = parseServiceId(identity.service);
      const like = likeness(identity, serviceId({ project: manifest.project, service }));
      return like === wanted ? names.get(service) : undefined;
    };
  const listeners = live.listeners.filter((each) => !isContainerInternal(each) && !each.identity?.evidence.own);
  const by = Map.groupBy(listeners, serviceAs('same'));
  const rest = Map.groupBy(by.get(undefined) ?? [], serviceAs('perhaps'));
  const hosts = new Map(live.hosts.map(({ id, name }) => [id, name]));
  return {
    of: by as Map<string, HostListener[]>,
    perhaps: rest as Map<string, HostListener[]>,
    strangers: rest.get(undefined) ?? [],
    hostName: (id) => hosts.get(id) ?? id,
  };
}

/** The registry has given the endpoint another port. */
function promisedElsewhere(chart: Chart, { assignments }: Live, endpoint: Charted): PlanFinding[] {
  const { service, label, port, protocol } = endpoint;
  const promised = assignments.find(
    (each) =>
      each.protocol === protocol &&
      each.endpoint.project === chart.manifest.project &&
      each.endpoint.service === service &&
      each.endpoint.label === label &&
      each.endpoint.instance === 1,
  );
  if (!promised || port === null || promised.port === port) return [];
  const name = nameOf(endpoint);
  return [
    {
      id: `drift:${service}:${label}:promised:${promised.port}`,
      kind: 'drift',
      severity: 'error',
      port,
      protocol,
      services: [service],
      summary: `${name} has port ${port} by the plan, but the registry promised it ${promised.port}.`,
      witnesses: [
        { says: `${formatEndpoint(promised.endpoint)} has ${promised.port}` },
        ...witnessesOf(chart, endpoint, port),
      ],
      fixes: [
        `portolan apply (moves the promise to ${port})`,
        `or write ${promised.port} into the plan: portolan plan --move ${name}=${promised.port} --write`,
      ],
    },
  ];
}

/** It listens on another port than the plan says, or is required and listens nowhere. */
function absent(chart: Chart, endpoint: Charted, seen: Sightings): PlanFinding[] {
  const { service, label, port, protocol, of } = endpoint;
  if (port === null || of.replicas === 0) return [];
  const own = (seen.of.get(service) ?? []).filter((listener) => listener.protocol === protocol);
  if (own.some((listener) => listener.port === port)) return [];
  const siblings = chart.ofService(service).map((each) => each.port);
  const elsewhere = own.filter(
    (listener) => !siblings.includes(listener.port) && (listener.identity?.label ?? label) === label,
  );
  const name = nameOf(endpoint);
  if (elsewhere.length > 0) {
    const [{ port: observed }] = elsewhere as [HostListener];
    return [
      {
        id: `drift:${service}:${label}:observed:${observed}`,
        kind: 'drift',
        severity: 'error',
        port,
        protocol,
        services: [service],
        summary: `${name} has port ${port} by the plan, but listens on ${list(elsewhere.map((each) => `${each.port} on ${seen.hostName(each.host)}`))}.`,
        witnesses: [...elsewhere.map((each) => sighting(each, seen)), ...witnessesOf(chart, endpoint, port)],
        fixes: [
          `restart it on ${port}`,
          `or write ${observed} into the plan: portolan plan --move ${name}=${observed} --write`,
        ],
      },
    ];
  }
  const mayBeThere = seen.perhaps.get(service)?.some((each) => each.protocol === protocol && each.port === port);
  if (of.status !== 'required' || mayBeThere) return [];
  return [
    {
      id: `not-listening:${service}:${label}`,
      kind: 'not-listening',
      severity: 'error',
      port,
      protocol,
      services: [service],
      summary: `${name} is required, and nobody listens for it on ${protocol} port ${port}.`,
      witnesses: requirement(chart, endpoint),
      fixes: [`start it on ${port}`, `portolan who ${port} (tells whether somebody else has the port)`],
    },
  ];
}

/** The plan first: it is what requires it. */
function requirement(chart: Chart, endpoint: Charted): Witness[] {
  const place = chart.written(['services', endpoint.service, 'status']);
  const plan = place ? [{ place, says: `${endpoint.service} is required` }] : [];
  return [...plan, ...witnessesOf(chart, endpoint, endpoint.port!)];
}

function reachable(chart: Chart, endpoint: Charted, seen: Sightings): PlanFinding[] {
  const { service, label, port, protocol, of } = endpoint;
  if (!of.internalOnly || port === null) return [];
  const wide = (seen.of.get(service) ?? []).filter((each) => each.port === port && isWide(each.address));
  if (wide.length === 0) return [];
  return [
    {
      id: `exposed:${service}:${label}:observed`,
      kind: 'exposed',
      severity: 'error',
      port,
      protocol,
      services: [service],
      summary: `${nameOf(endpoint)} is internal only, but listens on ${list(wide.map((each) => `${each.address} of ${seen.hostName(each.host)}`))}.`,
      witnesses: [...wide.map((each) => sighting(each, seen)), ...witnessesOf(chart, endpoint, port)],
      fixes: ['bind it to 127.0.0.1, or to an address of the private network'],
    },
  ];
}

function unhealthy({ manifest }: Chart, { health, hosts }: Live, endpoint: Charted): PlanFinding[] {
  const { service, label, port, protocol } = endpoint;
  const failing = health.filter(
    (each) => each.service === `${manifest.project}/${service}` && each.label === label && each.state === 'failing',
  );
  if (failing.length === 0) return [];
  const name = (id: string) => hosts.find((host) => host.id === id)?.name ?? id;
  return [
    {
      id: `health-failing:${service}:${label}`,
      kind: 'health-failing',
      severity: 'error',
      port,
      protocol,
      services: [service],
      summary: `The health check of ${nameOf(endpoint)} fails on ${list(failing.map(({ host }) => name(host)))}: ${failing[0]!.detail}.`,
      witnesses: failing.map(({ host, check, detail, since }) => ({
        host: name(host),
        says: `${check.kind} ${check.port}${check.path}: ${detail}, since ${since}`,
      })),
      fixes: [`look at the logs of ${service}, then restart it`],
    },
  ];
}

/** Somebody listens within the project's ranges, and is no service of the plan. */
function unregistered(chart: Chart, { strangers, hostName }: Sightings): PlanFinding[] {
  const { manifest, live } = chart;
  const own = ownRanges(manifest).filter(
    ([, { owner, policy }]) => owner === manifest.project && policy === 'allocate',
  );
  const planned = new Set(chart.endpoints.map(({ port }) => port));
  const promised = new Set(live!.assignments.map(({ protocol, port }) => `${protocol}/${port}`));
  const lost = strangers.filter(
    ({ port, protocol }) =>
      own.some(([, { ports }]) => contains(ports, port)) && !planned.has(port) && !promised.has(`${protocol}/${port}`),
  );
  return [...Map.groupBy(lost, ({ protocol, port }) => `${protocol}/${port}`).values()].map((listeners) => {
    const [{ protocol, port, identity }] = listeners as [HostListener];
    const who = identity?.service ?? 'an unknown process';
    return {
      id: `unregistered:${protocol}:${port}`,
      kind: 'unregistered',
      severity: 'warning',
      port,
      protocol,
      services: identity ? [identity.service] : [],
      summary: `${who} listens on ${protocol} port ${port} of ${list(listeners.map(({ host }) => hostName(host)))}, and is in no plan.`,
      witnesses: listeners.map((each) => sighting(each, { hostName })),
      fixes: [
        `portolan who ${port} (tells more), then stop it`,
        ...(identity ? [`or add it: portolan add ${parseServiceId(identity.service).service} --port ${port}`] : []),
      ],
    };
  });
}

function sighting({ host, process, address, port }: HostListener, { hostName }: Pick<Sightings, 'hostName'>): Witness {
  const command = process ? `${process.command} listens` : 'somebody listens';
  return { host: hostName(host), ...(process && { pid: process.pid }), says: `${command} on ${address}:${port}` };
}
