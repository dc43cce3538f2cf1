import { z } from 'zod';
import { Endpoint } from './identity.ts';
import { Port, Protocol } from './port.ts';
import { Version } from './position.ts';

/** Shortest and longest time to live of a lease, seconds. */
export const TTL_MIN = 5;
export const TTL_MAX = 86_400;
export const Ttl = z.number().min(TTL_MIN).max(TTL_MAX);

/** The token that a holder showed, and that of the grant which answered it: all others were never told to anybody. */
const FORMER_TOKENS_MAX = 2;

/** The promise that (protocol, port) belongs to one endpoint: at most one per (protocol, port) in a fleet. */
export const Assignment = z
  .object({
    protocol: Protocol,
    port: Port,
    endpoint: Endpoint,
    /** `null` for a permanent assignment. Several assignments of one block share a lease. */
    lease: z.object({ id: z.string(), ttl: Ttl }).nullable(),
    purpose: z.string().max(500).optional(),
    /** Name or id of the host that the service will run on, where the holder said so. */
    host: z.string().max(255).optional(),
    /** Who asked, as the holder names itself: `user@host`, `ci-17`. */
    holder: z.string().max(255).optional(),
    /**
     * Nobody renews its lease any more, which therefore lasts as long as its listener is seen: the holder said so
     * (`handed-over`, for a service that went into the background), or fell silent (`orphaned`).
     */
    unattended: z.enum(['handed-over', 'orphaned']).optional(),
    /**
     * Older tokens that its holder may still know it by, and take it back under: of the grant, when the entry was written anew
     * since for another reason; and the one that was shown for the grant, whose answer may have been lost.
     */
    formerTokens: z.array(Version).max(FORMER_TOKENS_MAX).optional(),
    /** When it was granted, by the coordinator's clock. */
    grantedAt: z.iso.datetime(),
    /** Id of the host whose agent gave it while no coordinator could be reached; none of these is in a store. */
    provisional: z.string().max(64).optional(),
  })
  .meta({ id: 'Assignment' });
export type Assignment = z.infer<typeof Assignment>;

/** An assignment that changes and is no new grant: whoever holds it goes on under the token that it has. */
export function rewritten(
  { value, version }: { readonly value: Assignment; readonly version: Version },
  changes: Partial<Assignment>,
): Assignment {
  const formerTokens = [...(value.formerTokens ?? []), version].slice(0, FORMER_TOKENS_MAX);
  return { ...value, ...changes, formerTokens };
}

/**
 * What the evidence says of an assignment: nobody listens yet, its service does, or only somebody else does.
 * Never stored: it follows from the listeners.
 */
export const assignmentStates = ['pending', 'bound', 'squatted'] as const;
export type AssignmentState = (typeof assignmentStates)[number];

/** A freed port that rests, so that a holder which lost its lease but still lives is not given a rival. */
export const RestingPort = z
  .object({
    protocol: Protocol,
    port: Port,
    endpoint: Endpoint,
    reason: z.enum(['expired', 'takeover']),
    /** The earliest time at which it may be given again, by the coordinator's clock. */
    until: z.iso.datetime(),
  })
  .meta({ id: 'RestingPort' });
export type RestingPort = z.infer<typeof RestingPort>;
