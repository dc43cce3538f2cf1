import { dirname } from 'node:path/posix';
import { type Claim, judgePort, parseServiceId } from '@portolan/model';
import type { Binds, NameHint, Place } from '../fact.ts';
import { isWithin } from '../import/folder.ts';
import { isOfTests } from '../import/variant.ts';
import type { Manifest } from '../manifest/schema.ts';
import { bare, type Chart, type Charted, nameOf } from './chart.ts';
import type { PlanFinding, Witness } from './finding.ts';
import { claimed, evidenceOf, list } from './words.ts';

/** One service that wants a port, by the plan or by a file that gives it that port. */
interface Claimant extends Charted {
  readonly wants: number;
  readonly hosts: readonly string[];
  readonly by: readonly Binds[];
  /** Of another project's plan; `service` is written `project/name`. */
  readonly foreign: boolean;
}

/** Two services that are to have one port. The fleet's own rules say how bad that is. */
export function collisions(chart: Chart): PlanFinding[] {
  const { project } = chart.manifest;
  const all = [...chart.endpoints.flatMap(claimsOf), ...chart.others.flatMap(foreignClaims)];
  const claims = Map.groupBy(all, ({ protocol, wants }) => `${protocol}/${wants}`);
  return [...claims.values()].flatMap((claimants) => {
    const services = [...new Set(claimants.map(({ service }) => service))].sort();
    // What other projects have among themselves is for their own check.
    if (services.length < 2 || claimants.every(({ foreign }) => foreign)) return [];
    const [{ protocol, wants: port }] = claimants as [Claimant];
    const verdict = judgePort({
      protocol,
      port,
      claims: claimants.flatMap((claimant) => modelClaims(project, claimant)),
      listeners: [],
      blocks: [],
      host: () => undefined,
    }).find(({ kind }) => kind === 'collision');
    if (!verdict) return [];
    return [
      {
        id: `collision:${protocol}:${port}:${services.join('+')}`,
        kind: 'collision' as const,
        severity: verdict.severity,
        ...doubtOf(chart, claimants),
        port,
        protocol,
        services,
        summary: `${list(claimants.map(nameOf))} ${services.length === 2 ? 'both' : 'all'} have ${protocol} port ${port}${
          verdict.class === 'latent' ? '; they are placed on different hosts today' : ''
        }.`,
        witnesses: claimants.flatMap((claimant) => claimWitnesses(chart, claimant)),
        fixes: [
          'portolan plan (gives all but one of them another port, with the fewest moves; --write edits the files)',
          ...[...services].slice(1, 3).map((service) => `or by hand: give ${service} a port of its own`),
        ],
      },
    ];
  });
}

/** The port of the plan, and those that its files really give it: a default or an example that something stronger overrides is none. */
function claimsOf(endpoint: Charted): Claimant[] {
  const planned = endpoint.binds.filter(({ variant }) => !isOfTests(variant));
  const set = planned.filter(({ fallback }) => !fallback);
  const started = set.filter(({ by }) => by !== 'env-example');
  const real = [started, set].find((each) => each.length > 0) ?? planned;
  const wanted = new Map<number, Binds[]>();
  if (endpoint.port !== null) wanted.set(endpoint.port, []);
  for (const fact of real) wanted.set(fact.port, [...(wanted.get(fact.port) ?? []), fact]);
  return [...wanted].map(([wants, by]) => ({
    ...endpoint,
    wants,
    by,
    foreign: false,
    hosts: endpoint.of.hosts.length > 0 ? endpoint.of.hosts : (by.find(({ hosts }) => hosts?.length)?.hosts ?? []),
  }));
}

function foreignClaims({ project, services }: Manifest): Claimant[] {
  return Object.entries(services).flatMap(([service, of]) =>
    Object.entries(of.endpoints).flatMap(([label, plan]) =>
      typeof plan.port !== 'number'
        ? []
        : [
            {
              ...bare(`${project}/${service}`, label, of),
              wants: plan.port,
              hosts: of.hosts,
              by: [],
              foreign: true,
            },
          ],
    ),
  );
}

function modelClaims(own: string, { service: name, label, hosts, foreign }: Claimant): Claim[] {
  const { project, service } = foreign ? parseServiceId(name) : { project: own, service: name };
  const endpoint = { project, service, label, instance: 1 };
  const places = hosts.length > 0 ? hosts : [null];
  return places.map((host) => ({ endpoint, host, since: null }));
}

function claimWitnesses(chart: Chart, claimant: Claimant): Witness[] {
  const files = claimant.by.map((fact) => evidenceOf(fact, claimed(claimant, fact)));
  const stated = claimant.states
    .filter(({ port, planned }) => port === claimant.wants && !planned)
    .map((fact) => evidenceOf(fact, `${nameOf(claimant)} has ${fact.port}`));
  const place = chart.written(['services', claimant.service, 'endpoints', claimant.label, 'port']);
  const plan =
    place && claimant.port === claimant.wants ? [{ place, says: `${nameOf(claimant)} has ${claimant.wants}` }] : [];
  return [...files, ...plan, ...stated].slice(0, 6);
}

/**
 * Of drafts: services of different corners of a tree may be alternatives, examples or each in a container of its own.
 * They run side by side where one file starts or lists them both.
 */
