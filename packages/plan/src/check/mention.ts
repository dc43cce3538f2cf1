import { contains } from '@portolan/model';
import type { Refers } from '../fact.ts';
import { slugOf } from '../import/service-name.ts';
import { type Chart, type Charted, nameOf } from './chart.ts';
import type { PlanFinding } from './finding.ts';
import { ownRanges } from './range.ts';
import { evidenceOf, inOneFile, list, stated, writeFix } from './words.ts';

/** Files that still send somebody to a port that a service does not have, or that nobody has. */
export function staleMentions(chart: Chart): PlanFinding[] {
  const references = chart.facts.filter((fact) => fact.kind === 'refers');
  return [...ofServices(chart, references), ...ofNobody(chart, references)];
}

function ofServices(chart: Chart, references: readonly Refers[]): PlanFinding[] {
  const stale = references.filter(
    (fact) => fact.service !== undefined && fact.sure !== 'unsure' && isStale(chart, fact, fact.service),
  );
  return [...Map.groupBy(stale, ({ service, port, example }) => `${service}:${port}:${example ?? false}`).values()].map(
    (facts) => {
      const [{ service = '', port, protocol }] = facts as [Refers];
      const endpoints = chart.ofService(service).filter((endpoint) => endpoint.port !== null);
      const ports = list(endpoints.map((endpoint) => `${endpoint.port}`));
      const doubt = doubtOf(chart, facts, endpoints.length);
      const only = endpoints.length === 1 ? endpoints[0]! : null;
      return {
        id: `stale-mention:${service}:${port}`,
        kind: 'stale-mention',
        severity: 'warning',
        ...(doubt && { doubt }),
        port,
        protocol,
        services: [service],
        summary: `${list(facts.map(({ place }) => place.file))} still ${inOneFile(facts) ? 'mentions' : 'mention'} port ${port} of ${service}, which has ${ports}.`,
        witnesses: [
          ...facts.map((fact) => evidenceOf(fact, stated(fact, service))),
          ...endpoints.flatMap(({ binds, ...endpoint }) =>
            binds
              .filter((fact) => fact.port === endpoint.port)
              .slice(0, 2)
              .map((fact) => evidenceOf(fact, stated(fact, nameOf(endpoint)))),
          ),
        ],
        fixes: [
          only === null
            ? `write one of ${ports} there`
            : writeFix(
                only.port!,
                facts.map(({ place }) => place),
              ),
        ],
        ...(only && { mends: { service, label: only.label, places: facts } }),
      };
    },
  );
}

/** Whether the service answers on that port nowhere, as far as anything tells. Health checks are a matter of drift. */
function isStale(chart: Chart, fact: Refers, service: string): boolean {
  const { port, scope, health, importer, place } = fact;
  const endpoints = chart.ofService(service);
  const hostPorts = endpoints.flatMap((each) => [each.port, each.planned, ...each.binds.map((fact) => fact.port)]);
  if (health && scope === 'host') return false;
  // Prometheus in a container asks itself on localhost.
  if (importer === 'prometheus' && chart.insideOf(service).has(port)) return false;
  if (scope === 'host') return hostPorts.some((each) => each !== null) && !hostPorts.includes(port);
  if (scope !== 'network') return false;
  // Who gives an address of its own tells a port of its own.
  if (!health && isSpeaker(chart, fact, service)) return false;
  // Inside a network only what is known of its containers tells; another compose file makes another network.
  const inside = chart.insideOf(service, importer === 'compose' ? place.file : undefined);
  return inside.size > 0 && !inside.has(port) && !hostPorts.includes(port);
}

function doubtOf(chart: Chart, facts: readonly Refers[], endpoints: number): string | undefined {
  const [{ example, scope, port, service = '' }] = facts as [Refers];
  const owner = ownerOf(chart, facts);
  if (owner !== undefined)
    return `${owner} has that port and may be meant: only the name of a variable tells otherwise`;
  if (scope === 'network' && isForeign(chart, service))
    return 'its image may listen on more ports than are published, as nothing has to be inside a network';
  // Measurements are by custom served from 8000 on; a lower number is hardly theirs.
  if (scope === 'network' && port >= 8000 && facts.every(({ importer }) => importer === 'prometheus'))
    return 'it may serve its measurements on a port that no file tells';
  if (example && chart.drafted) return 'it is an example, which may mean another set-up';
  if (chart.drafted && (scope === 'network' || endpoints > 1)) return 'it may be a further port that no file binds';
  return undefined;
}

