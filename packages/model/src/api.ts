import { z } from 'zod';
import { Assignment, assignmentStates, RestingPort, Ttl } from './assignment.ts';
import { Topic } from './entry.ts';
import { Finding } from './finding.ts';
import { Health } from './health.ts';
import { Host, HostInfo } from './host.ts';
import { DEFAULT_LABEL, Instance, Name, ProjectName, ServiceId } from './identity.ts';
import { HostListener, Listener } from './listener.ts';
import { Source } from './local-api.ts';
import { PlannedService } from './plan.ts';
import { Interval, Port, Protocol, parseInterval } from './port.ts';
import { PortNote } from './port-note.ts';
import { Position, Version } from './position.ts';
import { HoldingProcess, ProcessId } from './process.ts';
import { Block, Range, RangeChoice } from './range.ts';
import { Readiness } from './readiness.ts';
import { Ending, Grace, TASK_SIZE_MAX } from './task.ts';
import { GRACE_DEFAULT, TIMEOUT_MAX } from './wire-values.ts';

/** How surely a commit outlives a failure, weakest first: `memory`, `disk`, `replicas:N`. */
export const Acknowledgement = z.string().regex(/^(memory|disk|replicas:\d{1,2})$/);
export type Acknowledgement = z.infer<typeof Acknowledgement>;

/** Ports of one grant. */
const LABELS_MAX = 64;

const RequestId = z.string().min(1).max(64);

/** One port, or a contiguous block for several labels, for an endpoint. */
export const ReserveRequest = z
  .strictObject({
    project: ProjectName,
    service: Name,
    label: Name.optional(),
    /** Several labels ask for a contiguous block, in this order, all or nothing. */
    labels: z.array(Name).min(1).max(LABELS_MAX).optional(),
    /** `auto`: the lowest of this service that nobody holds. The answer's assignments tell which; it needs a `ttl`. */
    instance: z.union([Instance, z.literal('auto')]).default(1),
    protocol: Protocol.default('tcp'),
    /** This port (or a block that starts there) and no other, unless `onTaken` says otherwise. */
    port: Port.optional(),
    /** This port if it can be had, else the next that can, unless `onTaken` says otherwise. */
    preferred: Port.optional(),
    /**
     * What happens when the port wanted is taken. `fail` is the default with `port`, `next` with `preferred`. With
     * `takeover`, an earlier process of this very endpoint and instance is ended on its host and its port is freed; where
     * somebody else has the port, it is as without.
     */
    onTaken: z.enum(['fail', 'next', 'takeover']).optional(),
    /** Of a takeover: seconds that the earlier process has to end by itself before it is killed; 5 unless told otherwise. */
    grace: Grace.optional(),
    /** Choose within these ports. Without it: the project's own ranges, else the `default` range. */
    range: RangeChoice.optional(),
    /** `spread` starts at a place of its own, so that many can allocate at once; `lowest` gives the lowest free one. */
    order: z.enum(['spread', 'lowest']).optional(),
    /** How many ports to consider from `preferred` on, itself included. */
    maxAttempts: z.int().min(1).max(65535).default(100),
    /** Seconds until the assignment ends unless renewed. Without it, it is permanent. */
    ttl: Ttl.optional(),
    purpose: z.string().max(500).optional(),
    /**
     * Id or name of the host that the service will run on, which the assignment keeps: its agent then tests that the port
     * can be bound. Whoever only wants the test names the host in the query, as `probeOn`.
     */
    host: z.string().max(255).optional(),
    holder: z.string().max(255).optional(),
    /** Of a lease: the process that will hold it. One that the endpoint has already keeps its own. */
    process: HoldingProcess.optional(),
    /** The lease passes to `process` if this one holds it, which the caller saw ended. Else it stays as it is. */
    succeeds: HoldingProcess.optional(),
    /**
     * Of a lease: names this request. Who sends it again with the same id, because the answer was lost, is given what the
     * first one got, also with `instance: auto`; and an answer that has it is that of this very request.
     */
    requestId: RequestId.optional(),
  })
  .refine((request) => request.instance !== 'auto' || request.ttl !== undefined, {
    error: 'instance "auto" needs a ttl: nobody could ask for the same one again',
    path: ['ttl'],
  })
  .refine((request) => request.instance !== 'auto' || request.onTaken !== 'takeover', {
    error: 'a takeover names its instance: "auto" is always a new one',
    path: ['onTaken'],
  })
  .refine((request) => !(request.label && request.labels), {
    error: 'give label or labels, not both',
    path: ['labels'],
  })
  .refine((request) => request.port === undefined || request.preferred === undefined, {
    error: 'give port or preferred, not both',
    path: ['preferred'],
  })
  .refine((request) => !request.labels || new Set(request.labels).size === request.labels.length, {
    error: 'each label may stand once',
    path: ['labels'],
  })
  .meta({ id: 'ReserveRequest' });
