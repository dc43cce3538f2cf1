import { z } from 'zod';
import { Endpoint } from './identity.ts';
import { Port, Protocol } from './port.ts';
import { compareVersions, Version } from './position.ts';
import { HoldingProcess } from './process.ts';

/** Shortest and longest time to live of a lease, seconds. */
export const TTL_MIN = 5;
export const TTL_MAX = 86_400;
export const Ttl = z.number().min(TTL_MIN).max(TTL_MAX);

/** The promise that (protocol, port) belongs to one endpoint: at most one per (protocol, port) in a fleet. */
export const Assignment = z
  .object({
    protocol: Protocol,
    port: Port,
    endpoint: Endpoint,
    /** `null` for a permanent assignment. Several assignments of one block share a lease. */
    lease: z.object({ id: z.string(), ttl: Ttl }).nullable(),
    purpose: z.string().max(500).optional(),
    /** Id of the host that the service will run on, where the holder said so; what it said where no such host was known. */
    host: z.string().max(255).optional(),
    /** Who asked, as the holder names itself: `user@host`, `ci-17`. */
    holder: z.string().max(255).optional(),
    /** Of a lease: the process that holds it, by its own word. */
    process: HoldingProcess.optional(),
    /** Of a lease: the request that it answered. */
    requestId: z.string().max(64).optional(),
    /**
     * Nobody renews its lease any more, which therefore lasts as long as its listener is seen: the holder said so
     * (`handed-over`, for a service that went into the background), or fell silent (`orphaned`).
     */
    unattended: z.enum(['handed-over', 'orphaned']).optional(),
    /** Token of the grant that it stems from, when the entry was written anew since for another reason than a grant. */
    grant: Version.optional(),
    /** The older token that was shown for this grant, whose answer may have been lost: it may be shown again. */
    takenBackBy: Version.optional(),
    /** When it was granted, by the coordinator's clock. */
    grantedAt: z.iso.datetime(),
    /** Id of the host whose agent gave it while no coordinator could be reached; none of these is in a store. */
    provisional: z.string().max(64).optional(),
  })
  .meta({ id: 'Assignment' });
export type Assignment = z.infer<typeof Assignment>;

/** An assignment as it stands, with its version. */
interface Standing {
  readonly value: Assignment;
  readonly version: Version;
}

/** An assignment that changes and is no new grant: whoever holds it goes on under the token that it has. */
export function rewritten({ value, version }: Standing, changes: Partial<Assignment>): Assignment {
  return { ...value, ...changes, grant: value.grant ?? version };
}

/** Whether the port was granted anew since the grant of this token: then it is somebody else's who holds it. */
export function isFenced({ value, version }: Standing, token: Version): boolean {
  return compareVersions(token, value.grant ?? version) < 0 && token !== value.takenBackBy;
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
