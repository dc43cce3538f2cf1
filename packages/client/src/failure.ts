import { PortolanError, Problem, type ProblemCode, problemStatus } from '@portolan/model';

/** Problems of the coordinator asked, at this moment: another one, or this one later, may do what was asked. */
const passing: ReadonlySet<ProblemCode> = new Set([
  'store-unavailable',
  'durability-unknown',
  'not-ready',
  'contention',
  'too-many',
  'abandoned',
]);

/** With these nothing was done, where the answer does not say: they are refusals, or come of an older coordinator. */
const undoing: ReadonlySet<ProblemCode> = new Set(['store-unavailable', 'contention', 'too-many', 'abandoned']);

/** What became of an attempt that brought no answer. */
export class Failure {
  readonly reason: string;
  readonly error: PortolanError | undefined;
  /** Surely nothing was done, so that the call may be sent again whatever it is. */
  readonly undone: boolean;
  /** It would be the same at any other time and place. */
  readonly lasting: boolean;
  /** ms */
  readonly retryAfter: number;

  constructor(of: { reason: string; error?: PortolanError; undone?: boolean; lasting?: boolean; retryAfter?: number }) {
    this.reason = of.reason;
    this.error = of.error;
    this.undone = of.undone ?? false;
    this.lasting = of.lasting ?? false;
    this.retryAfter = of.retryAfter ?? 0;
  }
}

export function refused(response: Response, answer: unknown, url: string): Failure {
  const problem = Problem.safeParse(answer);
  if (!problem.success) {
    // A gateway in between, or something else that has the port.
    const reason = `HTTP ${response.status}, but not from a coordinator`;
    if (response.status >= 502 && response.status <= 504) return new Failure({ reason });
    return new Failure({ reason, error: notACoordinator(url, reason), lasting: true });
  }
  const error = PortolanError.from(problem.data);
  const lasting = !passing.has(error.code);
  const undone = problem.data.mayHaveBeenDone === undefined ? undoing.has(error.code) : !problem.data.mayHaveBeenDone;
  const retryAfter = Number(response.headers.get('retry-after') ?? 0) * 1000;
  return new Failure({ reason: error.message, error, undone, lasting, retryAfter: retryAfter || 0 });
}

/** Code of a connection without TLS to what expects TLS: whoever has sockets of its own finds that out. */
export const SPEAKS_TLS = 'PORTOLAN_SPEAKS_TLS';
const UNTRUSTED =
  "its certificate is of an authority that this program does not trust: set PORTOLAN_CA to the authority's PEM file";

/** Causes which tell that no request can have reached anybody. */
const unsent: Record<string, string> = {
  [SPEAKS_TLS]: 'it speaks TLS: write https:// instead of http://',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'no such host name',
  EAI_AGAIN: 'the host name could not be looked up',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
};

export function networkFailure(error: unknown): Failure {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  // Refused before a byte was sent.
  if (cause instanceof PortolanError) return new Failure({ reason: cause.message, error: cause, undone: true });
  const known = unsent[cause?.code ?? ''];
  if (known) return new Failure({ reason: known, undone: true });
  return new Failure({ reason: cause?.message || (error instanceof Error ? error.message : String(error)) });
}

/** The error of a call of which some attempt may have been done; a refusal stays as it is. */
export function inDoubt(error: PortolanError): PortolanError {
  const { code, message, data, cause } = error;
  const status = problemStatus[code];
  if (status !== 408 && status < 500) return error;
  return new PortolanError(code, message, { ...data, mayHaveBeenDone: true }, { cause });
}

export function unreachable(tried: ReadonlyMap<string, string>): PortolanError {
  const list = [...tried].map(([url, reason]) => `${url} (${reason})`).join(', ');
  // Somebody is there, and the reason says what to do.
  const isThere = [...tried.values()].some((reason) => reason === UNTRUSTED || reason === unsent[SPEAKS_TLS]);
  const advice = isThere ? '' : ' Start one with "portolan up", or name the right one with PORTOLAN_URL.';
  return new PortolanError('unreachable', `No coordinator answered: ${list}.${advice}`, {
    tried: [...tried].map(([url, reason]) => ({ url, reason })),
    mayHaveBeenDone: false,
  });
}

export function unknownOutcome(url: string, failure: Failure, call: string): PortolanError {
  if (failure.error) return failure.error;
  return new PortolanError(
    'unreachable',
    `${url} gave no answer to ${call} (${failure.reason}), so whether it was done is not known. ` +
      'Look first, then ask again.',
    { tried: [{ url, reason: failure.reason }], mayHaveBeenDone: true },
  );
}

export function notACoordinator(url: string, reason: string): PortolanError {
  return new PortolanError(
    'unreachable',
    `${url} is no Portolan coordinator: it answered ${reason}. Name the right one with PORTOLAN_URL.`,
    { tried: [{ url, reason }] },
  );
}
