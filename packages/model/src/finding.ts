import { z } from 'zod';
import { Endpoint, ServiceId } from './identity.ts';
import { Evidence } from './listener.ts';
import { Port, Protocol } from './port.ts';

/** What is at odds with the plan of a project. */
export const planFindingKinds = [
  'drift',
  'not-listening',
  'out-of-range',
  'wrong-block',
  'health-failing',
  'exposed',
] as const;

export const findingKinds = [
  'collision',
  'squatting',
  'blocked-port',
  'lost-assignment',
  'mass-expiry',
  'durability-lowered',
  'draining',
  'host-unreachable',
  'coordinator-missing',
  'store-unavailable',
  'no-leader',
  ...planFindingKinds,
] as const;
export const findingStates = ['open', 'acknowledged', 'resolved'] as const;
export const severities = ['error', 'warning', 'info'] as const;
export type Severity = (typeof severities)[number];

/** What keeps a collision from biting today. */
export const masks = ['host', 'namespace', 'address'] as const;

/** One side of a finding: a service with its claim on the port, and where the claim shows. */
export const Party = z
  .object({
    /** `null` when nobody could tell who it is. */
    service: ServiceId.nullable(),
    claim: z.enum(['declared', 'observed']),
    /** Of a declared claim. */
    endpoint: Endpoint.nullable(),
    /** Of an observed claim, or the host that a declared one named. */
    host: z.object({ id: z.string(), name: z.string() }).nullable(),
    address: z.string().nullable(),
    netns: z.string().nullable(),
    pid: z.int().nullable(),
    command: z.string().nullable(),
    user: z.string().nullable(),
    container: z.string().nullable(),
    evidence: Evidence.nullable(),
    since: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Party' });
export type Party = z.infer<typeof Party>;

/** What a person knows of a finding, and who looks after it. */
export const FindingNote = z
  .object({
    text: z.string().max(2000),
    assignee: z.string().max(100).nullable(),
    /** Name of the token that wrote it. */
    by: z.string(),
    at: z.iso.datetime(),
  })
  .meta({ id: 'FindingNote' });
export type FindingNote = z.infer<typeof FindingNote>;

/** What the rules say, without its history. */
export const Verdict = z.object({
  /** Stable while the matter stands: `collision:tcp:3050`. */
  id: z.string().max(255),
  kind: z.enum(findingKinds),
  severity: z.enum(severities),
  /** Of a collision or squatting: whether it bites now, or waits until the parties share a place. */
  class: z.enum(['active', 'latent']).nullable(),
  maskedBy: z.enum(masks).nullable(),
  protocol: Protocol.nullable(),
  port: Port.nullable(),
  parties: z.array(Party).max(100),
  /** How many there are, where they are more than are shown. */
  partyCount: z.int().optional(),
  /** One sentence for a person. */
  summary: z.string().max(1000),
  /** What to do about it, best first. */
  remedies: z.array(z.string().max(300)).max(10),
});
export type Verdict = z.infer<typeof Verdict>;

/** Something wrong: a verdict with its history. */
export const Finding = Verdict.extend({
  state: z.enum(findingStates),
  firstSeen: z.iso.datetime(),
  lastChanged: z.iso.datetime(),
  note: FindingNote.optional(),
}).meta({ id: 'Finding' });
export type Finding = z.infer<typeof Finding>;