export type ReserveRequest = z.infer<typeof ReserveRequest>;
/** One whose instance has been decided. */
export type NumberedRequest = ReserveRequest & { readonly instance: number };
export function isNumbered(request: ReserveRequest): request is NumberedRequest {
  return request.instance !== 'auto';
}
/** As a caller writes it, with the defaults left out. */
export type ReserveInput = z.input<typeof ReserveRequest>;

export function labelsOf(request: Pick<ReserveRequest, 'label' | 'labels'>): string[] {
  return request.labels ?? [request.label ?? DEFAULT_LABEL];
}

/** An assignment with what follows from the rest of the fleet's state. */
export const AssignmentView = Assignment.extend({ token: Version, state: z.enum(assignmentStates) }).meta({
  id: 'AssignmentView',
});
export type AssignmentView = z.infer<typeof AssignmentView>;

/** Who or what stood in the way of the port that was wanted first. */
export const Obstacle = z
  .object({
    port: Port,
    reason: z.enum(['assigned', 'observed', 'blocked', 'resting', 'unbindable', 'quota']),
    /** A sentence for a person. */
    detail: z.string(),
    /** The service in the way, when it is known. */
    by: z.string().nullable(),
  })
  .meta({ id: 'Obstacle' });
export type Obstacle = z.infer<typeof Obstacle>;

export const Reservation = z
  .object({
    /** The first port: the only one unless several labels were asked for. */
    port: Port,
    /** Label to port. */
    ports: z.record(z.string(), Port),
    assignments: z.array(AssignmentView),
    /** Fencing token of the grant, to be shown on renew and release. */
    token: Version,
    lease: z.object({ id: z.string(), ttl: Ttl }).nullable(),
    /** False when the endpoint had these ports already. */
    created: z.boolean(),
    /** Whether the port that was wanted first was taken, and by what. */
    wasInUse: z.boolean(),
    obstacle: Obstacle.nullable(),
    /** How many ports were considered. */
    attempts: z.int(),
    /** Whether an agent tested that the ports can be bound: that of the host they are for, or of the host that asks. */
    probed: z.boolean(),
    /** What is worth knowing of the ports all the same, such as that the kernel may take them for outgoing connections. */
    notes: z.array(PortNote).optional(),
    /** Whether an earlier process of the endpoint was ended for this, and which. */
    killedProcess: z.boolean().optional(),
    previousPid: z.int().optional(),
    acknowledged: Acknowledgement,
    position: Position,
  })
  .meta({ id: 'Reservation' });
export type Reservation = z.infer<typeof Reservation>;

/** Takes back what a lost history or an outage may have cost: the ports that the holder has under its old token. */
export const ReassertRequest = z
  .strictObject({
    project: ProjectName,
    service: Name,
    instance: Instance.default(1),
    protocol: Protocol.default('tcp'),
    ports: z
      .record(Name, Port)
      .refine((ports) => Object.keys(ports).length > 0, { error: 'name at least one port' })
      .refine((ports) => Object.keys(ports).length <= LABELS_MAX, {
        error: `one grant has at most ${LABELS_MAX} ports; re-assert each grant by itself`,
      }),
    token: Version,
    lease: z.string().max(64).optional(),
    ttl: Ttl.optional(),
    purpose: z.string().max(500).optional(),
    host: z.string().max(255).optional(),
    holder: z.string().max(255).optional(),
    process: HoldingProcess.optional(),
    requestId: RequestId.optional(),
  })
  .meta({ id: 'ReassertRequest' });
