import { z } from 'zod';

/** One process for ever: a pid alone is given to another one in time. */
export const ProcessId = z.object({
  pid: z.int().min(1),
  /** Milliseconds since 1970. */
  startedAt: z.int().min(0),
});
export type ProcessId = z.infer<typeof ProcessId>;

/**
 * The process that holds a lease, as it says itself: for people, and so that two processes do not take one lease for their
 * own. It is proof of nothing, and no process is ended for it.
 */
export const HoldingProcess = z
  .strictObject({
    ...ProcessId.shape,
    // What a date can hold.
    startedAt: z.int().min(0).max(8.64e15),
    /** Names the pid namespace in which the pid counts, on one boot of one machine. Without it nobody can look for the pid. */
    namespace: z.string().min(1).max(64).optional(),
  })
  .meta({ id: 'HoldingProcess' });
export type HoldingProcess = z.infer<typeof HoldingProcess>;
