import { posix } from 'node:path';
import { DEFAULT_LABEL, type Interval, type Protocol } from '@portolan/model';
import {
  type Binds,
  bindStrengths,
  type Fact,
  formatPlace,
  isPortFact,
  type Place,
  type PortFact,
  type States,
} from '../fact.ts';
import type { Note } from './importer.ts';
import { labelOfVariable } from './port-variable.ts';
import { slugOf } from './service-name.ts';
import { isOfTests } from './variant.ts';

/** A labelled port of a service, as far as files tell. */
export interface SurveyedEndpoint {
  label: string;
  protocol: Protocol;
  /** What is bound today, by the strongest evidence; `none` has no port, `unknown` has one that no file says. */
  port: number | 'none' | 'unknown';
  /** What a document plans for it, where that is another port, or no other is known. */
  planned?: number;
  health?: string;
  transport?: string;
  /** It looks for a port within these, from `port` on. */
  within?: Interval;
  /** Where `port` stands, the strongest first, then what else gives it a port. */
  evidence: { place: Place; port: number | 'none'; variant?: string }[];
  /** No port of a host: only within containers. */
  internalOnly?: boolean;
}

export interface Drawn {
  facts: Fact[];
  endpoints: Map<string, SurveyedEndpoint[]>;
  notes: Note[];
}

/** Gives each port of each service its label, and each endpoint the one port that it really has. */
export function drawEndpoints(given: readonly Fact[]): Drawn {
  const facts = rootDefaults(onePerPlace(given));
  const byService = new Map<string, number[]>();
  for (const [index, { service }] of facts.entries()) {
    if (service !== undefined) (byService.get(service) ?? byService.set(service, []).get(service)!).push(index);
  }
  const endpoints = new Map<string, SurveyedEndpoint[]>();
  const notes: Note[] = [];
  for (const [service, indices] of byService) {
    const own = inContainers(indices.map((index) => withoutOwnName(facts[index]!, service)));
    const labelled = insideSaid(secondMains(labels(own)));
    for (const [at, index] of indices.entries()) facts[index] = meant(scoped(labelled[at]!, labelled), labelled);
    endpoints.set(service, endpointsOf(labelled, service, notes));
  }
  return { facts, endpoints, notes };
}

/** `API_PORT` of the service shop-api is its one port, not that of an API which it has besides. */
function withoutOwnName(fact: Fact, service: string): Fact {
  if ((fact.kind !== 'binds' && fact.kind !== 'internal') || fact.variable === undefined) return fact;
  if (fact.label === undefined || !service.split('-').includes(fact.label)) return fact;
  const { label: _label, ...rest } = fact;
  return rest;
}

/**
 * A number stands in a file once: when two importers or two readings took it, the stronger one has it. What compose puts
 * into several of its services, by a variable or an anchor, is each one's.
 */
function onePerPlace(facts: readonly Fact[]): Fact[] {
  const best = new Map<string, Fact>();
  for (const fact of facts) {
    if (!isPortFact(fact) || fact.place.length === 0) continue;
    const key = `${fact.place.file}:${fact.place.offset}`;
    const before = best.get(key);
    if (!before || rank(fact) < rank(before)) best.set(key, fact);
  }
  return facts.filter((fact) => {
    if (!isPortFact(fact) || fact.place.length === 0) return true;
    const first = best.get(`${fact.place.file}:${fact.place.offset}`)!;
    const shared = fact.importer === 'compose' && first.importer === 'compose' && fact.service !== first.service;
    return fact === first || shared;
  });
}

/**
 * Sources of the root folder are the whole tree's. A default there that is just the port which some service is started with
 * is most likely that service's, not one of a service named after the root.
 */
function rootDefaults(facts: readonly Fact[]): Fact[] {
  const started = new Map<number, Binds>();
  for (const fact of facts) {
    if (fact.kind === 'binds' && !fact.fallback && fact.sure !== 'unsure' && fact.service !== undefined)
      started.set(fact.port, started.get(fact.port) ?? fact);
  }
  return facts.map((fact) => {
    if (fact.kind !== 'binds' || fact.by !== 'source' || !fact.fallback) return fact;
    if (!fact.names.some(({ from, name }) => from === 'directory' && name === '.')) return fact;
    const start = started.get(fact.port);
    if (!start || start.service === fact.service) return fact;
    const why = `${formatPlace(start.place)} starts ${start.service} with ${fact.port}: this may be its default`;
    return { ...fact, sure: 'unsure', why };
  });
}

