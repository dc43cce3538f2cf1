import { contains, formatInterval } from '@portolan/model';
import type { BlockedFact } from '../fact.ts';
import { type Chart, type Charted, nameOf } from './chart.ts';
import type { PlanFinding } from './finding.ts';
import { blocksOf, ownRanges, rangeAt, wantedRange } from './range.ts';
import { evidenceOf, MOVE, rangeWitness, witnessesOf } from './words.ts';

const UNDER_WAY = 'the ranges are those of a reorganisation that is still to come';

/** Endpoints that are where they should not be: a blocked port, another project's ports, outside of their range. */
export function misplacements(chart: Chart): PlanFinding[] {
  const found = chart.endpoints.flatMap((endpoint) => misplaced(chart, endpoint));
  const told = new Set(found.filter(({ kind }) => kind === 'blocked-port').map(({ port }) => port));
  return [...found, ...occupiedBlocks(chart).filter(({ port }) => !told.has(port))];
}

function misplaced(chart: Chart, endpoint: Charted): PlanFinding[] {
  const { manifest } = chart;
  const { port } = endpoint;
  const found: PlanFinding[] = [];
  for (const claimed of claimedPorts(endpoint)) {
    const block = blocksOf(manifest).find(
      ({ ports, protocol }) => contains(ports, claimed) && (protocol === null || protocol === endpoint.protocol),
    );
    if (!block) continue;
    const place = chart.written(block.path) ?? blockFact(chart, claimed)?.place;
    found.push({
      ...about('blocked-port', 'error', endpoint, claimed),
      summary: `${nameOf(endpoint)} has ${endpoint.protocol} port ${claimed}, which is blocked: ${block.reason}.`,
      witnesses: [
        ...witnessesOf(chart, endpoint, claimed),
        ...(place ? [{ place, says: `${formatInterval(block.ports)} is blocked: ${block.reason}` }] : []),
      ],
      fixes: [MOVE, 'or lift the block, if its reason no longer holds'],
    });
  }
  if (port === null || found.some((finding) => finding.port === port)) return found;

  const kept = Object.entries(manifest.ranges)
    .flatMap(([name, { reserved }]) => reserved.map((part, index) => ({ name, index, ...part })))
    .find(({ ports }) => contains(ports, port));
  if (kept && endpoint.planned === null) {
    const place = chart.written(['ranges', kept.name, 'reserved', kept.index, 'ports']);
    found.push({
      ...about('out-of-range', 'warning', endpoint, port),
      ...(isUnderWay(chart) && { doubt: UNDER_WAY }),
      summary: `${nameOf(endpoint)} has port ${port}, which is reserved in range ${kept.name}: ${kept.reason}.`,
      witnesses: [
        ...witnessesOf(chart, endpoint, port),
        ...(place ? [{ place, says: `${formatInterval(kept.ports)} is reserved` }] : []),
      ],
      fixes: [MOVE, `or take the reservation out, if it is for ${endpoint.service}`],
    });
    return found;
  }
  const wanted = wantedRange(manifest, endpoint);
  const [at, range] = rangeAt(manifest, port) ?? [];
  if (range?.owner && range.owner !== manifest.project) {
    found.push({
      ...about('wrong-block', 'error', endpoint, port),
      summary: `${nameOf(endpoint)} has port ${port}, which belongs to ${range.owner} (range ${at}, ${formatInterval(range.ports)}).`,
      witnesses: [...witnessesOf(chart, endpoint, port), ...rangeWitness(chart, at!, range.ports)],
      fixes: [MOVE, `or ask ${range.owner} for the port`],
    });
  } else if (wanted ? !contains(wanted.ports, port) : isStray(chart, endpoint)) {
    const where = wanted
      ? `the range ${wanted.name} (${formatInterval(wanted.ports)})`
      : `all ranges of ${manifest.project}`;
    found.push({
      ...about('out-of-range', 'warning', endpoint, port),
      ...(!wanted && isUnderWay(chart) && { doubt: UNDER_WAY }),
      summary: `${nameOf(endpoint)} has port ${port}, outside of ${where}.`,
      witnesses: [
        ...witnessesOf(chart, endpoint, port),
        ...(wanted ? rangeWitness(chart, wanted.name, wanted.ports) : []),
      ],
      fixes: [MOVE, 'or widen the range in portolan.yaml'],
    });
  }
  return found;
}

/** The port that it has, and those that documents and files that start it give it. */
function claimedPorts({ port, binds, states }: Charted): number[] {
  return [
    ...new Set([
      ...(port === null ? [] : [port]),
      ...binds.filter(({ fallback }) => !fallback).map((fact) => fact.port),
      ...states.filter(({ planned, internalOnly }) => !planned && !internalOnly).map((fact) => fact.port),
    ]),
  ];
}

/**
 * A plan with ranges says where all ports are to be; ranges that were read out of documents do not. Who is planned for
 * another port is a matter of drift.
 */
function isStray({ manifest, drafted }: Chart, { port, planned }: Charted): boolean {
  const own = ownRanges(manifest);
  return (
    !drafted &&
    port !== null &&
    planned === null &&
    port > 1023 &&
    own.length > 0 &&
    !own.some(([, { ports }]) => contains(ports, port))
  );
}

/** Many services have a port that they are to give up: so it is of the ranges, too, that they are for later. */
function isUnderWay({ endpoints }: Chart): boolean {
  const ported = endpoints.filter(({ port }) => port !== null);
  return ported.filter(({ port, planned }) => planned !== null && planned !== port).length * 3 > ported.length;
}

/** A table of blocked ports may itself say that one is in use against the rule. */
function occupiedBlocks(chart: Chart): PlanFinding[] {
  return chart.facts.flatMap((fact) => {
    if (
      fact.kind !== 'blocked' ||
      fact.from !== fact.to ||
      !/\b(occupied|in use|conflict|belegt|besetzt|konflikt)\b/iu.test(fact.reason)
    )
      return [];
    const user = fact.names[0]?.name;
    return [
      {
        id: `blocked-port::${fact.from}`,
        kind: 'blocked-port' as const,
        severity: 'warning' as const,
        port: fact.from,
        protocol: 'tcp' as const,
        services: fact.service ? [fact.service] : [],
        summary: `Port ${fact.from} is blocked, and ${user ? `"${user}" is said to use it` : 'said to be in use'}: ${fact.reason}.`,
        witnesses: [evidenceOf(fact, `${fact.from} is blocked: ${fact.reason}`)],
        fixes: [`portolan who ${fact.from} (tells who it is), then move it or lift the block`],
      },
    ];
  });
}

function about(kind: PlanFinding['kind'], severity: PlanFinding['severity'], endpoint: Charted, port: number) {
  const { service, label, protocol } = endpoint;
  return { id: `${kind}:${service}:${label}:${port}`, kind, severity, port, protocol, services: [service] };
}

function blockFact({ facts }: Chart, port: number): BlockedFact | undefined {
  return facts.find((fact) => fact.kind === 'blocked' && contains(fact, port)) as BlockedFact | undefined;
}