/** Somebody else's image: no Dockerfile and no sources here tell what it listens on. */
function isForeign(chart: Chart, service: string): boolean {
  return (
    chart.ofService(service).every(({ of }) => of.directory === undefined) &&
    chart.facts.some((fact) => fact.kind === 'describes' && fact.what === 'image' && fact.service === service)
  );
}

/** `API_URL=http://localhost:3000`: it may well be the port of the web server, which has an API, too. */
function ownerOf(chart: Chart, facts: readonly Refers[]): string | undefined {
  const [{ port, service }] = facts as [Refers];
  const byVariable = facts.every(({ scope, names }) => scope === 'host' && names[0]?.from === 'variable');
  const owners = byVariable ? chart.endpoints.filter((each) => each.port === port && each.service !== service) : [];
  return owners[0] && nameOf(owners[0]);
}

/** Somebody is sent to a port of this machine, within the project's own ranges, that nobody has. */
function ofNobody(chart: Chart, references: readonly Refers[]): PlanFinding[] {
  const { manifest } = chart;
  const own = ownRanges(manifest).filter(
    ([, { owner, policy }]) => owner === manifest.project && policy === 'allocate',
  );
  if (chart.drafted) return [];
  const known = new Set(
    chart.endpoints.flatMap((each) => [
      each.port,
      each.planned,
      ...[...each.binds, ...each.internals].map((fact) => fact.port),
    ]),
  );
  const lost = references.filter(
    ({ service, scope, port }) =>
      service === undefined &&
      scope === 'host' &&
      !known.has(port) &&
      own.some(([, { ports }]) => contains(ports, port)),
  );
  return [...Map.groupBy(lost, ({ place, port }) => `${place.file}:${port}`).values()].map((facts) => {
    const [fact] = facts as [Refers];
    const { port, protocol, place, by } = fact;
    const places = facts.map((each) => each.place);
    const speaker = speakerOf(chart, by);
    const meant = meantBy(chart, speaker, port, own);
    return {
      id: `stale-mention:${place.file}:${port}`,
      kind: 'stale-mention',
      severity: 'warning',
      ...(fact.example && { doubt: 'it is an example, which may mean another set-up' }),
      port,
      protocol,
      services: speaker ? [speaker] : [],
      summary: `${place.file} mentions port ${port}, which nobody has.`,
      witnesses: facts.map((each) => evidenceOf(each, stated(each, speaker ?? 'it'))),
      fixes: meant
        ? [
            writeFix(meant.port!, places),
            `it is that of ${meant.service}, the only one there that ${speaker} depends on`,
          ]
        : ['write there the port of the service that is meant (portolan docs lists them)'],
      ...(meant && { mends: { service: meant.service, label: meant.label, places: facts } }),
    };
  });
}

function isSpeaker({ manifest }: Chart, { by = [] }: Refers, service: string): boolean {
  const own = new Set([service, ...(manifest.services[service]?.aliases ?? [])]);
  return by.some(({ name }) => own.has(name) || own.has(slugOf(name)));
}

/** The service that a file belongs to, by its name or its folder. */
function speakerOf({ manifest }: Chart, by: Refers['by'] = []): string | undefined {
  for (const { name } of by) {
    if (name in manifest.services) return name;
    const home = Object.entries(manifest.services).find(([, { directory }]) => directory === name);
    if (home) return home[0];
  }
  return by[0]?.name;
}

/** Whom a lost number of a range stands for: the only service of that range that the speaker depends on. */
function meantBy(
  chart: Chart,
  speaker: string | undefined,
  port: number,
  own: ReturnType<typeof ownRanges>,
): Charted | undefined {
  const range = own.find(([, { ports }]) => contains(ports, port))?.[1];
  const needed = speaker === undefined ? [] : (chart.manifest.services[speaker]?.dependencies ?? []);
  const there = needed
    .flatMap((name) => chart.ofService(name))
    .filter((endpoint) => endpoint.port !== null && range !== undefined && contains(range.ports, endpoint.port));
  return there.length === 1 ? there[0] : undefined;
}
