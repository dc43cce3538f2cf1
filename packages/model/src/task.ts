import { z } from 'zod';
import { HostId } from './host.ts';
import { ServiceId } from './identity.ts';
import { Listener } from './listener.ts';
import { Port, Protocol } from './port.ts';
import { ProcessId } from './process.ts';
import { proofs } from './proof.ts';

/** How many ports or sockets one task may name. */
export const TASK_SIZE_MAX = 64;

const ProbeAnswer = z.strictObject({
  /** The ports that cannot be bound, each with the system's reason. */
  unavailable: z.array(z.object({ port: Port, reason: z.string().max(100) })).max(TASK_SIZE_MAX),
});

/** A socket whose process is to end. The agent looks anew: what differs from this is refused. */
export const EndTarget = Listener.pick({
  protocol: true,
  address: true,
  port: true,
  netns: true,
  v6only: true,
  socket: true,
}).extend({
  /** `null` when nobody could see whose it is. */
  process: ProcessId.nullable(),
  /** Whose process it is expected to be; `null`: nobody knows. */
  service: ServiceId.nullable(),
  /** What its evidence proved of that, and has to prove still. */
  proof: z.enum(proofs).default('nothing'),
});
export type EndTarget = z.infer<typeof EndTarget>;

/** Why a process was not ended, or its port is not free. */
export const refusalCodes = [
  'not-permitted',
  'process-changed',
  'other-service',
  'in-container',
  'protected',
  'still-bound',
] as const;
export type RefusalCode = (typeof refusalCodes)[number];

/** What became of one process. */
export const Ending = z
  .object({
    pid: z.int().min(1),
    /** `gone`: it had ended by itself; `would-end`: nothing was done, for that was only a trial. */
    outcome: z.enum(['ended', 'gone', 'would-end']),
    /** The strongest signal that it was sent. */
    signal: z.enum(['SIGTERM', 'SIGKILL']).nullable(),
    /** Of a trial: its user and command line, for people. */
    process: z.string().max(1000).optional(),
  })
  .meta({ id: 'Ending' });
export type Ending = z.infer<typeof Ending>;

const EndAnswer = z.strictObject({
  /** What was done, also when a refusal came after it. */
  endings: z.array(Ending).max(1000),
  refusal: z.object({ code: z.enum(refusalCodes), detail: z.string().max(1000) }).nullable(),
});
export type EndAnswer = z.infer<typeof EndAnswer>;

export const Grace = z.number().min(0).max(60);

const ProbeTask = z.object({
  id: z.string(),
  host: HostId,
  /** Test-bind: a socket that is bound but not listening, or an outgoing connection, shows in no listing. */
  kind: z.literal('probe'),
  protocol: Protocol,
  ports: z.array(Port).min(1).max(TASK_SIZE_MAX),
  /** `null` until the agent answered. */
  answer: ProbeAnswer.nullable(),
});

const EndTask = z.object({
  id: z.string(),
  host: HostId,
  /** End the processes that have these sockets, all or none as far as that can be known before, and free their ports. */
  kind: z.literal('end'),
  targets: z.array(EndTarget).min(1).max(TASK_SIZE_MAX),
  grace: Grace,
  /** Whoever it is: also another service, a coordinator or an agent. */
  force: z.boolean(),
  /** Only what the process that holds its ports has left behind. */
  orphan: z.boolean().default(false),
  /** Look and tell, and do nothing. */
  dryRun: z.boolean(),
  answer: EndAnswer.nullable(),
});
export type EndTask = z.infer<typeof EndTask>;

/** What a coordinator asks the agent of a host to do. It lives only until its answer was read or its time is up. */
export const Task = z.discriminatedUnion('kind', [ProbeTask, EndTask]).meta({ id: 'Task' });
export type Task = z.infer<typeof Task>;

export const TaskAnswer = z.union([ProbeAnswer, EndAnswer]).meta({ id: 'TaskAnswer' });
export type TaskAnswer = z.infer<typeof TaskAnswer>;
