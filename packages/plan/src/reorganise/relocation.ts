import { contains, formatInterval, PortolanError } from '@portolan/model';
import { type Chart, type Charted, nameOf } from '../check/chart.ts';
import { type Pairing, stemOf } from '../check/pairing.ts';
import { blocksOf } from '../check/range.ts';
import { type Field, fieldOf, portsOf } from './field.ts';
import { inOrder, type Step } from './order.ts';
import { type Item, type Link, place, type Run } from './placement.ts';

export interface Wishes {
  /** Ports that endpoints shall have, by `service` or `service:label`. */
  readonly targets: ReadonlyMap<string, number>;
  /** Whether the ports that documents plan are the targets. Without: the fewest moves, whatever was planned. */
  readonly planned: boolean;
  /** Ports that others are seen on or were promised, which are therefore not given. */
  readonly avoid: ReadonlySet<number>;
}

/** A service whose port changes: one endpoint, or several that share the number. */
export interface Relocation {
  readonly id: string;
  readonly endpoints: readonly Charted[];
  readonly from: number;
  readonly to: number;
}

export interface Relocations {
  readonly moves: readonly Relocation[];
  /** In an order in which no step collides. */
  readonly steps: readonly Step[];
  /** How many keep their port. */
  readonly kept: number;
  /** No set of moves that does the same is smaller. */
  readonly bound: number;
  /** Rules that could not be met together with the others. */
  readonly dropped: readonly string[];
}

/** Endpoints of one service that share their number, and so move together. */
interface Unit {
  readonly id: string;
  readonly endpoints: readonly Charted[];
  readonly field: Field;
}

/** UDP has a port space of its own, beside that of TCP; digits stay the same. */
const UDP = 100_000;

/**
 * The fewest moves after which everybody has a port of its own within the rules.
 *
 * @throws PortolanError `range-exhausted` when a range is too small, `invalid-request` for targets of nobody
 */
export function relocate(chart: Chart, wishes: Wishes): Relocations {
  const dropped: string[] = [];
  const opened = new Set<string>();
  let units = unitsOf(chart, wishes, opened);
  let items = units.map(itemOf);
  let links = linksOf(chart, units);
  let runs = runsOf(chart, units, opened);
  for (;;) {
    const placed = place({ items, links, runs });
    if (!('impossible' in placed)) {
      const moves = units
        .map(({ id, endpoints }) => ({ id, endpoints, from: endpoints[0]!.port!, to: placed.ports.get(id)! % UDP }))
        .filter(({ from, to }) => from !== to);
      const steps = inOrder(moves, sparePorts(chart, units, moves, wishes.avoid));
      return { moves, steps, kept: units.length - moves.length, bound: placed.bound, dropped };
    }
    const stuck = new Set(placed.impossible);
    const strained = runs.find(({ members }) => members.some((id) => stuck.has(id)));
    const torn = links.find(({ a, b }) => stuck.has(a) || stuck.has(b));
    const full = units
      .filter(({ id }) => stuck.has(id))
      .map(({ field }) => field.range)
      .find((range) => range !== null && !opened.has(range) && chart.manifest.ranges[range]?.reserved.length);
    if (full) {
      opened.add(full);
      units = unitsOf(chart, wishes, opened);
      items = units.map(itemOf);
      links = linksOf(chart, units);
      runs = runsOf(chart, units, opened);
      dropped.push(`range ${full} is full without what is reserved in it for growth`);
    } else if (strained) {
      runs = runs.filter((run) => run !== strained);
      dropped.push(`the ports of ${rangeOf(units, strained)} do not follow on one another`);
    } else if (torn) {
      links = links.filter((link) => link !== torn);
      dropped.push(`${torn.a} and ${torn.b} do not share their last digits`);
    } else {
      throw exhausted(units.filter(({ id }) => stuck.has(id)));
    }
  }
}

function unitsOf(chart: Chart, { targets, planned, avoid }: Wishes, opened: ReadonlySet<string>): Unit[] {
  const placed = chart.endpoints.filter(({ port }) => port !== null);
  // Who does not run yet has a plan, too.
  const promised = chart.endpoints.flatMap(({ port, planned: later }) =>
    port === null && later !== null ? [later] : [],
  );
  const taken = new Set([...avoid, ...promised]);
  for (const [name] of targets) {
    if (placed.some((endpoint) => answersTo(endpoint, name))) continue;
    throw new PortolanError('invalid-request', `There is no endpoint ${name} with a port in the plan`, { name });
  }
  const shared = Map.groupBy(placed, ({ service, port }) => `${service} ${port}`);
  return Array.from(shared.values(), (endpoints) => {
    const [first] = endpoints as [Charted];
    const wanted = endpoints.flatMap((endpoint) =>
      Array.from(targets).flatMap(([name, port]) => (answersTo(endpoint, name) ? [port] : [])),
    );
    const target = wanted[0] ?? (planned ? (endpoints.find((each) => each.planned !== null)?.planned ?? null) : null);
    const fields = endpoints.map((endpoint) => fieldOf(chart, endpoint, target, taken, opened));
    const ports = fields[0]!.ports.filter((port) => fields.every((field) => field.ports.includes(port)));
    const offset = endpoints.every(({ protocol }) => protocol === 'udp') ? UDP : 0;
    return { id: nameOf(first), endpoints, field: { ...fields[0]!, ports: ports.map((port) => port + offset) } };
  });
}