function rank(fact: Fact): number {
  // What compose takes from a .env is what it makes of it, whatever the variable is called.
  if (fact.importer === 'compose' && /env/i.test(posix.basename(fact.place.file)))
    return fact.kind === 'binds' ? -2 : -1;
  const kind = { binds: 0, states: 20, refers: 30, internal: 40 }[fact.kind as string] ?? 50;
  return kind + (fact.kind === 'binds' ? bindStrengths.indexOf(fact.by) : 0) + (fact.service === undefined ? 0.5 : 0);
}

/**
 * What the sources and settings of a service that runs in a container give as its port is the port inside, when the
 * container publishes just that one: the host's is the one that the container is published under.
 */
function inContainers(facts: Fact[]): Fact[] {
  const published = new Set(
    facts.flatMap((fact) =>
      fact.kind === 'binds' &&
      (fact.by === 'compose' || fact.by === 'kubernetes' || fact.by === 'unit') &&
      fact.inside !== undefined
        ? [fact.inside]
        : [],
    ),
  );
  const within = containedPorts(facts);
  // One that publishes nothing at all has what variables of its name set inside.
  const composed = facts.some((fact) => fact.kind === 'binds' && fact.by === 'compose')
    ? new Set<number>()
    : new Set(facts.flatMap((fact) => (fact.kind === 'internal' && fact.importer === 'compose' ? [fact.port] : [])));
  const hidden = isHidden(facts);
  if (published.size === 0 && within.size === 0 && composed.size === 0 && !hidden) return facts;
  const soft = new Set<Binds['by']>(['source', 'flag', 'env', 'env-example', 'script']);
  return facts.map((fact) => {
    if (fact.kind !== 'binds' || !soft.has(fact.by) || fact.inside !== undefined) return fact;
    const isDefault = fact.by === 'source' || (fact.by === 'flag' && fact.fallback === true);
    const inside =
      published.has(fact.port) ||
      (isDefault && (hidden || within.has(fact.port))) ||
      (fact.names[0]?.from === 'variable' && composed.has(fact.port));
    if (!inside) return fact;
    const { kind: _kind, by: _by, fallback: _fallback, address: _address, ...rest } = fact;
    return { ...rest, kind: 'internal' };
  });
}

/**
 * Compose builds it, something says on which port it listens inside, and no file starts it on one of the host: what its
 * sources default to is inside, too.
 */
function isHidden(facts: readonly Fact[]): boolean {
  const built = facts.some(
    ({ importer, names }) => importer === 'compose' && names.some(({ from }) => from === 'directory'),
  );
  const told = facts.some(({ kind, importer }) => kind === 'internal' && importer !== 'source');
  return built && told && !facts.some((fact) => fact.kind === 'binds' && fact.by !== 'source' && fact.by !== 'flag');
}

/**
 * Ports by which others reach a container that publishes none on its host: in a cluster, or of a compose file that exposes
 * them, sets them, or whose proxy asks for them.
 */
function containedPorts(facts: readonly Fact[]): ReadonlySet<number> {
  const composed = facts.some(({ kind, names }) => kind !== 'refers' && names[0]?.from === 'compose');
  const publishing = facts.some((fact) => fact.kind === 'binds' && fact.by === 'compose');
  return new Set(
    facts.flatMap((fact) => {
      if (fact.kind === 'internal' && fact.importer === 'kubernetes') return [fact.port];
      if (!composed || publishing) return [];
      const known = fact.kind === 'internal' && fact.importer === 'compose';
      return known || (fact.kind === 'refers' && fact.scope === 'network') ? [fact.port] : [];
    }),
  );
}