export type ReassertRequest = z.infer<typeof ReassertRequest>;
export type ReassertInput = z.input<typeof ReassertRequest>;

/** Whose process on a port of a host is to end. */
export const EndRequest = z
  .strictObject({
    /** Id or name. */
    host: z.string().max(255),
    protocol: Protocol.default('tcp'),
    port: Port,
    /** Only these, as they were seen: none is taken for another one that was given its pid. Without it, all on the port. */
    processes: z.array(ProcessId).min(1).max(TASK_SIZE_MAX).optional(),
    /** Only processes of this project are ended, */
    project: ProjectName.optional(),
    /** or of this service, */
    service: ServiceId.optional(),
    /** or whose lease is no more, */
    orphan: z.boolean().default(false),
    /** or whoever it is, a coordinator or an agent too. */
    force: z.boolean().default(false),
    /** Seconds that the process has to end by itself before it is killed. */
    grace: Grace.default(GRACE_DEFAULT),
    /** Look and tell, and do nothing. */
    dryRun: z.boolean().default(false),
  })
  .meta({ id: 'EndRequest' });
export type EndRequest = z.infer<typeof EndRequest>;
export type EndInput = z.input<typeof EndRequest>;
export const EndResponse = z
  .object({ host: Host, listeners: z.array(HostListener), endings: z.array(Ending), position: Position })
  .meta({ id: 'EndResponse' });
export type EndResponse = z.infer<typeof EndResponse>;

export const RequestTimeout = z.coerce
  .number()
  .pipe(z.int().min(1).max(TIMEOUT_MAX))
  .meta({ type: 'integer', description: 'How long the sender waits, ms. After that the request is not begun.' });

/** What to release: a lease, a port, or the endpoints of a service. With a token only the grant that it names. */
export const ReleaseRequest = z
  .strictObject({
    lease: z.string().max(64).optional(),
    protocol: Protocol.optional(),
    port: Port.optional(),
    project: Name.optional(),
    service: Name.optional(),
    label: Name.optional(),
    instance: Instance.optional(),
    token: Version.optional(),
    /** Who gives it back, as it names itself: for the audit trail. */
    holder: z.string().max(255).optional(),
  })
  .refine(({ lease, port, project, service }) => lease || port || (project && service), {
    error: 'name what to release: lease, port, or project and service',
  })
  .meta({ id: 'ReleaseRequest' });
export type ReleaseRequest = z.infer<typeof ReleaseRequest>;
export const ReleaseResponse = z
  .object({ released: z.array(Assignment), position: Position })
  .meta({ id: 'ReleaseResponse' });
export type ReleaseResponse = z.infer<typeof ReleaseResponse>;

export const RenewRequest = z
  .strictObject({
    leases: z
      .array(
        z.object({
          id: z.string().max(64),
          token: Version,
          /** The last renewal by its holder: from here on the lease lasts as long as its listener is seen. */
          handOver: z.boolean().optional(),
        }),
      )
      .min(1)
      .max(1000),
  })
  .meta({ id: 'RenewRequest' });
export type RenewRequest = z.infer<typeof RenewRequest>;
export const RenewResponse = z
  .object({
    renewed: z.array(z.object({ id: z.string(), ttl: Ttl })),
    /** Leases that are no more, or whose token another grant has overtaken: re-assert or reserve again. */
    lost: z.array(z.object({ id: z.string(), code: z.enum(['not-found', 'fenced']), detail: z.string() })),
  })
  .meta({ id: 'RenewResponse' });
