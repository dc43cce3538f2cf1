import { z } from 'zod';

export const coordinatorStates = ['alive', 'missing'] as const;

/** A coordinator as the store knows it: written at its start, kept by a lease, gone with a clean stop. */
export const Coordinator = z
  .object({
    id: z.string().max(64),
    /** Name of the machine that it runs on. */
    host: z.string().max(255),
    /** Where others reach it by HTTP. */
    api: z.string().max(300),
    version: z.string().max(32),
    startedAt: z.iso.datetime(),
    /** `missing`: it stopped renewing its lease, and did not say that it stops. */
    state: z.enum(coordinatorStates),
    /** Since when it is there, or about when it was last known to be. */
    stateSince: z.iso.datetime(),
  })
  .meta({ id: 'Coordinator' });
export type Coordinator = z.infer<typeof Coordinator>;

/** How many coordinators a fleet shows. */
export const COORDINATORS_MAX = 100;

/** Whether what a coordinator shows is so now, and whether it can do anything about it. */
export const Readiness = z
  .object({
    /** Id of the coordinator that says this. */
    coordinator: z.string(),
    /** By its clock. */
    at: z.iso.datetime(),
    /** Whether the store answers it, and since when that is so. */
    store: z.object({ reachable: z.boolean(), since: z.iso.datetime() }),
    /** Whether its copy of the fleet keeps up with the store, and when that was last proven. */
    copy: z.object({ current: z.boolean(), freshAt: z.iso.datetime() }),
    /** Id of the coordinator that leads, `null` for nobody, and since when that is so. */
    leader: z.object({ coordinator: z.string().nullable(), since: z.iso.datetime() }),
    coordinators: z.array(Coordinator).max(COORDINATORS_MAX),
  })
  .meta({ id: 'Readiness' });
export type Readiness = z.infer<typeof Readiness>;

/** `k1 (https://k1:7678)`. */
export function nameOfCoordinator({ host, api }: Pick<Coordinator, 'host' | 'api'>): string {
  return `${host} (${api})`;
}

/** Why what a coordinator shows need not be so now. */
export interface Doubt {
  /** A word or two. */
  readonly word: string;
  readonly title: string;
  /** What is shown is as of then. */
  readonly since: string;
  readonly text: string;
}

/** The first reason to doubt, for the others follow from it; `undefined` where there is none. */
export function doubtOf({ store, copy, leader }: Readiness): Doubt | undefined {
  if (!store.reachable) {
    const title = 'The store is unreachable.';
    return { word: 'store unreachable', title, since: store.since, text: 'Nothing can be reserved.' };
  }
  if (!copy.current) {
    const text = "The coordinator's copy of the fleet is behind the store.";
    return { word: 'stale', title: 'This is stale.', since: copy.freshAt, text };
  }
  if (leader.coordinator !== null) return undefined;
  const text = 'Findings are not computed, leases do not end, and alerts are not sent.';
  return { word: 'no leader', title: 'No coordinator leads.', since: leader.since, text };
}
