import type * as model from '@portolan/model';
import { problemStatus } from '@portolan/model/plain';
import type { Answers, Schema } from './answers.ts';

type Fields = Record<string, unknown>;
type Test = (value: unknown) => boolean;

/**
 * Without the schemas: what the client itself goes by is tested (ports, tokens, leases, frames of the stream, errors). Of the
 * rest only that it is an object; a page that shows it has its coordinator's word for it.
 */
export const plainAnswers: Answers = {
  AssignmentView: object({ port: isPort, endpoint: isObject, token: isVersion }),
  Caller: object(),
  CoordinatorProof: object(),
  EndResponse: object({ endings: isArray }),
  EnrolmentMade: object(),
  FreePorts: object({ ports: (ports) => Array.isArray(ports) && ports.every(isPort) }),
  GossipAccess: object(),
  Host: object({ id: isText }),
  KeyReport: object(),
  Login: object({ code: isText }),
  PlanDiff: object(),
  PlanView: object(),
  PortReport: object({ port: isPort, assignments: isArray, listeners: isArray }),
  Problem: object<model.Problem>({
    code: (code) => typeof code === 'string' && Object.hasOwn(problemStatus, code),
    detail: isText,
    mayHaveBeenDone: (value) => value === undefined || typeof value === 'boolean',
  }),
  ProvisionalResponse: object(),
  Readiness: object({ store: isObject, leader: isObject, copy: isObject }),
  ReleaseResponse: object({ released: isArray }),
  RenewResponse: object({ renewed: listOf({ id: isText }), lost: listOf({ id: isText }) }),
  ReportResponse: object(),
  Reservation: object<model.Reservation>({
    port: isPort,
    ports: (value) => isObject(value) && Object.values(value).every(isPort),
    assignments: listOf({ protocol: isText, port: isPort, endpoint: isObject, token: isVersion }),
    token: isVersion,
    lease: (value) => value === null || meets({ id: isText, ttl: isTtl }, value),
    created: (value) => typeof value === 'boolean',
  }),
  ServerFrame: {
    safeParse(value) {
      const frame = isObject(value) ? frames.get(String(value.type)) : undefined;
      return frame && meets(frame, value) ? { success: true, data: value as model.ServerFrame } : failed;
    },
  },
  Source: object({ agent: isText }),
  // An older coordinator does not tell whether it is less durable than it should be.
  Status: object<model.Status>({ position: isText }, { lowered: null }),
  TokenMade: object({ token: isObject }),
  TokenView: object(),
  WebhookSet: object(),
  WebhookTest: object(),
};

const failed = { success: false, error: 'it is not of the shape that is expected' } as const;

const frames = new Map<string, Record<string, Test>>([
  ['snapshot', { entries: listOf(eventTests()), position: isText }],
  ['synced', { position: isText }],
  ['changes', { commits: listOf({ position: isText, events: listOf(eventTests()) }) }],
  ['bookmark', { position: isText }],
  ['reset', { reason: isText }],
  ['readiness', { readiness: isObject }],
]);

function eventTests(): Record<string, Test> {
  return { op: (op) => op === 'put' || op === 'delete', topic: isText, key: isText };
}

function object<T>(tests: Record<string, Test> = {}, defaults: Partial<T> = {}): Schema<T> {
  return {
    safeParse(value) {
      return meets(tests, value) ? { success: true, data: { ...defaults, ...(value as T) } } : failed;
    },
  };
}

function meets(tests: Record<string, Test>, value: unknown): boolean {
  return isObject(value) && Object.entries(tests).every(([name, passes]) => passes(value[name]));
}

function listOf(tests: Record<string, Test>): Test {
  return (value) => Array.isArray(value) && value.every((each) => meets(tests, each));
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isArray(value: unknown): boolean {
  return Array.isArray(value);
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535;
}

/** Timers go by it. */
function isTtl(value: unknown): boolean {
  return typeof value === 'number' && value >= 1 && value <= 1e6;
}

function isVersion(value: unknown): boolean {
  return typeof value === 'string' && /^\d+\.\d+$/.test(value);
}