export type RenewResponse = z.infer<typeof RenewResponse>;

/** How many changes one report may carry; an agent with more to tell sends several. */
export const REPORT_CHANGES_MAX = 2000;
/** How many listeners a coordinator keeps of one host. */
export const HOST_LISTENERS_MAX = 100_000;

const ListenerId = z.string().max(255);

/** The listener ids after the one up to and with the other, by UTF-16 code units; `null`: to the end on that side. */
export const Span = z.strictObject({ after: ListenerId.nullable(), through: ListenerId.nullable() });
export type Span = z.infer<typeof Span>;

export const ReportRequest = z
  .strictObject({
    /** Counts the reports of this agent; a report sent again has the same number. */
    seq: z.int().min(1),
    /** The number of the report that this one builds on; `null`: this is the beginning of a full report. */
    previous: z.int().min(1).nullable(),
    puts: z.array(Listener).max(REPORT_CHANGES_MAX),
    /** Ids of listeners that are gone; not looked at where the report covers a span. */
    deletes: z.array(ListenerId).max(REPORT_CHANGES_MAX),
    /**
     * Of a full report, which goes in as many parts as it takes: what the coordinator holds in this span and `puts` does
     * not name is gone. The parts follow one another without a gap; the last one goes through to the end. Without it a
     * report with `previous: null` is full by itself, and any other tells of changes.
     */
    covers: Span.optional(),
    /**
     * Of all the host's listeners after this report: see `SetDigest` and `listenerFingerprint`. Of a part of a full
     * report that is not the last, of what was told so far; the coordinator compares the last one.
     */
    digest: z.string().length(16),
  })
  .meta({ id: 'ReportRequest' });
export type ReportRequest = z.infer<typeof ReportRequest>;
export const ReportResponse = z
  .object({
    /** `resync`: what the coordinator holds differs; send a full report. */
    status: z.enum(['accepted', 'resync']),
    /** Seconds after which a host that said nothing counts as unreachable. */
    ttl: z.number(),
  })
  .meta({ id: 'ReportResponse' });
export type ReportResponse = z.infer<typeof ReportResponse>;

export const JoinRequest = HostInfo;

/** A page of a list; `next` is the cursor for `after` when there is more. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({ items: z.array(item), position: Position, next: z.string().nullable() });
}
export type Page<T> = { items: T[]; position: Position; next: string | null };

/** How a coordinator does. */
export const Status = z
  .object({
    version: z.string(),
    /** How surely its commits outlive a failure. */
    acknowledgement: Acknowledgement,
    /** Why that is less than it should be; `null` when it is not. */
    lowered: z.string().nullable().default(null),
    /** Of the store's history: a new one begins when it may have forked. */
    epoch: z.int(),
    position: Position,
    /** By the coordinator's clock. */
    time: z.iso.datetime(),
  })
  .meta({ id: 'Status' });
export type Status = z.infer<typeof Status>;

/** Ports that could be reserved now: a look, not a promise. */
export const FreePorts = z
  .object({
    ports: z.array(Port),
    /** Where they were looked for. */
    field: z.string(),
    /** Whether an agent tested that all of them can be bound. */
    probed: z.boolean().default(false),
    notes: z.array(PortNote).default([]),
    position: Position,
    /** When it was an agent that answered. */
    source: Source.optional(),
  })
  .meta({ id: 'FreePorts' });
export type FreePorts = z.infer<typeof FreePorts>;

/** Everything known of one port number. */
export const PortReport = z
  .object({
    port: Port,
    assignments: z.array(AssignmentView),
    /** Of many, some of each service. */
    listeners: z.array(HostListener),
    /** How many there are. Without it, as from older coordinators, all are shown. */
    listenerCount: z.int().optional(),
    resting: z.array(RestingPort),
    blocks: z.array(Block),
    ranges: z.array(Range),
    findings: z.array(Finding),
    findingCount: z.int().optional(),
    /** Hosts, by id, that the listeners name. */
    hosts: z.record(z.string(), Host),
    /** What the kernels of the hosts that it is promised for do with it, or that of the host that asks. */
    notes: z.array(PortNote).optional(),
    position: Position,
    /** When it was an agent that answered. */
    source: Source.optional(),
  })
  .meta({ id: 'PortReport' });