/** Labels as far as files give them; the others get that of their port, else that of the only one. */
function labels(facts: Fact[]): Fact[] {
  const byPort = new Map<number, string>();
  const byInside = new Map<number, string>();
  for (const fact of facts) {
    if (!isPortFact(fact) || fact.label === undefined || fact.sure === 'unsure') continue;
    const label = slugOf(fact.label) || DEFAULT_LABEL;
    if (fact.kind === 'internal') byInside.set(fact.port, byInside.get(fact.port) ?? label);
    else byPort.set(fact.port, byPort.get(fact.port) ?? label);
  }
  const insideLabelled = new Map([...byInside].map(([port, label]) => [label, port]));
  const main = mainInside(facts);
  const firstHost = new Map<string, number>();
  const first = facts.map((fact): Fact => {
    if (!isPortFact(fact)) return fact;
    if (fact.label !== undefined) return { ...fact, label: slugOf(fact.label) || DEFAULT_LABEL };
    const known = fact.kind === 'internal' ? byInside.get(fact.port) : byPort.get(fact.port);
    if (known !== undefined) return { ...fact, label: known };
    const inside = fact.kind === 'binds' ? fact.inside : fact.kind === 'internal' ? fact.port : undefined;
    if (inside === undefined) return fact;
    const within = byInside.get(inside);
    if (within !== undefined) return { ...fact, label: within };
    // The order in a file of settings says nothing of which port is the main one.
    if (fact.kind !== 'binds' || fact.importer === 'env') return fact;
    // A second port of the host that leads to the same one inside is an endpoint of its own, too.
    const host = `${fact.place.file} ${inside} ${fact.protocol}`;
    const earlier = firstHost.get(host) ?? firstHost.set(host, fact.port).get(host)!;
    const further = fact.fallback || fact.ofRange || earlier === fact.port ? '' : `-${fact.port}`;
    if (further === '' && inside === main.get(fact.place.file)) return fact;
    const told = further === '' && fact.variable !== undefined ? labelOfVariable(fact.variable) : undefined;
    if (told === undefined || (insideLabelled.get(told) ?? inside) !== inside)
      return { ...fact, label: `p${inside}${further}` };
    insideLabelled.set(told, inside);
    return { ...fact, label: told };
  });
  // What one file calls by a variable is the same where another publishes it without.
  const calledInside = new Map([...insideLabelled].map(([label, port]) => [`p${port}`, label]));
  const withLabel = first.map((fact) =>
    fact.kind === 'binds' && fact.label === `p${fact.inside}`
      ? { ...fact, label: calledInside.get(fact.label) ?? fact.label }
      : fact,
  );
  for (const fact of withLabel) {
    if (isPortFact(fact) && fact.kind === 'binds' && fact.label !== undefined && fact.sure !== 'unsure')
      byPort.set(fact.port, byPort.get(fact.port) ?? fact.label);
  }
  const labelsInUse = new Set(
    withLabel.flatMap((fact) => (fact.kind === 'binds' && fact.sure !== 'unsure' ? [fact.label ?? DEFAULT_LABEL] : [])),
  );
  // A service whose one port has a label has no other that is meant when a file gives none.
  const only = labelsInUse.size === 1 ? [...labelsInUse][0]! : DEFAULT_LABEL;
  return withLabel.map((fact) =>
    isPortFact(fact) && fact.label === undefined ? { ...fact, label: byPort.get(fact.port) ?? only } : fact,
  );
}

/** Where debuggers of Node.js listen: nobody's main port. */
const INSPECTORS = new Set([9229, 9230, 9231]);

/**
 * Several ports that one file publishes for a service are several endpoints. The main one is that which most files
 * publish, and of several such the first.
 *
 * @returns the port inside by the file
 */
function mainInside(facts: readonly Fact[]): ReadonlyMap<string, number> {
  const byFile = new Map<string, number[]>();
  for (const fact of facts) {
    if (fact.kind !== 'binds' || fact.inside === undefined || fact.label !== undefined) continue;
    const { file } = fact.place;
    byFile.set(file, [...(byFile.get(file) ?? []), fact.inside]);
  }
  const weight = (inside: number) =>
    (INSPECTORS.has(inside) ? 0 : 1000) + [...byFile.values()].filter((each) => each.includes(inside)).length;
  return new Map(
    Array.from(byFile, ([file, inside]) => [file, inside.reduce((a, b) => (weight(b) > weight(a) ? b : a))]),
  );
}

