import { type Obstacle, type ReserveRequest, readRangeChoice } from './api.ts';
import type { Assignment } from './assignment.ts';
import { canonicalListener } from './canonical.ts';
import type { Fleet } from './fleet.ts';
import type { Host } from './host.ts';
import { formatEndpoint, type ServiceId, serviceId } from './identity.ts';
import { contains, formatInterval } from './interval.ts';
import { HIGHEST_PORT, type Interval, type Protocol, protocols } from './port.ts';
import { isContainerInternal } from './port-facts.ts';
import { PortolanError } from './portolan-error.ts';
import { likeness } from './proof.ts';
import { type Block, DEFAULT_RANGE, LINUX_EPHEMERAL, type Range, SYSTEM_BLOCK } from './range.ts';

/** Who asks for a port: what is its own is no obstacle. */
export interface Asker {
  readonly project: string;
  readonly service: string;
  /** `auto`: a new one, so that whatever else is of its service is another's. */
  readonly instance: number | 'auto';
  readonly labels: readonly string[];
}

/** What keeps the asker from the port, on any protocol; `null` when it may have it. */
export function obstacleTo(fleet: Fleet, asker: Asker, port: number, protocol: Protocol): Obstacle | null {
  return (
    blocked(rulesOf(fleet), port, protocol) ??
    assigned(fleet, asker, port, protocol) ??
    resting(fleet, asker, port) ??
    observed(fleet, asker, port)
  );
}

/** What operators laid down about ports. */
export interface PortRules {
  readonly blocks: readonly Block[];
  readonly ranges: readonly Range[];
}

export function rulesOf(fleet: Fleet): PortRules {
  return {
    blocks: Array.from(fleet.all('block'), ({ value }) => value),
    ranges: Array.from(fleet.all('range'), ({ value }) => value),
  };
}

/** The rule that keeps everybody from the port. */
export function blocked({ blocks, ranges }: PortRules, port: number, protocol: Protocol): Obstacle | null {
  const block = [SYSTEM_BLOCK, ...blocks].find(
    (block) => contains(block, port) && (block.protocol === null || block.protocol === protocol),
  );
  if (block) return { port, reason: 'blocked', detail: `port ${port} is blocked: ${block.reason}`, by: null };
  const range = ranges.find((range) => range.policy === 'blocked' && contains(range, port));
  if (!range) return null;
  return {
    port,
    reason: 'blocked',
    detail: `port ${port} is in the blocked range ${range.name}: ${range.purpose}`,
    by: null,
  };
}

function assigned(fleet: Fleet, asker: Asker, port: number, protocol: Protocol): Obstacle | null {
  for (const each of protocols) {
    const assignment = fleet.assignment(each, port)?.value;
    // A service may have one number on both protocols, as DNS does; anybody else keeps away from both.
    if (!assignment || isOwn(asker, assignment, each === protocol)) continue;
    const owner = formatEndpoint(assignment.endpoint);
    return {
      port,
      reason: 'assigned',
      detail: `${each} port ${port} is assigned to ${owner}`,
      by: serviceId(assignment.endpoint),
    };
  }
  return null;
}

function isOwn(asker: Asker, { endpoint }: Assignment, sameProtocol: boolean): boolean {
  if (!isSibling(asker, serviceId(endpoint))) return false;
  return !sameProtocol || (endpoint.instance === asker.instance && asker.labels.includes(endpoint.label));
}

type Sibling = Pick<Asker, 'project' | 'service'> & Partial<Pick<Asker, 'instance'>>;

/** Whether what is of a service may be the asker's own. */
function isSibling(asker: Sibling, service: ServiceId): boolean {
  return asker.instance !== 'auto' && service === serviceId(asker);
}

/** A port that rests for the sake of another service. */
export function resting(fleet: Fleet, asker: Sibling, port: number): Obstacle | null {
  for (const protocol of protocols) {
    const rest = fleet.resting(protocol, port)?.value;
    if (!rest || isSibling(asker, serviceId(rest.endpoint))) continue;
    const owner = formatEndpoint(rest.endpoint);
    const detail = `port ${port} rests until ${rest.until}: the lease of ${owner} ended (${rest.reason}) and its process may still live`;
    return { port, reason: 'resting', detail, by: serviceId(rest.endpoint) };
  }
  return null;
}

/** Another service, or somebody unknown, who is seen on the port; not who is perhaps the asker itself. */
export function observed(fleet: Fleet, asker: Sibling, port: number): Obstacle | null {
  for (const protocol of protocols) {
    for (const { value: listener } of fleet.listeners(protocol, port)) {
      if (isContainerInternal(listener)) continue;
      const service = listener.identity?.service ?? null;
      const { identity } = canonicalListener(fleet, listener);
      const isOwn = identity && likeness(identity, fleet.canonical(serviceId(asker))) !== 'other';
      if (isOwn && asker.instance !== 'auto') continue;
      const host = fleet.host(listener.host)?.name ?? listener.host;
      const who = service ?? listener.process?.command ?? 'a process that cannot be identified';
      const pid = listener.process ? ` (pid ${listener.process.pid})` : '';
      return {
        port,
        reason: 'observed',
        detail: `${who}${pid} listens on ${protocol} port ${port} on ${host}`,
        by: service,
      };
    }
  }
  return null;
}

