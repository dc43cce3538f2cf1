import type { Obstacle } from './api.ts';
import { choosePorts } from './choose.ts';
import type { Fleet, Held } from './fleet.ts';
import { type Endpoint, formatEndpoint, serviceId } from './identity.ts';
import type { PlanConflict, PlanEndpoint, PlanService } from './plan.ts';
import { HIGHEST_PORT, type Interval, type Protocol, protocols } from './port.ts';
import { blocked, fieldOf, observed, type PortRules, resting } from './port-field.ts';
import { PortolanError } from './portolan-error.ts';

/** An endpoint of a plan, with what it has. */
export interface WantedPort {
  readonly id: string;
  readonly endpoint: Endpoint;
  readonly service: PlanService;
  readonly planned: PlanEndpoint;
  readonly held: Held<'assignment'> | undefined;
  /** `null` until one is chosen, or when none can be. */
  port: number | null;
}

interface Scene {
  readonly fleet: Fleet;
  /** As the plan would leave them. */
  readonly rules: PortRules;
  readonly wanted: readonly WantedPort[];
  /** What the plan gives back. */
  readonly gone: readonly Held<'assignment'>[];
}

export interface PortSettlement {
  readonly conflicts: PlanConflict[];
  readonly warnings: string[];
}

/** Gives each endpoint its port: first those that are named, then those that stay, then those that are chosen. */
export function settlePorts(scene: Scene): PortSettlement {
  const { fleet, rules, wanted, gone } = scene;
  const conflicts: PlanConflict[] = [];
  const warnings: string[] = [];
  const named = wanted.filter(({ port }) => port !== null);
  const open = wanted.filter(({ port }) => port === null);
  const numbers = new Set(named.map(({ port }) => port));
  for (const each of open) {
    if (each.held && !numbers.has(each.held.value.port)) each.port = each.held.value.port;
  }
  const moving = wanted.flatMap(({ held, port }) => (held && held.value.port !== port ? held : []));
  const leaving = new Set([...gone, ...moving].map((held) => held.key));

  const claims = new Map<number, WantedPort[]>();
  const shut = rules.ranges.filter(({ policy }) => policy === 'blocked');
  const away: Interval[] = [...rules.blocks, ...shut];
  const keep = (each: WantedPort, port: number) => {
    claims.set(port, [...(claims.get(port) ?? []), each]);
    away.push({ from: port, to: port });
    fleet.use.add(port);
  };
  for (const interval of away) fleet.use.addInterval(interval);
  try {
    for (const each of [...named, ...open]) {
      if (each.port === null) continue;
      const twin = claims.get(each.port)?.find((other) => !mayShare(each, other));
      if (twin) conflicts.push(twice(each, each.port, twin));
      else if (each.held?.value.port === each.port) keep(each, each.port);
      else {
        const refusal = refusalOf(scene, each, each.port, leaving);
        if (refusal) conflicts.push(refusal);
        const stranger = refusal ? null : observed(fleet, each.endpoint, each.port);
        if (stranger) warnings.push(`${formatEndpoint(each.endpoint)}: ${stranger.detail}; that will be a finding`);
        if (refusal) each.port = null;
        else keep(each, each.port);
      }
    }
    for (const each of open) {
      if (each.port !== null) continue;
      const chosen = choose(scene, each);
      if (typeof chosen === 'number') keep(each, (each.port = chosen));
      else conflicts.push(chosen);
    }
  } finally {
    for (const interval of away) fleet.use.removeInterval(interval);
  }
  return { conflicts, warnings };
}

/** One service may have one number on both protocols. */
function mayShare(a: WantedPort, b: WantedPort): boolean {
  return a.service.name === b.service.name && a.planned.protocol !== b.planned.protocol;
}

/** What is in the way of a named port. */
function refusalOf(
  { fleet, rules }: Scene,
  { id, endpoint, planned }: WantedPort,
  port: number,
  leaving: ReadonlySet<string>,
): PlanConflict | null {
  const obstacleTo = (wanted: number) =>
    blocked(rules, wanted, planned.protocol) ??
    assigned(fleet, endpoint, wanted, planned.protocol, leaving) ??
    resting(fleet, endpoint, wanted);
  const obstacle = obstacleTo(port);
  if (!obstacle) return null;
  const choice = choosePorts(
    { count: 1, exact: port, maxAttempts: HIGHEST_PORT, intervals: [], avoid: [], order: 'lowest', start: 0 },
    { taken: fleet.use.taken, obstacle: (other) => obstacleTo(other) ?? observed(fleet, endpoint, other) },
  );
  const { reason, detail, by } = obstacle;
  return {
    what: 'port',
    id,
    reason: reason === 'blocked' || reason === 'resting' ? reason : 'assigned',
    port,
    owner: by,
    detail: `${formatEndpoint(endpoint)} can not have ${planned.protocol} port ${port}: ${detail}`,
    suggestions: choice.ok ? [] : choice.suggestions,
  };
}

function assigned(
  fleet: Fleet,
  endpoint: Endpoint,
  port: number,
  protocol: Protocol,
  leaving: ReadonlySet<string>,
): Obstacle | null {
  for (const each of protocols) {
    const held = fleet.assignment(each, port);
    if (!held || leaving.has(held.key)) continue;
    const owner = held.value.endpoint;
    if (serviceId(owner) === serviceId(endpoint) && each !== protocol) continue;
    const detail = `${each} port ${port} is assigned to ${formatEndpoint(owner)}`;
    return { port, reason: 'assigned', detail, by: serviceId(owner) };
  }
  return null;
}

function choose({ fleet, rules }: Scene, { id, endpoint, planned }: WantedPort): number | PlanConflict {
  const refused = (reason: PlanConflict['reason'], why: string, owner: string | null = null): PlanConflict => {
    const detail = `no port can be chosen for ${formatEndpoint(endpoint)}: ${why}`;
    return { what: 'port', id, reason, port: null, owner, detail, suggestions: [] };
  };
  const { range } = planned;
  try {
    const request = { project: endpoint.project, order: 'lowest' as const, ...(range !== undefined && { range }) };
    const field = fieldOf(fleet, request, rules);
    const choice = choosePorts(
      { count: 1, maxAttempts: HIGHEST_PORT, ...field, start: 0 },
      { taken: fleet.use.taken, obstacle: () => null },
    );
    return choice.ok ? choice.candidates[0]! : refused('exhausted', `no port is free in ${field.name}`);
  } catch (error) {
    if (!(error instanceof PortolanError)) throw error;
    const owner = typeof error.data.owner === 'string' ? error.data.owner : null;
    return refused(error.code === 'forbidden' ? 'owned' : 'unknown-range', error.message, owner);
  }
}

function twice({ id, endpoint, planned }: WantedPort, port: number, twin: WantedPort): PlanConflict {
  return {
    what: 'port',
    id,
    reason: 'twice',
    port,
    owner: formatEndpoint(twin.endpoint),
    detail: `${formatEndpoint(endpoint)} and ${formatEndpoint(twin.endpoint)} are both planned on ${planned.protocol} port ${port}`,
    suggestions: [],
  };
}
