import { posix } from 'node:path';
import { DEFAULT_LABEL, formatInterval, type Interval } from '@portolan/model';
import { Document, isMap, isNode, isScalar, type Pair, type Scalar } from 'yaml';
import type { BlockedFact, Fact, Place, RangeFact, ReservedFact } from '../fact.ts';
import { isLocalHost } from '../import/address-text.ts';
import type { SurveyedEndpoint } from '../import/endpoint.ts';
import type { SurveyedService } from '../import/reconcile.ts';
import { slugOf } from '../import/service-name.ts';
import type { Survey } from '../import/survey.ts';
import { crosses, within } from './range-set.ts';
import { Manifest, type ManifestInput } from './schema.ts';

type RangeInput = NonNullable<ManifestInput['ranges']>[string];
type ServiceInput = NonNullable<ManifestInput['services']>[string];
type EndpointInput = NonNullable<ServiceInput['endpoints']>[string];

export interface Draft {
  manifest: Manifest;
  /** Its YAML, with the place of each fact as a comment. */
  text: string;
  /** As far as files tell; `manifest` has the defaults, too. */
  input: ManifestInput;
  /** The comment of a value, by its path joined with `/`. */
  comments: ReadonlyMap<string, string>;
}

/**
 * A manifest from what a survey has found. Facts that are unsure are left out.
 *
 * @param base from the manifest's folder to the root of the survey: paths in the manifest start at its own folder
 * @param unsure findings that the files leave open, by their id, with the reason
 */
export function draft(
  survey: Pick<Survey, 'project' | 'services' | 'facts'>,
  base = '',
  unsure: Readonly<Record<string, string>> = {},
): Draft {
  const comments = new Map<string, string>();
  const textOf = (places: readonly Place[]) =>
    placesText(places.map((place) => ({ ...place, file: posix.join(base, place.file) })));
  const note: NotePlaces = (path, places, others = new Map()) => {
    if (places.length === 0) return;
    const more = [...others].map(([what, each]) => `${what} in ${textOf(each)}`);
    comments.set(path.join('/'), [textOf(places), ...more].join('; '));
  };
  const facts = survey.facts.filter(({ sure }) => sure !== 'unsure');
  const ranges = rangesOf(facts, survey.project, note);
  const blocked = blockedOf(facts, note);
  const pairings = pairingsOf(facts, note);
  const sizes = facts.filter((fact) => fact.kind === 'block-size');
  const byService = Map.groupBy(facts, ({ service }) => service);
  const services = Object.fromEntries(
    survey.services.map((service) => [service.name, serviceOf(service, byService.get(service.name) ?? [], base, note)]),
  );
  const files = [...new Set(facts.flatMap((fact) => (fact.kind === 'mentions' ? [fact.path] : [])))];
  note(
    ['blockSize'],
    sizes.slice(0, 3).map(({ place }) => place),
  );
  const input: ManifestInput = {
    project: survey.project,
    ...(sizes[0] ? { blockSize: sizes[0].size } : {}),
    ...(Object.keys(ranges).length > 0 ? { ranges } : {}),
    ...(blocked.length > 0 ? { blocked } : {}),
    services,
    ...(pairings.length > 0 ? { pairings } : {}),
    ...(files.length > 0 ? { files } : {}),
    ...(Object.keys(unsure).length > 0 ? { unsure: { ...unsure } } : {}),
  };
  if (input.unsure) comments.set('unsure', 'what the files leave open counts for nothing; take out what is decided');
  return { manifest: Manifest.parse(input), text: written(input, comments), input, comments };
}

/** Where a value stands, and what other values files give, by what they are. */
type NotePlaces = (
  path: readonly (string | number)[],
  places: readonly Place[],
  others?: ReadonlyMap<string, readonly Place[]>,
) => void;

/** Ranges of one interval are one. What is reserved lies in the narrowest range around it, or makes one of its own. */
function rangesOf(facts: readonly Fact[], project: string, note: NotePlaces): Record<string, RangeInput> {
  const found = facts
    .filter((fact): fact is RangeFact => fact.kind === 'range')
    .sort((a, b) => b.to - b.from - (a.to - a.from));
  const ranges = new Map<
    string,
    { interval: Interval; input: RangeInput; places: Place[]; reserved: ReservedFact[] }
  >();
  const add = (interval: Interval, purpose: string, place: Place, policy: RangeFact['policy']) => {
    const same = [...ranges.values()].find(
      (other) => other.interval.from === interval.from && other.interval.to === interval.to,
    );
    if (same) {
      same.places.push(place);
      return same;
    }
    // Where two cross, the narrower one has the ports of both.
    const cut = [...ranges.values()].reduce<Interval>(
      (left, { interval: other }) => (crosses(left, other) ? clipped(left, other) : left),
      interval,
    );
    const name = freeName(slugOf(purpose) || `ports-${interval.from}`, ranges);
    const range = {
      interval: cut,
      input: { ports: formatInterval(cut), purpose: tidy(purpose), owner: project, policy },
      places: [place],
      reserved: [],
    };
    ranges.set(name, range);
    return range;
  };
  for (const { from, to, purpose, place, policy } of found) add({ from, to }, purpose, place, policy);
  for (const fact of facts.filter((each): each is ReservedFact => each.kind === 'reserved')) {
    const around = [...ranges.values()]
      .filter(({ interval }) => within(fact, interval))
      .sort((a, b) => a.interval.to - a.interval.from - (b.interval.to - b.interval.from))[0];
    const range = around ?? add({ from: fact.from, to: fact.to }, fact.reason, fact.place, 'allocate');
    if (!range.reserved.some(({ from, to }) => from === fact.from && to === fact.to))
      (range.reserved as ReservedFact[]).push(fact);
  }
  const sorted = [...ranges].sort(([, a], [, b]) => a.interval.from - b.interval.from || b.interval.to - a.interval.to);
  return Object.fromEntries(
    sorted.map(([name, { input, places, reserved }]) => {
      note(['ranges', name, 'ports'], places);
      if (reserved.length === 0) return [name, input];
      reserved.forEach((fact, index) => note(['ranges', name, 'reserved', index, 'ports'], [fact.place]));
      return [
        name,
        {
          ...input,
          reserved: reserved.map((fact) => ({ ports: formatInterval(fact), reason: reasonText(fact.reason) })),
        },
      ];
    }),
  );
}

