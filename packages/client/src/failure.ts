import type { Problem, ProblemCode } from '@portolan/model';
import { PortolanError, problemStatus } from '@portolan/model/plain';
import type { Schema } from './answers.ts';

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
  /** Nobody is there: this machine itself refuses the connection, or a browser lets the page not through. */
  readonly nobody: boolean;
  /** ms */
  readonly retryAfter: number;

  constructor(of: { reason: string } & Partial<Failure>) {
    this.reason = of.reason;
    this.error = of.error;
    this.undone = of.undone ?? false;
    this.lasting = of.lasting ?? false;
    this.nobody = of.nobody ?? false;
    this.retryAfter = of.retryAfter ?? 0;
  }
}

export function refused(response: Response, problem: ReturnType<Schema<Problem>['safeParse']>, url: string): Failure {
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
export const SPEAKS_TLS = 'ERR_SPEAKS_TLS';
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

export function networkFailure(error: unknown, url: string): Failure {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  // Refused before a byte was sent.
  if (cause instanceof PortolanError) return new Failure({ reason: cause.message, error: cause, undone: true });
  const known = unsent[cause?.code ?? ''];
  if (known)
    return new Failure({ reason: known, undone: true, nobody: cause?.code === 'ECONNREFUSED' && isLoopback(url) });
  const reason = cause?.message || (error instanceof Error ? error.message : String(error));
  return new Failure({ reason, nobody: cause === undefined && foreignOrigin(url) !== undefined });
}

function isLoopback(url: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}

/** The origin of the page that this runs in, if it is a page, and of another origin than the URL. */
export function foreignOrigin(url: string): string | undefined {
  const origin = (globalThis as { location?: { origin?: string } }).location?.origin;
  return origin !== undefined && origin !== new URL(url).origin ? origin : undefined;
}

/** The error of a call of which some attempt may have been done; a refusal stays as it is. */
export function inDoubt(error: PortolanError): PortolanError {
  const { code, message, data, cause } = error;
  const status = problemStatus[code];
  if (status !== 408 && status < 500) return error;
  return new PortolanError(code, message, { ...data, mayHaveBeenDone: true }, { cause });
}

/** @param origin of the page that was not let through: a browser does not say whether anybody is there */
export function unreachable(tried: ReadonlyMap<string, string>, origin?: string): PortolanError {
  const list = [...tried].map(([url, reason]) => `${url} (${reason})`).join(', ');
  // Somebody is there, and the reason says what to do.
  const isThere = [...tried.values()].some((reason) => reason === UNTRUSTED || reason === unsent[SPEAKS_TLS]);
  const advice = isThere ? '' : ' Start one with "portolan up", or name the right one with PORTOLAN_URL.';
  return new PortolanError(
    'unreachable',
    origin === undefined
      ? `No coordinator answered: ${list}.${advice}`
      : `No coordinator answered this page: ${list}. If it runs, it does not allow pages of another origin: start it with ` +
          `--allow-origin ${origin}. If it does not, start it so: portolan up --allow-origin ${origin}`,
    { tried: [...tried].map(([url, reason]) => ({ url, reason })), mayHaveBeenDone: false },
  );
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
