import { z } from 'zod';
import { isUnknownProject, Name, ServiceId, serviceId } from './identity.ts';
import { Port, Protocol } from './port.ts';
import { Position } from './position.ts';
import { Block, Range, RangeChoice } from './range.ts';

/** Bounds of one plan: what one commit of the store takes. */
export const PLAN_SERVICES_MAX = 1_000;
export const PLAN_ENDPOINTS_MAX = 2_000;
export const PLAN_RANGES_MAX = 500;

/**
 * How an endpoint's health is asked: `tcp` (it takes a connection), a path (`/health`), or a whole URL. It is always asked
 * at the service's own socket on its host: of a URL, the scheme, the path and the port count, and the name is what
 * the request is addressed to, not where it goes.
 */
export const HealthCheck = z
  .string()
  .max(2_000)
  .regex(/^(https?:\/\/[^\s/?#@]+(?:[/?][^\s#]*)?|\/[^\s#]*|tcp)$/, {
    error: 'a health check is a URL (http://localhost:3001/health), a path (/health), or tcp',
  });
export type HealthCheck = z.infer<typeof HealthCheck>;

/** A labelled port of a planned service. */
export const PlanEndpoint = z
  .strictObject({
    label: Name,
    protocol: Protocol.default('tcp'),
    /** `auto`: one is chosen, and stays; `none`: it has no port (stdio, a daemon). */
    port: z.union([Port, z.literal('auto'), z.literal('none')]),
    /** Where a port is chosen, and has to be: a range's name or an interval; without it, the project's own ranges. */
    range: RangeChoice.optional(),
    health: HealthCheck.optional(),
    /** Of an endpoint without a port: how it is spoken to. */
    transport: z.string().max(100).optional(),
    purpose: z.string().max(500).optional(),
  })
  .meta({ id: 'PlanEndpoint' });
export type PlanEndpoint = z.infer<typeof PlanEndpoint>;

const About = {
  description: z.string().max(500).optional(),
  runtime: z.string().max(100).optional(),
  /** `required`: it is a finding when nobody listens. */
  status: z.enum(['required', 'optional']).default('optional'),
  /** Ids or names of the hosts that it runs on; none: wherever. */
  hosts: z.array(z.string().min(1).max(255)).max(100).default([]),
  /** Where it runs, where hosts have no names: `gpu`, `edge`. */
  placement: z.string().max(100).optional(),
  /** It must not be reachable from outside: to listen on all addresses is a finding. */
  internalOnly: z.boolean().default(false),
  /** Other names that processes of it go by: of a container, a unit, a PM2 app. */
  aliases: z.array(Name).max(50).default([]),
  /** How many of it run; with 0 nobody is expected to listen. */
  replicas: z.int().min(0).max(65_535).default(1),
  /** Services that it needs. */
  dependencies: z.array(ServiceId).max(200).default([]),
  endpoints: z
    .array(PlanEndpoint)
    .max(64)
    .refine((endpoints) => new Set(endpoints.map(({ label }) => label)).size === endpoints.length, {
      error: 'each label may stand once',
    })
    .default([]),
};

/** A service as a plan declares it. */
export const PlanService = z.strictObject({ name: Name, ...About }).meta({ id: 'PlanService' });
export type PlanService = z.infer<typeof PlanService>;

/** A planned service as the fleet keeps it. */
export const PlannedService = z.object({ project: Name, name: Name, ...About }).meta({ id: 'PlannedService' });
export type PlannedService = z.infer<typeof PlannedService>;

export function plannedId({ project, name }: Pick<PlannedService, 'project' | 'name'>): ServiceId {
  return serviceId({ project, service: name });
}

/** The registry's side of a project's manifest: all of it, so that what it no longer has is taken back. */
export const PlanRequest = z
  .strictObject({
    ranges: z.array(Range).max(PLAN_RANGES_MAX).default([]),
    blocks: z.array(Block).max(PLAN_RANGES_MAX).default([]),
    services: z.array(PlanService).max(PLAN_SERVICES_MAX).default([]),
  })
  .superRefine(({ ranges, services }, context) => {
    const twice = (names: readonly string[]) => names.find((name, i) => names.indexOf(name) !== i);
    const range = twice(ranges.map(({ name }) => name));
    if (range !== undefined) context.addIssue({ code: 'custom', path: ['ranges'], message: `${range} stands twice` });
    const unowned = ranges.find(({ owner }) => owner !== null && isUnknownProject(owner));
    if (unowned) {
      const message = `the range ${unowned.name} has the owner ${unowned.owner}, which is no project`;
      context.addIssue({ code: 'custom', path: ['ranges'], message });
    }
    const service = twice(services.map(({ name }) => name));
    if (service !== undefined)
      context.addIssue({ code: 'custom', path: ['services'], message: `${service} stands twice` });
    const endpoints = services.reduce((sum, each) => sum + each.endpoints.length, 0);
    if (endpoints > PLAN_ENDPOINTS_MAX) {
      const message = `a plan has at most ${PLAN_ENDPOINTS_MAX} endpoints, and this one ${endpoints}`;
      context.addIssue({ code: 'custom', path: ['services'], message });
    }
  })
  .meta({ id: 'PlanRequest' });
export type PlanRequest = z.infer<typeof PlanRequest>;
export type PlanInput = z.input<typeof PlanRequest>;

/** What a plan has put into the registry, and so may take back. */
export const Plan = z
  .object({
    project: Name,
    /** Name of the token that declared it last. */
    declaredBy: z.string(),
    declaredAt: z.iso.datetime(),
    /** Names of ranges, keys of blocks, and endpoints with their protocol (`mana/api:default/tcp`). */
    owns: z.object({ ranges: z.array(z.string()), blocks: z.array(z.string()), endpoints: z.array(z.string()) }),
  })
  .meta({ id: 'Plan' });
export type Plan = z.infer<typeof Plan>;

export const planActions = ['add', 'change', 'move', 'remove'] as const;

/** The port of an endpoint, in a plan's diff. */
const PlannedPort = z.object({ endpoint: z.string(), protocol: Protocol, port: Port });

const changed = <W extends string, T extends z.ZodType>(what: W, value: T) =>
  z.object({
    what: z.literal(what),
    /** `move`: the endpoint gets another port. */
    action: z.enum(planActions),
    /** Of what: name of a range, `3000-3099/any`, `mana/mana-sync`, `mana/mana-sync:api/tcp`. */
    id: z.string(),
    before: value.nullable(),
    after: value.nullable(),
    /** For a person, in a few words. */
    detail: z.string(),
  });

export const PlanChange = z
  .discriminatedUnion('what', [
    changed('range', Range),
    changed('block', Block),
    changed('service', PlannedService),
    changed('port', PlannedPort),
  ])
  .meta({ id: 'PlanChange' });
export type PlanChange = z.infer<typeof PlanChange>;

/** What keeps a plan from being declared. */
export const PlanConflict = z
  .object({
    what: z.enum(['range', 'block', 'service', 'port']),
    /** As in a change. */
    id: z.string(),
    reason: z.enum(['assigned', 'blocked', 'resting', 'overlap', 'owned', 'exhausted', 'unknown-range', 'twice']),
    port: Port.nullable(),
    /** Who has what is in the way: an endpoint, a range, a project. */
    owner: z.string().nullable(),
    /** What is in the way, in a sentence. */
    detail: z.string(),
    /** Ports nearby that could be had. */
    suggestions: z.array(Port),
  })
  .meta({ id: 'PlanConflict' });
export type PlanConflict = z.infer<typeof PlanConflict>;

export const PlanDiff = z
  .object({
    project: Name,
    /** Names exactly these changes: declare with it, and what was shown is what is done. */
    version: z.string(),
    changes: z.array(PlanChange),
    conflicts: z.array(PlanConflict),
    /** What is no obstacle, but will be a finding or has to be known. */
    warnings: z.array(z.string()),
    /** The port that each endpoint has then, chosen ones among them, by `service:label`. */
    ports: z.record(z.string(), Port),
    applied: z.boolean(),
    position: Position,
  })
  .meta({ id: 'PlanDiff' });
export type PlanDiff = z.infer<typeof PlanDiff>;

/** A plan as it stands in the registry. */
export const PlanView = Plan.extend({
  ranges: z.array(Range),
  blocks: z.array(Block),
  services: z.array(PlannedService),
}).meta({ id: 'PlanView' });
export type PlanView = z.infer<typeof PlanView>;