function clipped(interval: Interval, other: Interval): Interval {
  return interval.from < other.from
    ? { from: interval.from, to: other.from - 1 }
    : { from: other.to + 1, to: interval.to };
}

function freeName(slug: string, taken: ReadonlyMap<string, unknown>): string {
  for (let count = 1; ; count++) {
    const name = count === 1 ? slug : `${slug.slice(0, 59)}-${count}`;
    if (!taken.has(name)) return name;
  }
}

/** `(reserved)` says nothing that `reserved` does not. */
function reasonText(reason: string): string {
  return /^\(?\s*(?:reserved|reserviert)\s*\)?$/i.test(reason) ? 'room for growth' : tidy(reason);
}

function blockedOf(facts: readonly Fact[], note: NotePlaces): NonNullable<ManifestInput['blocked']> {
  const found = new Map<string, BlockedFact[]>();
  for (const fact of facts) {
    if (fact.kind !== 'blocked') continue;
    const ports = formatInterval(fact);
    found.set(ports, [...(found.get(ports) ?? []), fact]);
  }
  const sorted = [...found].sort(([, [a]], [, [b]]) => a!.from - b!.from);
  return sorted.map(([ports, blocks], index) => {
    note(
      ['blocked', index, 'ports'],
      blocks.map(({ place }) => place),
    );
    return { ports: /-/.test(ports) ? ports : Number(ports), reason: tidy(blocks[0]!.reason) };
  });
}

function pairingsOf(facts: readonly Fact[], note: NotePlaces): NonNullable<ManifestInput['pairings']> {
  const pairs = facts.flatMap((fact) =>
    fact.kind === 'pair' && fact.service !== undefined && fact.otherService !== undefined
      ? [[fact.service, fact.otherService] as const]
      : [],
  );
  return facts
    .filter((fact) => fact.kind === 'pairing')
    .map((fact, index) => {
      note(['pairings', index, 'first'], [fact.place]);
      const sides = (service: string) =>
        inside(facts, service, fact.first) ? 0 : inside(facts, service, fact.second) ? 1 : undefined;
      const own = pairs.flatMap(([a, b]): [string, string][] => {
        const [left, right] = [sides(a), sides(b)];
        if (left === undefined || right === undefined || left === right) return [];
        return [left === 0 ? [a, b] : [b, a]];
      });
      return {
        first: formatInterval(fact.first),
        second: formatInterval(fact.second),
        digits: fact.digits,
        strict: fact.strict,
        ...(own.length > 0 ? { pairs: own } : {}),
      };
    });
}

function inside(facts: readonly Fact[], service: string, interval: Interval): boolean {
  return facts.some(
    (fact) =>
      (fact.kind === 'states' || fact.kind === 'binds') &&
      fact.service === service &&
      within({ from: fact.port, to: fact.port }, interval),
  );
}