function doubtOf(chart: Chart, claimants: readonly Claimant[]): { doubt?: string } {
  if (apart(claimants.map(({ by }) => by.flatMap((fact) => fact.profiles ?? []))))
    return { doubt: 'they are started by different profiles, perhaps never together' };
  if (apart(claimants.map(({ by }) => by.map(({ variant }) => variant))))
    return { doubt: 'they are started for different environments, perhaps never together' };
  const common = alternativeOf(chart, claimants);
  if (common !== undefined) {
    return { doubt: `the files that start them both start ${common}, too: they are used in turn, never at once` };
  }
  const defaults = claimants.filter(({ by }) => by.length > 0 && by.every(({ fallback }) => fallback));
  const others = claimants.filter((each) => !defaults.includes(each));
  if (defaults.length > 0 && others.length > 0 && others.every(isContained)) {
    return {
      doubt: `${list(defaults.map(nameOf))} only defaults to it: beside these containers it may be given another`,
    };
  }
  const around = claimants.find((each) => claimants.every((other) => other === each || isBuiltWithin(other, each)));
  if (around) {
    const within = list(claimants.filter((each) => each !== around).map(nameOf));
    return { doubt: `${nameOf(around)} is built from a folder that holds ${within}: that may be what it publishes` };
  }
  const image = sharedImage(chart, claimants);
  const both = sharedFile(claimants);
  if (!chart.drafted && image === undefined && both === undefined) return {};
  const sources = claimants.map(({ by, states, wants, service }) => ({
    service,
    places: [
      ...by
        .filter(({ fallback }) => !fallback)
        .map((fact) => ({ corner: cornerOf(fact), profiles: fact.profiles ?? [] })),
      ...states
        .filter(({ port, planned }) => port === wants && !planned)
        .map(({ place, list = '' }) => ({ corner: `${place.file} ${list}`, profiles: [] })),
    ],
  }));
  const together = sources.some(({ service, places }) =>
    sources.some(
      (other) =>
        other.service !== service &&
        other.places.some((one) =>
          places.some(({ corner, profiles }) => corner === one.corner && !apart([profiles, one.profiles])),
        ),
    ),
  );
  if (together) return {};
  if (both !== undefined)
    return { doubt: `${both} starts them together, on other ports: one of these may be of another set-up` };
  const alternatives = 'they may never run on one host, or be one service under two names';
  return {
    doubt:
      image === undefined
        ? `no file starts or lists them together: ${alternatives}`
        : `they run one image, ${image}, and no file starts them together: ${alternatives}`,
  };
}

/** A compose file that starts all of them. */
function sharedFile(claimants: readonly Claimant[]): string | undefined {
  const [first, ...rest] = claimants.map(
    ({ binds }) => new Set(binds.flatMap(({ by, place }) => (by === 'compose' ? [place.file] : []))),
  );
  return [...first!].find((file) => rest.every((files) => files.has(file)));
}

/** The image that all of them run: set-ups of one tree have their own database each, and one of them is used. */
function sharedImage({ facts }: Chart, claimants: readonly Claimant[]): string | undefined {
  const images = new Map<string, Set<string>>();
  for (const fact of facts) {
    if (fact.kind !== 'describes' || fact.what !== 'image' || fact.service === undefined) continue;
    images.set(fact.service, (images.get(fact.service) ?? new Set()).add(fact.value));
  }
  const [first, ...rest] = claimants.map(({ service }) => images.get(service) ?? new Set<string>());
  return [...first!].find((image) => rest.every((each) => each.has(image)));
}

function isContained({ by }: Claimant): boolean {
  return by.length > 0 && by.every(({ inside }) => inside !== undefined);
}

/** Whether the folder that a container is built from holds a service that no container publishes, and its port is the same inside. */
function isBuiltWithin(service: Claimant, container: Claimant): boolean {
  if (!isContained(container) || container.by.some(({ inside, port }) => inside !== port)) return false;
  const [built, own] = [container, service].map(({ by }) => by.flatMap(({ names }) => folderIn(names)));
  return (
    service.by.every(({ inside }) => inside === undefined) &&
    own!.length > 0 &&
    own!.every((folder) => built!.some((each) => each !== folder && isWithin(folder, each)))
  );
}

function folderIn(names: readonly NameHint[]): string[] {
  return names.flatMap(({ name, from }) => (from === 'directory' ? [name] : []));
}

/**
 * Whether services are only in compose files of which one or the other is used.
 *
 * @returns a service of which both files publish the very same port, so that they cannot both be up
 */
function alternativeOf(chart: Chart, claimants: readonly Claimant[]): string | undefined {
  if (claimants.some(({ by }) => by.length === 0 || by.some((fact) => fact.by !== 'compose'))) return undefined;
  const publishers = chart.endpoints.flatMap(({ service, binds }) => {
    const published = Map.groupBy(
      binds.filter(({ by }) => by === 'compose'),
      ({ port }) => port,
    );
    return [...published.values()].map((facts) => ({ service, files: filesOf(facts) }));
  });
  let common: string | undefined;
  for (const [index, { by }] of claimants.entries()) {
    for (const other of claimants.slice(index + 1)) {
      for (const one of filesOf(by)) {
        for (const two of filesOf(other.by)) {
          common = one === two ? undefined : publishers.find(({ files }) => files.has(one) && files.has(two))?.service;
          if (common === undefined) return undefined;
        }
      }
    }
  }
  return common;
}

function filesOf(facts: readonly Binds[]): ReadonlySet<string> {
  return new Set(facts.map(({ place }) => place.file));
}

/** Whether each has something, and no two have the same. */
function apart(each: readonly (readonly unknown[])[]): boolean {
  const sets = each.map((values) => new Set(values));
  const size = new Set(each.flat()).size;
  return sets.every((set) => set.size > 0) && size === sets.reduce((count, set) => count + set.size, 0);
}

/** Units of one folder are started on one machine; of compose files in one folder, often one or the other is used. */
function cornerOf({ by, place }: { by: Binds['by']; place: Place }): string {
  return by === 'unit' ? dirname(place.file) : place.file;
}