function answersTo({ service, label, of }: Charted, name: string): boolean {
  return name === `${service}:${label}` || (name === service && Object.keys(of.endpoints).length === 1);
}

function itemOf({ id, endpoints, field }: Unit): Item {
  const [{ port }] = endpoints as [Charted];
  const now = port! + (endpoints.every((each) => each.protocol === 'udp') ? UDP : 0);
  const places = endpoints.reduce(
    (sum, { binds, states, refers }) => sum + binds.length + states.length + refers.length,
    0,
  );
  return { id, now, allowed: field.ports, weight: Math.min(places, 1000) };
}

/** Pairs of the strict rules, by where their services are to be in the end. */
function linksOf(chart: Chart, units: readonly Unit[]): Link[] {
  return chart.manifest.pairings.filter(({ strict }) => strict).flatMap((pairing) => linked(pairing, units));
}

function linked({ first, second, digits, pairs }: Pairing, units: readonly Unit[]): Link[] {
  const within = (interval: { from: number; to: number }) => (unit: Unit) =>
    unit.field.ports.length > 0 && unit.field.ports.every((port) => contains(interval, port % UDP));
  const modulus = 10 ** digits;
  if (pairs.length > 0) {
    return pairs.flatMap(([a, b]) => {
      const one = units.filter(({ endpoints }) => endpoints[0]!.service === a);
      const other = units.filter(({ endpoints }) => endpoints[0]!.service === b);
      const [left, right] = [one.find(within(first)) ?? one[0], other.find(within(second)) ?? other[0]];
      return left && right ? [{ a: left.id, b: right.id, modulus }] : [];
    });
  }
  const stems = Map.groupBy(units, ({ endpoints }) => stemOf(endpoints[0]!.service));
  return [...stems.values()].flatMap((group) => {
    const ones = group.filter(within(first));
    const others = group.filter(within(second));
    return ones.length === 1 && others.length === 1 ? [{ a: ones[0]!.id, b: others[0]!.id, modulus }] : [];
  });
}

function runsOf({ manifest }: Chart, units: readonly Unit[], opened: ReadonlySet<string>): Run[] {
  const kept = blocksOf(manifest).map(({ ports }) => ports);
  return Object.entries(manifest.ranges)
    .filter(([, { contiguous }]) => contiguous)
    .flatMap(([name, { ports, reserved }]) => {
      const members = units.filter(({ field }) => field.range === name).map(({ id }) => id);
      const slots = portsOf(ports).filter(
        (port) =>
          !kept.some((each) => contains(each, port)) &&
          (opened.has(name) || !reserved.some((each) => contains(each.ports, port))),
      );
      return members.length > 1 ? [{ members, slots }] : [];
    });
}

/** Ports to stop at on the way: nobody's now or after, near those that move. */
function sparePorts(
  chart: Chart,
  units: readonly Unit[],
  moves: readonly Relocation[],
  avoid: ReadonlySet<number>,
): number[] {
  const busy = new Set([...avoid, ...moves.map(({ to }) => to), ...chart.endpoints.map(({ port }) => port)]);
  const near = units.filter(({ id }) => moves.some((move) => move.id === id)).flatMap(({ field }) => field.ports);
  const isBlocked = (port: number) => blocksOf(chart.manifest).some(({ ports }) => contains(ports, port));
  const dynamic = Object.values(chart.manifest.ranges)
    .filter(({ policy }) => policy === 'dynamic')
    .flatMap(({ ports }) => portsOf(ports));
  const anywhere = portsOf({ from: 20_000, to: 29_999 });
  return [...new Set([...near.map((port) => port % UDP), ...dynamic, ...anywhere])].filter(
    (port) => !busy.has(port) && !isBlocked(port),
  );
}

function rangeOf(units: readonly Unit[], { members }: Run): string {
  return `range ${units.find(({ id }) => id === members[0])?.field.range}`;
}

function exhausted(units: readonly Unit[]): PortolanError {
  const names = units.map(({ id }) => id);
  const ports = [...new Set(units.flatMap(({ field }) => field.ports))].sort((a, b) => a - b);
  const [low, high] = [ports[0], ports.at(-1)];
  const where =
    low === undefined
      ? 'no port'
      : `only ${ports.length} ports (${formatInterval({ from: low % UDP, to: high! % UDP })})`;
  return new PortolanError(
    'range-exhausted',
    `There is no place for all of ${names.slice(0, 8).join(', ')}${names.length > 8 ? ` and ${names.length - 8} more` : ''}: the rules leave them ${where}. Widen a range in portolan.yaml, or lift a block or a reservation`,
    { services: names },
  );
}
