import { z } from 'zod';
import { assignmentStates } from './assignment.ts';
import { findingKinds, findingStates, severities } from './finding.ts';
import { Name, ServiceId } from './identity.ts';
import { Port, Protocol } from './port.ts';

/** What an agent's local API takes in a query: the same as a coordinator's lists, each list what concerns it. */
export const LocalQuery = z.object({
  limit: z.coerce.number().int().min(1).max(10_000).default(1_000),
  after: z.string().max(512).optional(),
  host: z.string().max(255).optional(),
  protocol: Protocol.optional(),
  port: z.coerce.number().pipe(Port).optional(),
  project: Name.optional(),
  service: z.union([ServiceId, Name]).optional(),
  state: z.enum([...assignmentStates, ...findingStates, 'all']).optional(),
  kind: z.enum(findingKinds).optional(),
  severity: z.enum(severities).optional(),
  count: z.coerce.number().int().min(1).max(1_000).default(1),
  range: z.string().max(64).optional(),
  order: z.enum(['spread', 'lowest']).optional(),
});
export type LocalQuery = z.infer<typeof LocalQuery>;

/** Who answered instead of a coordinator, and how old the answer is. */
export const Source = z
  .object({
    /** Id of the agent's host. */
    agent: z.string(),
    /** When the registry's part of it was so: assignments, ranges, findings. `null`: the agent never heard of a registry. */
    asOf: z.iso.datetime().nullable(),
    /** Whether gossip knows of a coordinator that is alive. */
    attended: z.boolean(),
    /** Hosts whose sockets the agent has no room for. */
    leftOut: z.array(z.string()),
  })
  .meta({ id: 'Source' });
export type Source = z.infer<typeof Source>;