/**
 * Sources of one service often hold several programs. When two of its files have different main ports, and nothing
 * stronger tells which is the service's, what the other one is for is not known.
 */
function secondMains(facts: Fact[]): Fact[] {
  const soft = facts.filter(
    (fact): fact is Binds =>
      fact.kind === 'binds' && (fact.by === 'source' || fact.by === 'flag') && fact.sure !== 'unsure',
  );
  const result = new Map<Fact, Fact>();
  for (const [label, group] of Map.groupBy(soft, ({ label = DEFAULT_LABEL }) => label)) {
    if (new Set(group.map(({ port }) => port)).size < 2) continue;
    const others = facts.filter(
      (fact): fact is PortFact =>
        isPortFact(fact) &&
        fact.label === label &&
        fact.kind !== 'refers' &&
        !group.includes(fact as Binds) &&
        fact.sure !== 'unsure',
    );
    const main =
      group.find(({ port }) => others.some((other) => other.port === port)) ??
      [...group].sort((a, b) => mainness(a) - mainness(b))[0]!;
    for (const fact of group) {
      if (fact.port === main.port) continue;
      const why = `${formatPlace(main.place)} has another port for the same service, ${main.port}: this may be another program, or one that no longer holds`;
      result.set(fact, { ...fact, sure: 'unsure', why });
    }
  }
  return facts.map((fact) => result.get(fact) ?? fact);
}

/**
 * A document that gives the port inside a container may mean just that, or a run without the container: that it is wrong
 * about the host's cannot be told.
 */
function insideSaid(facts: Fact[]): Fact[] {
  const bound = facts.filter((fact): fact is Binds => fact.kind === 'binds' && fact.sure !== 'unsure');
  return facts.map((fact) => {
    if (
      fact.kind !== 'states' ||
      fact.planned ||
      fact.sure === 'unsure' ||
      bound.some(({ port }) => port === fact.port)
    )
      return fact;
    const publisher = bound.find(({ inside }) => inside === fact.port);
    if (!publisher) return fact;
    const why = `${fact.port} is its port inside the container, which ${formatPlace(publisher.place)} publishes as ${publisher.port}: it may be meant`;
    return { ...fact, sure: 'unsure', why };
  });
}

function mainness({ place, sure }: Fact): number {
  const entry = /(?:^|\/)(?:index|main|server|app|config|env|settings)\.\w+$/.test(place.file) ? 0 : 1;
  return (sure === 'certain' ? 0 : 2) + entry + place.file.split('/').length / 100;
}

/** Whether an address by a service's name is one of a container network: only when the service is a container. */
function scoped(fact: Fact, own: readonly Fact[]): Fact {
  if (fact.kind !== 'refers' || fact.scope !== 'network') return fact;
  const contained = own.some(({ names }) =>
    names.some(({ from }) => from === 'compose' || from === 'container' || from === 'kubernetes'),
  );
  return contained ? fact : { ...fact, scope: 'unknown' };
}

/** An address on this host is not that of a service which has its number in its container only. */
function meant(fact: Fact, own: readonly Fact[]): Fact {
  if (fact.kind !== 'refers' || !fact.byPort) return fact;
  const inside = own.some((each) => each.kind === 'internal' && each.port === fact.port);
  const onHost = own.some(
    (each) => isPortFact(each) && (each.kind === 'binds' || each.kind === 'states') && each.port === fact.port,
  );
  if (!inside || onHost) return fact;
  const { service: _service, reason: _reason, byPort: _byPort, ...rest } = fact;
  return rest;
}