function serviceOf(service: SurveyedService, facts: readonly Fact[], base: string, note: NotePlaces): ServiceInput {
  const path = ['services', service.name];
  const aliases = service.aliases.filter((alias) => !service.implied.includes(alias));
  const property = (what: string) => {
    const fact = facts.find((each) => each.kind === 'describes' && each.what === what);
    return fact?.kind === 'describes' ? fact : undefined;
  };
  const told = <T>(key: string, what: string, read: (value: string) => T): Record<string, T> => {
    const fact = property(what);
    if (!fact?.value.trim()) return {};
    note([...path, key], [fact.place]);
    return { [key]: read(fact.value) };
  };
  const hosts = [
    ...new Set(
      facts.flatMap((fact) =>
        fact.kind === 'describes' && fact.what === 'host'
          ? [fact.value]
          : fact.kind === 'binds'
            ? (fact.hosts ?? [])
            : [],
      ),
    ),
  ];
  const needs = facts.filter((fact) => fact.kind === 'depends');
  const dependencies = [
    ...new Set(
      needs.flatMap(({ onService }) => (onService === undefined || onService === service.name ? [] : [onService])),
    ),
  ].sort();
  const files = [
    ...new Set(
      facts.flatMap((fact) => ('port' in fact && fact.kind !== 'internal' ? [posix.join(base, fact.place.file)] : [])),
    ),
  ].sort();
  const internalOnly =
    property('internal-only') !== undefined || service.endpoints.some((endpoint) => endpoint.internalOnly);
  if (property('internal-only')) note([...path, 'internalOnly'], [property('internal-only')!.place]);
  if (dependencies.length > 0)
    note(
      [...path, 'dependencies'],
      needs.slice(0, 3).map(({ place }) => place),
    );
  return {
    ...told('description', 'description', tidy),
    ...told('runtime', 'runtime', tidy),
    ...told('status', 'status', (value) => value as 'required' | 'optional'),
    ...(service.directory === undefined || service.directory === '.'
      ? {}
      : { directory: posix.join(base, service.directory) }),
    ...(aliases.length > 0 ? { aliases: aliases.slice(0, 50).map((alias) => alias.slice(0, 255)) } : {}),
    ...(hosts.length > 0 ? { hosts } : {}),
    ...(internalOnly ? { internalOnly: true } : {}),
    ...told('replicas', 'replicas', (value) => Math.min(Number(value), 65_535)),
    endpoints: Object.fromEntries(
      [...service.endpoints]
        .sort((a, b) => Number(b.label === DEFAULT_LABEL) - Number(a.label === DEFAULT_LABEL))
        .map((endpoint) => [endpoint.label, endpointOf(endpoint, [...path, 'endpoints', endpoint.label], note)]),
    ),
    ...(dependencies.length > 0 ? { dependencies } : {}),
    ...(files.length > 0 ? { files } : {}),
  };
}

function endpointOf(endpoint: SurveyedEndpoint, path: readonly string[], note: NotePlaces): EndpointInput {
  const { port, planned, protocol, transport, within: range, evidence } = endpoint;
  const says = (value: number | string) => evidence.filter((each) => each.port === value).map(({ place }) => place);
  const variants = evidence.filter((each) => each.variant !== undefined && each.port !== port);
  const others = Map.groupBy(variants, (each) => `${each.variant}: ${each.port}`);
  note(
    [...path, 'port'],
    port === 'none' ? evidence.map(({ place }) => place) : says(port).slice(0, 6),
    new Map([...others].slice(0, 3).map(([what, each]) => [what, each.slice(0, 2).map(({ place }) => place)])),
  );
  if (planned !== undefined) note([...path, 'planned'], says(planned).slice(0, 3));
  const health = endpoint.health === undefined ? undefined : healthOf(endpoint.health, port);
  return {
    port,
    ...(planned === undefined ? {} : { planned }),
    ...(protocol === 'udp' ? { protocol } : {}),
    ...(transport?.trim() ? { transport: tidy(transport) } : {}),
    ...(range ? { range: formatInterval(range) } : {}),
    ...(health ? { health } : {}),
  };
}

/** Within the bounds of a manifest's texts. */
function tidy(text: string): string {
  return text.slice(0, 500).trim();
}

/** The path alone where the URL is that of the endpoint's own port on its host: so it stays true when the port changes. */
function healthOf(written: string, port: SurveyedEndpoint['port']): string | undefined {
  if (written.startsWith('/')) return written;
  const url = URL.parse(written);
  if (!url || !/^https?:$/.test(url.protocol)) return undefined;
  const own = isLocalHost(url.hostname) && Number(url.port) === port && url.protocol === 'http:';
  return own ? `${url.pathname}${url.search}` : `${url.origin}${url.pathname}${url.search}`;
}

/** `docs/ports.md:14, 27; compose.yaml:3` */
function placesText(places: readonly Place[]): string {
  const byFile = Map.groupBy(places, ({ file }) => file);
  return [...byFile]
    .map(([file, each]) => `${file}:${[...new Set(each.map(({ line }) => line))].join(', ')}`)
    .join('; ');
}

function written(input: ManifestInput, comments: ReadonlyMap<string, string>): string {
  const document = new Document(input);
  comment(document.contents, [], comments);
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** Puts the comments behind the values that they are about. */
export function comment(node: unknown, path: readonly string[], comments: ReadonlyMap<string, string>): void {
  if (isMap(node)) {
    for (const pair of node.items as Pair<Scalar<string>, unknown>[]) {
      const at = [...path, String(pair.key.value)];
      const said = comments.get(at.join('/'));
      if (said !== undefined) {
        if (isScalar(pair.value)) pair.value.comment = ` ${said}`;
        else if (isNode(pair.value)) pair.value.commentBefore = ` ${said}`;
      }
      comment(pair.value, at, comments);
    }
  } else if (typeof node === 'object' && node !== null && 'items' in node) {
    (node.items as unknown[]).forEach((item, index) => comment(item, [...path, String(index)], comments));
  }
}