/** Where a request may be given a port, and where it had better not be. */
export interface Field {
  readonly intervals: readonly Interval[];
  /** Ports that hosts take outgoing ports from: only when nothing else is left. */
  readonly avoid: readonly Interval[];
  /** For messages: `range 41000-41399`, `the block of project shop (5000-5099)`. */
  readonly name: string;
  /** A project's own block is filled from below; elsewhere many allocate at once, so each begins at a place of its own. */
  readonly order: 'lowest' | 'spread';
}

/** @throws PortolanError `unknown-range`, `forbidden` for the range of another project */
export function fieldOf(
  fleet: Fleet,
  request: Pick<ReserveRequest, 'project' | 'port' | 'preferred' | 'range' | 'order'>,
  { ranges }: Pick<PortRules, 'ranges'> = rulesOf(fleet),
): Field {
  const ephemeral = fleet.ephemeralRanges;
  const avoid = ephemeral.length > 0 ? ephemeral : [LINUX_EPHEMERAL];
  const foreign = ranges.filter(({ owner }) => owner !== null && owner !== request.project);

  const from = request.port ?? request.preferred;
  const upward = from === undefined ? undefined : { from, to: HIGHEST_PORT };
  const chosen = request.range === undefined ? upward : readRangeChoice(request.range);
  if (chosen === undefined) {
    const own = ranges.filter(({ owner, policy }) => owner === request.project && policy === 'allocate');
    if (own.length > 0) {
      const name = `the block of project ${request.project} (${own.map(formatInterval).join(', ')})`;
      const intervals = own.sort((a, b) => a.from - b.from).flatMap(openPart);
      return { intervals, avoid, name, order: request.order ?? 'lowest' };
    }
    const dynamic = ranges.filter(({ owner, policy }) => owner === null && policy === 'dynamic');
    const open = dynamic.length > 0 ? dynamic : [DEFAULT_RANGE];
    const intervals = foreign.reduce<Interval[]>(without, open.flatMap(openPart));
    return {
      intervals,
      avoid,
      name: `the range ${open.map(formatInterval).join(', ')}`,
      order: request.order ?? 'spread',
    };
  }
  if (typeof chosen === 'string') {
    const range =
      ranges.find(({ name }) => name === chosen) ?? (chosen === DEFAULT_RANGE.name ? DEFAULT_RANGE : undefined);
    if (!range) throw unknownRange(chosen, ranges);
    if (range.owner !== null && range.owner !== request.project) throw ownedByOther(range, request.project);
    return {
      intervals: openPart(range),
      avoid,
      name: `the range ${range.name} (${formatInterval(range)})`,
      order: request.order ?? 'lowest',
    };
  }
  const intervals = foreign.reduce<Interval[]>(without, [chosen]);
  return { intervals, avoid, name: `the range ${formatInterval(chosen)}`, order: request.order ?? 'spread' };
}

/**
 * The field without what the operator of the host reserved in its kernel, which was perhaps for something else. A field
 * that lies in it as a whole stays as it is: then it was reserved for this.
 */
export function openOn(host: Pick<Host, 'kernelReserved'> | undefined, field: Field): Field {
  const intervals = (host?.kernelReserved ?? []).reduce<readonly Interval[]>(without, field.intervals);
  return intervals.length > 0 ? { ...field, intervals } : field;
}

/** What of a range is not kept for growth. */
function openPart(range: Range): Interval[] {
  return (range.reserved ?? []).reduce<Interval[]>(without, [range]);
}

function unknownRange(name: string, ranges: readonly Range[]): PortolanError {
  const [, from, to] = /^(\d{1,5})-(\d{1,5})$/.exec(name) ?? [];
  if (from !== undefined && to !== undefined) {
    const wanted = Number(from) > Number(to) ? `the lower port first: ${to}-${from}` : 'ports from 1 to 65535';
    return new PortolanError('invalid-request', `${name} is no range of ports: write ${wanted}`);
  }
  const known = ranges.map((range) => range.name);
  const hint = known.length > 0 ? `known are ${known.join(', ')}` : 'none is defined yet';
  return new PortolanError(
    'unknown-range',
    `there is no range named ${name}; ${hint}; or write the ports, such as 41000-41399`,
    { known },
  );
}

function ownedByOther(range: Range, project: string): PortolanError {
  return new PortolanError(
    'forbidden',
    `the range ${range.name} belongs to project ${range.owner}, not to ${project}; ask its owner, or choose another range`,
    { range: range.name, owner: range.owner },
  );
}

/** The intervals without the ports of `hole`. */
export function without(intervals: readonly Interval[], hole: Interval): Interval[] {
  return intervals.flatMap((interval) => {
    if (hole.to < interval.from || hole.from > interval.to) return [interval];
    const parts: Interval[] = [];
    if (interval.from < hole.from) parts.push({ from: interval.from, to: hole.from - 1 });
    if (interval.to > hole.to) parts.push({ from: hole.to + 1, to: interval.to });
    return parts;
  });
}
