import { CoordinatorProof, PortolanError, type ProofRequest, TIMEOUT_HEADER, TIMEOUT_MAX } from '@portolan/model';
import { backoff, pause } from './backoff.ts';
import { Failure, inDoubt, networkFailure, notACoordinator, refused, unknownOutcome, unreachable } from './failure.ts';
import { tryJson } from './json.ts';

/** One call of the HTTP API. */
export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** From `/v1/` on, its parts encoded. */
  path: string;
  query?: object | undefined;
  body?: unknown;
  /** Whether doing it twice comes to the same as doing it once: then it is sent again when its outcome is unknown. */
  repeatable: boolean;
  /** It takes something away: that it is not found, after an attempt that may have been done, is success. */
  removes?: boolean;
  signal?: AbortSignal | undefined;
  /** For this call, instead of the transport's own, ms. */
  timeout?: number;
  patience?: number;
}

export interface TransportOptions {
  /** At least one, without a slash at the end. */
  urls: readonly string[];
  token: string;
  fetch: typeof fetch;
  /** For each attempt, ms. Its coordinator is told, and does not begin it after that. */
  timeout: number;
  /** How long a call goes on trying, ms. With 0, each coordinator is tried once. */
  patience: number;
  /** Ends all calls. */
  signal?: AbortSignal | undefined;
}

/** An answer larger than this is refused rather than read into memory. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

/** Coordinators that are tried in turn. */
const URLS_MAX = 32;
/** How long a proof counts, and how long whoever answers may take for it, ms. */
const PROVED_FOR = 10_000;
const PROOF_WITHIN = 5_000;
const READY_WITHIN = 2_000;

/**
 * Whether a coordinator of this fleet answers at a URL that somebody else named.
 *
 * @param ask it for a proof, without a token
 */
export type IsOurs = (url: string, ask: (request: ProofRequest) => Promise<CoordinatorProof>) => Promise<boolean>;
const RETRY_BASE = 100;
const RETRY_CAP = 2_000;

