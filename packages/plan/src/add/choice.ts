import { contains, formatInterval, type Interval, PortolanError } from '@portolan/model';
import type { Chart } from '../check/chart.ts';
import { stemOf } from '../check/pairing.ts';
import { blocksOf, ownRanges, rangeAt } from '../check/range.ts';
import { portsOf } from '../reorganise/field.ts';
import type { NewService } from './addition.ts';

export interface Choice {
  readonly port: number;
  /** Name of its range, where it is in one. */
  readonly range: string | null;
  /** How it was chosen, for a person. */
  readonly why: string;
}

/**
 * The port of a new service by the rules of the plan: within its range, the lowest that leaves no gap, with the last
 * digits of its partner, neither blocked nor reserved, nobody's now or by a plan.
 *
 * @param avoid ports that others are seen on or were promised
 * @throws PortolanError `port-taken`, `port-blocked`, `range-exhausted`, `invalid-request` when the range has to be named
 */
export function choosePort(chart: Chart, wanted: NewService, avoid: ReadonlySet<number>): Choice {
  if (wanted.port !== undefined) return exactly(chart, wanted.port, wanted.name, avoid);
  const [name, range] = rangeFor(chart, wanted);
  const partner = partnerOf(chart, wanted.name, range.ports);
  const used = usedPorts(chart);
  const slots = portsOf(range.ports).filter((port) => obstacleTo(chart, port) === undefined);
  const free = slots.filter((port) => !used.has(port) && !avoid.has(port));
  const fitting = partner ? free.filter((port) => port % partner.modulus === partner.port % partner.modulus) : free;
  const here = slots.filter((port) => used.has(port));
  const first = range.contiguous && here.length > 0 ? fitting.find((port) => port > here[0]!) : fitting[0];
  const port = first ?? fitting.at(-1);
  if (port === undefined) {
    const because = partner ? ` with the last digits of ${partner.service} (${partner.port})` : '';
    const kept = range.reserved.map(({ ports }) => formatInterval(ports)).join(', ');
    throw new PortolanError(
      'range-exhausted',
      `The range ${name} (${formatInterval(range.ports)}${kept ? `, of which ${kept} reserved` : ''}) has no free port${because} for ${wanted.name}. Name another with --range, or a port with --port`,
      { range: name },
    );
  }
  const like = partner ? `, with the last digits of ${partner.service} (${partner.port})` : '';
  return { port, range: name, why: `the ${range.contiguous ? 'next' : 'lowest free'} port of range ${name}${like}` };
}

function exactly(chart: Chart, port: number, service: string, avoid: ReadonlySet<number>): Choice {
  const owner = chart.endpoints.find(
    (each) => (each.port === port || each.planned === port) && each.service !== service,
  );
  if (owner)
    throw new PortolanError('port-taken', `Port ${port} belongs to ${owner.service}`, { port, owner: owner.service });
  if (avoid.has(port)) {
    throw new PortolanError('port-taken', `Port ${port} is in use in the fleet: "portolan who ${port}" tells by whom`, {
      port,
    });
  }
  const obstacle = obstacleTo(chart, port);
  if (obstacle) throw new PortolanError('port-blocked', `Port ${port} cannot be used: ${obstacle}`, { port });
  return { port, range: rangeAt(chart.manifest, port)?.[0] ?? null, why: 'as asked for' };
}

function obstacleTo({ manifest }: Chart, port: number): string | undefined {
  const block = blocksOf(manifest).find(({ ports }) => contains(ports, port));
  if (block) return `it is blocked: ${block.reason}`;
  for (const [name, { ports, owner, reserved }] of Object.entries(manifest.ranges)) {
    if (owner !== null && owner !== manifest.project && contains(ports, port))
      return `it belongs to ${owner} (range ${name})`;
    const part = reserved.find((each) => contains(each.ports, port));
    if (part) return `it is reserved in range ${name}: ${part.reason}`;
  }
  return undefined;
}

/** The range that is named, that of the partner's rule, that of the service to be like, that of its namesakes, the only one. */
function rangeFor(chart: Chart, { name, range, like }: NewService) {
  const { manifest } = chart;
  const own = ownRanges(manifest);
  const named = range === undefined ? undefined : own.find(([each]) => each === range);
  if (named) return named;
  const list = own
    .map(([each, { ports, purpose }]) => `  ${each} (${formatInterval(ports)})${purpose ? `: ${purpose}` : ''}`)
    .join('\n');
  if (range !== undefined) {
    throw new PortolanError(
      'unknown-range',
      `There is no range ${range} that ${manifest.project} may use. There are:\n${list}`,
      { range },
    );
  }
  const model = like === undefined ? undefined : chart.ofService(like).find(({ port }) => port !== null);
  const beside = model && own.find(([, { ports }]) => contains(ports, model.port!));
  if (beside) return beside;
  const kind = name.includes('-') ? name.slice(name.lastIndexOf('-')) : undefined;
  const namesakes =
    kind === undefined ? [] : chart.endpoints.filter(({ service, port }) => port !== null && service.endsWith(kind));
  const ranked = own
    .map((each) => ({ each, count: namesakes.filter(({ port }) => contains(each[1].ports, port!)).length }))
    .sort((a, b) => b.count - a.count);
  if (ranked[0] && ranked[0].count > (ranked[1]?.count ?? 0)) return ranked[0].each;
  if (own.length === 1) return own[0]!;
  throw new PortolanError(
    'invalid-request',
    own.length === 0
      ? `The plan has no range for ${manifest.project}: name a port with --port`
      : `Where ${name} belongs is not known: name a range with --range, or a service that it is like with --like. There are:\n${list}`,
  );
}

/** Who shares its last digits by a rule: `chat-server` for a new `chat-web`. */
function partnerOf(
  chart: Chart,
  name: string,
  range: Interval,
): { service: string; port: number; modulus: number } | undefined {
  for (const { first, second, digits, strict, pairs } of chart.manifest.pairings) {
    const other = overlaps(range, first) ? second : overlaps(range, second) ? first : undefined;
    if (!other || !strict) continue;
    const paired = pairs.find((pair) => pair.includes(name))?.find((each) => each !== name);
    const partner = chart.endpoints.find(
      ({ service, port }) =>
        port !== null &&
        contains(other, port) &&
        (paired === undefined ? service !== name && stemOf(service) === stemOf(name) : service === paired),
    );
    if (partner) return { service: partner.service, port: partner.port!, modulus: 10 ** digits };
  }
  return undefined;
}

function usedPorts(chart: Chart): ReadonlySet<number> {
  const ports = chart.endpoints.flatMap(({ port, planned, binds }) => [
    port,
    planned,
    ...binds.map((fact) => fact.port),
  ]);
  return new Set(ports.filter((port) => port !== null));
}

function overlaps(a: Interval, b: Interval): boolean {
  return a.from <= b.to && b.from <= a.to;
}
