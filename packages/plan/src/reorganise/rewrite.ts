import type { Chart, Charted } from '../check/chart.ts';
import type { PlanFinding } from '../check/finding.ts';
import type { Edit } from '../edit/splice.ts';
import { isPortFact, type Place, type PortFact } from '../fact.ts';

/** Digits to be replaced. */
export interface Rewrite {
  readonly place: Place;
  readonly from: number;
  readonly to: number;
}

/**
 * Every place that has to be rewritten for an endpoint to have this port: where its present port stands, and where the
 * findings say that another stands in error. Digits alone: no name, no comment, no order of rows.
 */
export function rewritesOf(chart: Chart, endpoint: Charted, to: number, findings: readonly PlanFinding[]): Rewrite[] {
  const { service, label, port, binds, states, refers, internals } = endpoint;
  const isMirrored = mirrors(chart, endpoint);
  const plan = chart.written(['services', service, 'endpoints', label, 'port']);
  const own = [
    ...binds,
    ...states,
    ...refers.filter(({ scope }) => scope === 'host' || isMirrored),
    ...(isMirrored ? [...internals, ...insideOf(chart, endpoint)] : []),
    ...addressedByPort(chart, endpoint),
  ].filter((fact) => fact.port === port);
  const mended = findings
    .filter(({ mends, doubt }) => doubt === undefined && mends?.service === service && mends.label === label)
    .flatMap(({ mends }) => mends!.places);
  const rewrites = [...own, ...mended].map((each) => ({ place: each.place, from: each.port, to }));
  if (plan && endpoint.plan.port === port) rewrites.push({ place: plan, from: port!, to });
  rewrites.push(...healthRewrite(chart, endpoint, to));
  const seen = new Set<string>();
  return rewrites.filter(({ place: { file, offset }, from }) => {
    const key = `${file}:${offset}`;
    return from !== to && !seen.has(key) && seen.add(key);
  });
}

/**
 * Whether the service listens inside its container on the number that it is published at, by a setting of its own: then
 * both move together. The port inside a foreign image stays what it is.
 */
function mirrors(chart: Chart, { service, port, binds }: Charted): boolean {
  const published = binds.filter(({ inside }) => inside !== undefined);
  if (published.length > 0 && !published.some(({ inside }) => inside === port)) return false;
  return chart.facts.some(
    (fact) =>
      isPortFact(fact) &&
      fact.service === service &&
      fact.port === port &&
      ((fact.kind === 'internal' && (fact.variable !== undefined || fact.importer !== 'compose')) ||
        (fact.kind === 'binds' && fact.inside === undefined)),
  );
}

/** Ports inside the service's containers that name no endpoint, or another one. */
function insideOf(chart: Chart, { service, port }: Charted): PortFact[] {
  return chart.facts.filter(
    (fact): fact is PortFact => fact.kind === 'internal' && fact.service === service && fact.port === port,
  );
}

/** References to a port of this machine that name nobody: they mean its only holder. */
function addressedByPort(chart: Chart, { port, service }: Charted): PortFact[] {
  if (chart.endpoints.some((other) => other.port === port && other.service !== service)) return [];
  return chart.facts.filter(
    (fact): fact is PortFact =>
      fact.kind === 'refers' &&
      fact.service === undefined &&
      fact.scope === 'host' &&
      fact.sure !== 'unsure' &&
      fact.port === port,
  );
}

/** The port in the URL of the plan's health check, when it is the endpoint's own or in error. */
function healthRewrite(chart: Chart, { plan, service, label, port }: Charted, to: number): Rewrite[] {
  const place = chart.written(['services', service, 'endpoints', label, 'health']);
  const [before, digits] = /^(https?:\/\/[^/:]+:)(\d+)/.exec(plan.health ?? '')?.slice(1) ?? [];
  if (!place || place.length !== plan.health!.length || !before || !digits) return [];
  const asked = Number(digits);
  if (asked !== port && chart.ofService(service).some((other) => other.port === asked)) return [];
  const shift = before.length;
  return [
    {
      place: { ...place, offset: place.offset + shift, column: place.column + shift, length: digits.length },
      from: asked,
      to,
    },
  ];
}

/** What cannot be done by replacing digits, with the reason. */
export interface Obstacle {
  readonly place: Place;
  readonly reason: string;
}

/** Edits of all rewrites; places that two of them want differently, or that are no digits of their own, are obstacles. */
export function editsOf(rewrites: readonly Rewrite[]): { edits: Edit[]; obstacles: Obstacle[] } {
  const edits: Edit[] = [];
  const obstacles: Obstacle[] = [];
  for (const group of Map.groupBy(rewrites, ({ place: { file, offset } }) => `${file}:${offset}`).values()) {
    const [{ place, from, to }] = group as [Rewrite];
    const others = new Set(group.map((each) => each.to));
    if (others.size > 1) {
      const reason = `one number stands for several services, which are to have ${[...others].join(' and ')}: write a number for each`;
      obstacles.push({ place, reason });
    } else if (place.length !== String(from).length) {
      obstacles.push({ place, reason: `port ${from} is part of an interval there: write it by itself, then ${to}` });
    } else {
      edits.push({ file: place.file, offset: place.offset, expected: String(from), replacement: String(to) });
    }
  }
  return { edits, obstacles };
}
