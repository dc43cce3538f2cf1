import { dirname } from 'node:path/posix';
import { type Binds, formatPlace, type PortFact, type States } from '../fact.ts';
import { type Chart, type Charted, nameOf } from './chart.ts';
import type { PlanFinding, Severity, Witness } from './finding.ts';
import { evidenceOf, inOneFile, list, stated, writeFix } from './words.ts';

/** Files and documents that give an endpoint another port than it has. */
export function drifts(chart: Chart): PlanFinding[] {
  return [
    ...chart.endpoints.flatMap((endpoint) => [...disagreements(chart, endpoint), ...plannedMoves(chart, endpoint)]),
    ...looseStatements(chart),
    ...chart.endpoints.flatMap((endpoint) => healthUrl(chart, endpoint)),
  ];
}

/** One finding for each other port that is said of the endpoint. */
function disagreements(chart: Chart, endpoint: Charted): PlanFinding[] {
  const { port, protocol, service, label } = endpoint;
  if (port === null) return [];
  const wrong = contrary(endpoint);
  return [...Map.groupBy(wrong, (fact) => fact.port)].map(([other, facts]) => {
    const name = nameOf(endpoint);
    const doubt = besideContainer(endpoint, facts) ?? (chart.drafted ? doubtOf(endpoint, facts) : undefined);
    return {
      id: `drift:${service}:${label}:${other}`,
      kind: 'drift',
      severity: severityOf(facts),
      ...(doubt && { doubt }),
      port,
      protocol,
      services: [service],
      summary: `${name} has port ${port}, but ${saidBy(facts)} ${inOneFile(facts) ? 'says' : 'say'} ${other}.`,
      witnesses: [...facts.map((fact) => evidenceOf(fact, stated(fact, name))), ...support(chart, endpoint)],
      fixes: [
        writeFix(
          port,
          facts.map(({ place }) => place),
        ),
        `or, if ${other} is right: portolan plan --move ${name}=${other} --write`,
      ],
      mends: { service, label, places: facts },
    };
  });
}

/** What says another port than the endpoint has, and means the port on the host. */
function contrary({ port, binds, states, refers, internals }: Charted): PortFact[] {
  const inside = new Set([...binds.map((fact) => fact.inside), ...internals.map((fact) => fact.port)]);
  const own = binds.filter(
    // A default of the sources, or a variable of the container, may well be the port inside.
    (fact) =>
      fact.port !== port && !(fact.inside === undefined && inside.has(fact.port)) && !isOfVariant(fact, binds, port),
  );
  const documents = states.filter(
    (fact) =>
      !fact.planned &&
      !fact.internalOnly &&
      fact.port !== port &&
      !isOfVariant(fact, [...binds, ...states], port) &&
      !(fact.within && port! >= fact.within.from && port! <= fact.within.to),
  );
  const checks = refers.filter((fact) => fact.health && fact.scope === 'host' && fact.port !== port && !fact.example);
  return [...own, ...documents, ...checks];
}

type Variable = Pick<Binds | States, 'variant' | 'port'>;

/** Another environment may well have another port, as long as one of them has that of the plan. */
function isOfVariant({ variant }: Variable, others: readonly Variable[], port: number | null): boolean {
  return variant !== undefined && others.some((other) => other.variant !== variant && other.port === port);
}

/**
 * A container publishes the port of the plan. What a script starts without one may well have another, and where it is a
 * variable that says which it publishes, other places may set that.
 */
function besideContainer({ binds, port }: Charted, facts: readonly PortFact[]): string | undefined {
  const publishers = binds.filter((fact) => fact.port === port && fact.inside !== undefined);
  const [publisher] = publishers;
  if (publisher?.by === 'compose' && facts.every((fact) => isOtherSetUp(fact, publisher)))
    return `${formatPlace(publisher.place)} publishes ${port}, and another compose file may be another set-up`;
  const variables = new Set(publishers.flatMap(({ variable }) => variable ?? []));
  const byHand = facts.filter(
    (fact) => fact.kind === 'binds' && (fact.importer === 'package' || variables.has(fact.variable ?? '')),
  );
  const told = facts.every((fact) => fact.kind === 'states' || byHand.includes(fact));
  return publisher && byHand.length > 0 && told
    ? `${formatPlace(publisher.place)} publishes ${port} from a container, and it may be started without one, too`
    : undefined;
}

/** Two compose files of different folders, each with the port that it publishes for the service. */
function isOtherSetUp(fact: PortFact, { place }: Binds): boolean {
  return fact.kind === 'binds' && fact.by === 'compose' && dirname(fact.place.file) !== dirname(place.file);
}

/** Of drafts: nobody has said which of the two is meant. */
function doubtOf(endpoint: Charted, facts: readonly PortFact[]): string | undefined {
  const { binds, states, port } = endpoint;
  if (facts.every((fact) => isSoft(fact, endpoint))) {
    return 'it is a default: what is set when it is started may override it';
  }
  const support = [...binds, ...states].filter((fact) => fact.port === port);
  if (support.length > 0 && support.every(({ variant }) => variant !== undefined)) {
    return `${port} is its port in one environment, perhaps not in all`;
  }
  return undefined;
}

function isSoft(fact: PortFact, { binds }: Charted): boolean {
  return (
    fact.kind === 'binds' &&
    (fact.fallback === true || fact.by === 'env-example') &&
    binds.some((each) => each !== fact && !each.fallback)
  );
}