export type PortReport = z.infer<typeof PortReport>;

export const ServiceView = z
  .object({
    id: z.string(),
    /** What a plan says of it; `null` when none names it. */
    plan: PlannedService.nullable(),
    assignments: z.array(AssignmentView),
    assignmentCount: z.int().optional(),
    /** Of many, some of each port. */
    listeners: z.array(HostListener),
    listenerCount: z.int().optional(),
    /** How many hosts those are on. */
    hostCount: z.int().optional(),
    /** Of its health checks, host by host; of many, those that fail first. */
    health: z.array(Health),
    healthCount: z.int().optional(),
  })
  .meta({ id: 'ServiceView' });
export type ServiceView = z.infer<typeof ServiceView>;

/**
 * What a subscriber wants to hear of. All fields that are given must hold; one that a topic does not have (a host has
 * no port) does not limit that topic.
 */
export const Filter = z
  .strictObject({
    project: Name.optional(),
    service: z.string().max(127).optional(),
    host: z.string().max(64).optional(),
    ports: Interval.optional(),
  })
  .meta({ id: 'Filter' });
export type Filter = z.infer<typeof Filter>;

/** What a client sends on `/v1/stream`. */
export const ClientFrame = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('auth'), token: z.string().max(512) }),
    z.strictObject({
      type: z.literal('subscribe'),
      topics: z.array(Topic).min(1).max(16),
      filter: Filter.default({}),
      /** Go on after this position; without it the stream begins with a snapshot. */
      position: Position.optional(),
    }),
  ])
  .meta({ id: 'ClientFrame' });
export type ClientFrame = z.input<typeof ClientFrame>;

export const StreamEvent = z
  .object({
    op: z.enum(['put', 'delete']),
    topic: Topic,
    key: z.string(),
    /** The entry after a put; after a delete the entry that was, or `null` where that is no longer known. */
    value: z.unknown(),
    /** Of a put: the version of the entry, which is the fencing token of an assignment. */
    version: Version.nullable(),
  })
  .meta({ id: 'StreamEvent' });
export type StreamEvent = z.infer<typeof StreamEvent>;

export const resetReasons = ['trimmed', 'diverged', 'epoch', 'slow'] as const;
export type ResetReason = (typeof resetReasons)[number];

/** What the server sends: one JSON object a text frame. */
export const ServerFrame = z
  .discriminatedUnion('type', [
    /** A part of the state at `position`; `synced` ends the snapshot. */
    z.object({ type: z.literal('snapshot'), entries: z.array(StreamEvent), position: Position }),
    /** From here on changes are live. */
    z.object({ type: z.literal('synced'), position: Position }),
    /** All commits of a tick that the filter lets through, in order; a commit is never split. */
    z.object({
      type: z.literal('changes'),
      commits: z.array(z.object({ position: Position, events: z.array(StreamEvent) })),
    }),
    /** Nothing up to this position concerns the subscriber; also the heartbeat. */
    z.object({ type: z.literal('bookmark'), position: Position }),
    /** Forget what you have: a snapshot follows. */
    z.object({ type: z.literal('reset'), reason: z.enum(resetReasons) }),
    /** How the coordinator itself does: at the beginning and when it changes, for those who asked with the address. */
    z.object({ type: z.literal('readiness'), readiness: Readiness }),
  ])
  .meta({ id: 'ServerFrame' });
export type ServerFrame = z.infer<typeof ServerFrame>;

/** Reads the `range` of a request: a number pair in text is an interval, all else is a name. */
export function readRangeChoice(choice: z.infer<typeof RangeChoice>): Interval | string {
  return typeof choice === 'string' ? (parseInterval(choice) ?? choice) : choice;
}
