import { z } from 'zod';
import { HostId } from './host.ts';
import { Port, Protocol } from './port.ts';

/** What a coordinator asks the agent of a host to do. It lives only until its answer was read or its time is up. */
export const Task = z
  .object({
    id: z.string(),
    host: HostId,
    /** Test-bind: a socket that is bound but not listening, or an outgoing connection, shows in no listing. */
    kind: z.literal('probe'),
    protocol: Protocol,
    ports: z.array(Port).min(1).max(64),
    /** `null` until the agent answered; then the ports that cannot be bound, each with the system's reason. */
    answer: z
      .object({ unavailable: z.array(z.object({ port: Port, reason: z.string().max(100) })).max(64) })
      .nullable(),
  })
  .meta({ id: 'Task' });
export type Task = z.infer<typeof Task>;