/** What starts it comes before what tells of it. */
function severityOf(facts: readonly PortFact[]): Severity {
  return facts.some((fact) => fact.kind === 'binds' && !fact.fallback && fact.by !== 'env-example')
    ? 'error'
    : 'warning';
}

function saidBy(facts: readonly PortFact[]): string {
  const files = [...new Set(facts.map(({ place }) => place.file))];
  return files.length > 3 ? `${files.slice(0, 3).join(', ')} and ${files.length - 3} more files` : list(files);
}

/** What says the port that it has: up to three. */
function support(chart: Chart, endpoint: Charted): Witness[] {
  const { port, service, label, binds, states, refers } = endpoint;
  const place = chart.written(['services', service, 'endpoints', label, 'port']);
  const name = nameOf(endpoint);
  return [
    ...(place ? [{ place, says: `${name} has ${port}` }] : []),
    ...[...binds, ...states.filter(({ planned }) => !planned), ...refers.filter(({ health }) => health)]
      .filter((fact) => fact.port === port)
      .map((fact) => evidenceOf(fact, stated(fact, name))),
  ].slice(0, 3);
}

/** A document that says of itself that it is a plan, and gives another port than the endpoint has. */
function plannedMoves(chart: Chart, endpoint: Charted): PlanFinding[] {
  const { port, planned, protocol, service, label, states } = endpoint;
  if (port === null) return [];
  const targets = new Set([
    ...states.filter((fact) => fact.planned).map((fact) => fact.port),
    ...(planned === null ? [] : [planned]),
  ]);
  targets.delete(port);
  return [...targets].map((target) => {
    const name = nameOf(endpoint);
    const facts = states.filter((fact) => fact.planned && fact.port === target);
    const place = chart.written(['services', service, 'endpoints', label, 'planned']);
    return {
      id: `drift:${service}:${label}:planned:${target}`,
      kind: 'drift',
      severity: 'warning',
      port,
      protocol,
      services: [service],
      summary: `${name} has port ${port}; it is planned for ${target}.`,
      witnesses: [
        ...facts.map((fact) => evidenceOf(fact, stated(fact, name))),
        ...(place && facts.length === 0 ? [{ place, says: `${name} is planned for ${target}` }] : []),
        ...support(chart, endpoint),
      ],
      fixes: [
        `portolan plan (moves it to ${target}; --write edits the files)`,
        `or, if the plan is given up, write ${port} in its place`,
      ],
      mends: { service, label, places: facts },
    };
  });
}

/** A service is said to have a port that is none of its endpoints'. */
function looseStatements(chart: Chart): PlanFinding[] {
  const statements = chart.loose.filter(
    (fact) => fact.kind === 'binds' || (fact.kind === 'states' && !fact.planned && !fact.internalOnly),
  );
  return [...Map.groupBy(statements, (fact) => `${fact.service}:${fact.port}`).values()].flatMap((facts) => {
    const [{ service = '', port, protocol }] = facts as [PortFact];
    const endpoints = chart.ofService(service).filter((endpoint) => endpoint.port !== null);
    const known = [...endpoints.map((each) => each.port), ...chart.insideOf(service)];
    if (endpoints.length === 0 || known.includes(port)) return [];
    const ports = list(endpoints.map((each) => `${each.port} (${each.label})`));
    return [
      {
        id: `drift:${service}::${port}`,
        kind: 'drift' as const,
        severity: severityOf(facts),
        ...(chart.drafted && { doubt: 'it may be a further port of the service' }),
        port,
        protocol,
        services: [service],
        summary: `${service} has ${ports}, but ${saidBy(facts)} ${inOneFile(facts) ? 'says' : 'say'} ${port}.`,
        witnesses: facts.map((fact) => evidenceOf(fact, stated(fact, service))),
        fixes: [`write one of its ports there, or add an endpoint with port ${port} to ${service} in portolan.yaml`],
      },
    ];
  });
}

/** The health check of the plan asks another port than the plan gives. */
function healthUrl(chart: Chart, endpoint: Charted): PlanFinding[] {
  const { plan, port, protocol, service, label } = endpoint;
  if (port === null || !plan.health?.includes('://')) return [];
  const url = URL.parse(plan.health);
  const asked = Number(url?.port);
  if (!url?.port || asked === port || !isOwnHost(url.hostname, endpoint)) return [];
  // A check by way of another endpoint of the service is in order.
  if (chart.ofService(service).some((other) => other.port === asked)) return [];
  const place = chart.written(['services', service, 'endpoints', label, 'health']);
  if (!place) return [];
  const name = nameOf(endpoint);
  return [
    {
      id: `drift:${service}:${label}:health:${asked}`,
      kind: 'drift',
      severity: 'warning',
      port,
      protocol,
      services: [service],
      summary: `${name} has port ${port}, but its health check asks ${asked}.`,
      witnesses: [{ place, says: `health: ${plan.health}` }, ...support(chart, endpoint)],
      fixes: [`write ${port} in the URL, or the path alone (${url.pathname}): it is asked of the endpoint's own port`],
    },
  ];
}

function isOwnHost(host: string, { service, of }: Charted): boolean {
  return (
    /^(localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0|host\.docker\.internal)$/.test(host) ||
    host === service ||
    of.hosts.includes(host)
  );
}