function endpointsOf(facts: readonly Fact[], service: string, notes: Note[]): SurveyedEndpoint[] {
  const sure = facts.filter((fact) => fact.sure !== 'unsure');
  const said = sure.filter(
    (fact): fact is PortFact => isPortFact(fact) && (fact.kind === 'binds' || fact.kind === 'states'),
  );
  const found: SurveyedEndpoint[] = [];
  for (const [label, group] of Map.groupBy(said, ({ label = DEFAULT_LABEL }) => label)) {
    for (const [protocol, each] of Map.groupBy(group, (fact) => fact.protocol)) {
      found.push(endpointOf(label, protocol, each, facts, service, notes));
    }
  }
  for (const fact of sure) {
    if (fact.kind !== 'portless') continue;
    const label = fact.label ?? DEFAULT_LABEL;
    if (found.some((endpoint) => endpoint.label === label)) continue;
    found.push({
      label,
      protocol: 'tcp',
      port: 'none',
      ...(fact.transport ? { transport: fact.transport } : {}),
      evidence: [{ place: fact.place, port: 'none' }],
    });
  }
  return distinct(found);
}

function endpointOf(
  label: string,
  protocol: Protocol,
  group: readonly PortFact[],
  all: readonly Fact[],
  service: string,
  notes: Note[],
): SurveyedEndpoint {
  const real = [...group]
    .filter((fact) => fact.kind !== 'states' || !fact.planned)
    .sort((a, b) => strength(a) - strength(b));
  const plans = group.filter((fact): fact is States => fact.kind === 'states' && fact.planned);
  const [best] = real;
  const planned = plans.find(({ port }) => port !== best?.port)?.port;
  const others = [...new Set(real.map(({ port }) => port))].filter(
    (port) =>
      port !== best?.port &&
      !real.some((fact) => fact.port === port && fact.kind === 'binds' && (fact.variant || fact.fallback)),
  );
  if (best && others.length > 0) {
    const places = real
      .filter(({ port }) => others.includes(port))
      .map((fact) => `${fact.port} in ${formatPlace(fact.place)}`);
    notes.push({
      place: best.place,
      text: `${service} has ${best.port} here, but ${places.join(', ')}: taken is ${best.port}`,
    });
  }
  const states = group.filter((fact): fact is States => fact.kind === 'states');
  const health =
    states.find(({ health: url, port }) => url && port === best?.port)?.health ??
    all.find(
      (fact) =>
        fact.kind === 'refers' &&
        fact.health === true &&
        fact.scope === 'host' &&
        fact.port === best?.port &&
        fact.sure !== 'unsure' &&
        fact.url,
    )?.['url' as never];
  const within = states.find((fact) => fact.within)?.within;
  const contained = states.some(({ internalOnly }) => internalOnly) && !real.some(({ kind }) => kind === 'binds');
  const evidence = [...real, ...plans].map((fact) => ({
    place: fact.place,
    port: fact.port,
    ...(fact.kind === 'binds' && fact.variant ? { variant: fact.variant } : {}),
  }));
  return {
    label,
    protocol,
    port: best?.port ?? 'unknown',
    ...(planned === undefined ? {} : { planned }),
    ...(typeof health === 'string' ? { health } : {}),
    ...(within ? { within } : {}),
    ...(contained ? { internalOnly: true } : {}),
    evidence,
  };
}

/** The lower, the surer it is what is bound today. */
function strength(fact: PortFact): number {
  if ((fact.kind === 'binds' || fact.kind === 'states') && isOfTests(fact.variant)) return 40;
  const doubt = fact.sure === 'certain' ? 0 : 0.5;
  if (fact.kind === 'binds') {
    const variant = fact.variant === undefined ? 0 : fact.variant === 'prod' ? 0.2 : 0.3;
    return bindStrengths.indexOf(fact.by) + variant + (fact.fallback ? 0.4 : 0);
  }
  if (fact.kind === 'states') return 20 + (fact.updated ? -2 : 0) + (fact.health ? -0.3 : 0) + doubt;
  return 30;
}

/** tcp and udp of one label are two endpoints of the manifest. */
function distinct(endpoints: SurveyedEndpoint[]): SurveyedEndpoint[] {
  const taken = new Set<string>();
  return endpoints.map((endpoint) => {
    const label = taken.has(endpoint.label) ? `${endpoint.label}-${endpoint.protocol}` : endpoint.label;
    taken.add(label);
    return { ...endpoint, label };
  });
}
