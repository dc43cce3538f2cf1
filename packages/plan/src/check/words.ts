import { formatInterval, type Interval } from '@portolan/model';
import { type Binds, formatPlace, type Place, type PortFact } from '../fact.ts';
import { type Chart, type Charted, nameOf } from './chart.ts';
import type { Witness } from './finding.ts';

/** What the reorganisation does about a finding. */
export const MOVE = 'portolan plan (moves it, with the fewest moves; --write edits the files)';

/** `a`, `a and b`, `a, b and c`, each once. */
export function list(names: readonly string[]): string {
  const each = [...new Set(names)];
  return each.length < 2 ? each.join('') : `${each.slice(0, -1).join(', ')} and ${each.at(-1)}`;
}

/** What a file does with a port. */
export function claimed(endpoint: Charted, { by, port, inside, fallback, variable, address }: Binds): string {
  const at = address === undefined ? String(port) : `${address}:${port}`;
  const name = nameOf(endpoint);
  if (fallback) return `${name} takes ${at} unless ${variable ?? 'something'} says otherwise`;
  if (inside !== undefined) return `${name} is published at ${at}`;
  return by === 'env-example'
    ? `${name} is given ${variable ?? 'the port'} ${at} by the example`
    : `${name} is given ${at}`;
}

export function stated(fact: PortFact, name: string): string {
  switch (fact.kind) {
    case 'binds':
      return fact.fallback ? `${name} defaults to ${fact.port}` : `${name} is given ${fact.port}`;
    case 'internal':
      return `${name} listens on ${fact.port} inside its container`;
    case 'states':
      if (fact.planned) return `${name} is planned for ${fact.port}`;
      return fact.health ? `the health check of ${name} is at ${fact.port}` : `${name} has ${fact.port}`;
    case 'refers':
      return `${fact.health ? 'health check' : name} at ${fact.url ?? `${fact.host}:${fact.port}`}`;
  }
}

export function inOneFile(facts: readonly Pick<PortFact, 'place'>[]): boolean {
  return new Set(facts.map(({ place }) => place.file)).size === 1;
}

export function evidenceOf({ place, why }: Pick<PortFact, 'place' | 'why'>, says: string): Witness {
  return { place, says: why ? `${says} (${why})` : says };
}

/** `write 3010 in docs/ports.md:14`, or with how many more. */
export function writeFix(port: number, places: readonly Place[]): string {
  const [first, ...rest] = places;
  const more = rest.length === 0 ? '' : ` and ${rest.length} more ${rest.length === 1 ? 'place' : 'places'}`;
  return `write ${port} in ${first ? formatPlace(first) : 'it'}${more}; portolan plan --write does it`;
}

/** What gives the endpoint this port: what starts it first. */
export function witnessesOf(chart: Chart, endpoint: Charted, port: number): Witness[] {
  const name = nameOf(endpoint);
  const place = chart.written(['services', endpoint.service, 'endpoints', endpoint.label, 'port']);
  const files = [...endpoint.binds, ...endpoint.states]
    .filter((fact) => fact.port === port)
    .map((fact) => evidenceOf(fact, stated(fact, name)));
  const plan = place && endpoint.port === port ? [{ place, says: `${name} has ${port}` }] : [];
  return [...files, ...plan].slice(0, 5);
}

export function rangeWitness(chart: Chart, name: string, ports: Interval): Witness[] {
  const place = chart.written(['ranges', name, 'ports']);
  return place ? [{ place, says: `range ${name}: ${formatInterval(ports)}` }] : [];
}