/** Sends calls to whichever coordinator works, and stays with it. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #urls: string[];
  /** Those that were not named by hand, and when they proved last to be of this fleet, ms; 0: never. */
  readonly #learned = new Map<string, number>();
  #isOurs: IsOurs = async () => false;
  #current = 0;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#urls = [...options.urls];
  }

  get token(): string {
    return this.#options.token;
  }

  /** The coordinator that the next call goes to. */
  get url(): string {
    return this.#urls[this.#current] as string;
  }

  /**
   * Further coordinators, which are tried when those named at the beginning fail. Those that are known stay. They are
   * shown the token only after they have proved to be of this fleet, and again when they failed meanwhile.
   */
  learn(urls: readonly string[], isOurs: IsOurs): void {
    this.#isOurs = isOurs;
    for (const url of urls) {
      if (this.#urls.includes(url) || this.#urls.length >= URLS_MAX) continue;
      this.#urls.push(url);
      this.#learned.set(url, 0);
    }
  }

  /** Turns to the next coordinator, unless another call already turned away from `url`. */
  passOver(url: string): void {
    if (this.#learned.has(url)) this.#learned.set(url, 0);
    if (this.url === url) this.#current = (this.#current + 1) % this.#urls.length;
  }

  /** Whether the coordinator may be shown the token: it was named by hand, or has proved to be of this fleet. */
  async isTrusted(url: string): Promise<boolean> {
    const proved = this.#learned.get(url);
    if (proved === undefined) return true;
    if (proved > 0 && performance.now() - proved < PROVED_FOR) return true;
    const isOurs = await this.#isOurs(url, (request) => this.#askForProof(url, request)).catch(() => false);
    this.#learned.set(url, isOurs ? performance.now() : 0);
    return isOurs;
  }

  /** Whether a coordinator answers that can take commands; none is shown the token. */
  async isReady(): Promise<boolean> {
    for (const url of this.#urls) {
      const signal = AbortSignal.timeout(READY_WITHIN);
      const answer = await this.#options.fetch(`${url}/readyz`, { redirect: 'error', signal }).catch(() => undefined);
      await answer?.body?.cancel();
      if (answer?.status === 200 && (await this.isTrusted(url))) return true;
    }
    return false;
  }

  async #askForProof(url: string, request: ProofRequest): Promise<CoordinatorProof> {
    const response = await this.#options.fetch(`${url}/v1/proof`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(request),
      redirect: 'error',
      signal: AbortSignal.timeout(PROOF_WITHIN),
    });
    return CoordinatorProof.parse(tryJson(await readText(response)));
  }

  /**
   * @returns the parsed JSON of the answer; `null` when what it removes was gone after an attempt that may have been done
   * @throws PortolanError the coordinator's problem, or `unreachable` with what was tried. `mayHaveBeenDone` in its data
   * speaks of all attempts
   */
  async send(call: Call): Promise<unknown> {
    const urls = this.#urls;
    const patience = call.patience ?? this.#options.patience;
    const started = performance.now();
    const tried = new Map<string, string>();
    let doubtful = false;
    for (let attempt = 1; ; attempt++) {
      const url = this.url;
      const attempted = await this.#attempt(url, call);
      if (!(attempted instanceof Failure)) return attempted.answer;

      tried.set(url, attempted.reason);
      if (attempted.lasting) {
        if (doubtful && call.removes && attempted.error?.code === 'not-found') return null;
        throw doubtful && attempted.error ? inDoubt(attempted.error) : attempted.error;
      }
      if (!attempted.undone && !call.repeatable) throw unknownOutcome(url, attempted, `${call.method} ${call.path}`);
      // To read does nothing that could have been done.
      doubtful ||= !attempted.undone && call.method !== 'GET';
      this.passOver(url);
      if (attempt % urls.length !== 0) continue;

      const wait = Math.max(
        attempted.retryAfter,
        backoff(attempt / urls.length - 1, RETRY_BASE, RETRY_CAP, Math.random()),
      );
      if (performance.now() - started + wait > patience) {
        const error = attempted.error ?? unreachable(tried);
        throw doubtful ? inDoubt(error) : error;
      }
      await pause(wait, call.signal);
      call.signal?.throwIfAborted();
    }
  }

  async #attempt(url: string, call: Call): Promise<{ answer: unknown } | Failure> {
    const { token } = this.#options;
    const asked = Math.ceil(call.timeout ?? this.#options.timeout);
    const timeout = Math.min(Math.max(asked, 1), TIMEOUT_MAX);
    const limit = AbortSignal.timeout(timeout);
    const ends = [limit, call.signal, this.#options.signal].filter((each) => each !== undefined);
    const signal = ends.length > 1 ? AbortSignal.any(ends) : limit;
    if (!(await this.isTrusted(url))) {
      return new Failure({ reason: 'it did not prove to be a coordinator of this fleet, so it was shown no token' });
    }
    try {
      const response = await this.#options.fetch(url + call.path + queryString(call.query), {
        method: call.method,
        headers: {
          authorization: `Bearer ${token}`,
          accept: 'application/json',
          [TIMEOUT_HEADER]: String(timeout),
          ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        // A token is for the coordinator that it was given for, not for wherever that one points.
        redirect: 'error',
        signal,
      });
      const text = await readText(response);
      return response.ok
        ? { answer: text === '' ? null : parseJson(text, url) }
        : refused(response, tryJson(text), url);
    } catch (error) {
      call.signal?.throwIfAborted();
      if (error instanceof PortolanError) return new Failure({ reason: error.message, error, lasting: true });
      if (limit.aborted) return new Failure({ reason: `no answer within ${timeout / 1000} s` });
      return networkFailure(error);
    }
  }
}

async function readText(response: Response): Promise<string> {
  const declared = Number(response.headers.get('content-length') ?? Number.NaN);
  if (declared > ANSWER_BYTES_MAX) throw tooLarge();
  // Without an encoding the declared length bounds what is read, and the platform's own reading is the fastest.
  if (Number.isFinite(declared) && !response.headers.has('content-encoding')) return response.text();
  if (!response.body) return '';
  const decoder = new TextDecoder();
  let bytes = 0;
  let text = '';
  const reader = response.body.getReader();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    bytes += chunk.value.byteLength;
    if (bytes > ANSWER_BYTES_MAX) {
      await reader.cancel();
      throw tooLarge();
    }
    text += decoder.decode(chunk.value, { stream: true });
  }
  return text + decoder.decode();
}

function tooLarge(): PortolanError {
  return new PortolanError(
    'too-large',
    `The answer is larger than ${ANSWER_BYTES_MAX} bytes. Ask for less at once, with a filter or a smaller limit.`,
  );
}

function parseJson(text: string, url: string): unknown {
  const value = tryJson(text);
  if (value === undefined) throw notACoordinator(url, 'something that is not JSON');
  return value;
}

function queryString(query: object | undefined): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) parameters.set(name, String(value));
  }
  return parameters.size > 0 ? `?${parameters}` : '';
}
