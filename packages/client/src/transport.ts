import type { CoordinatorProof, ProofRequest } from '@portolan/model';
import { PortolanError, TIMEOUT_HEADER, TIMEOUT_MAX } from '@portolan/model/plain';
import type { Answers } from './answers.ts';
import { backoff, pause } from './backoff.ts';
import {
  Failure,
  foreignOrigin,
  inDoubt,
  networkFailure,
  notACoordinator,
  refused,
  unknownOutcome,
  unreachable,
} from './failure.ts';
import { tryJson } from './json.ts';
import { LearnedUrls } from './learned-urls.ts';

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
  answers: Answers;
  /** For each attempt, ms. Its coordinator is told, and does not begin it after that. */
  timeout: number;
  /** How long a call goes on trying, ms. With 0, each coordinator is tried once. */
  patience: number;
  /** The same while nobody seems to be there at all: see `Failure.nobody`. */
  patienceWithNobody: number;
  /** Ends all calls. */
  signal?: AbortSignal | undefined;
}

/** An answer larger than this is refused rather than read into memory. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

/** How long one may take for a proof, and to say whether it is ready, ms. */
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
  readonly #learned: LearnedUrls;
  #isOurs: IsOurs = async () => false;
  #current: string;
  /** One has answered, so that its silence is an outage. */
  #hasMet = false;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#current = options.urls[0] as string;
    const ask = async (url: string) => this.#isOurs(url, (request) => this.#askForProof(url, request));
    this.#learned = new LearnedUrls(ask, options.signal);
  }

  get token(): string {
    return this.#options.token;
  }

  get answers(): Answers {
    return this.#options.answers;
  }

  /** The coordinator that the next call goes to. */
  get url(): string {
    const urls = this.urls;
    return urls.includes(this.#current) ? this.#current : (urls[0] as string);
  }

  /** Those named by hand, and those learned that have proved to be of this fleet. */
  get urls(): readonly string[] {
    return [...this.#options.urls, ...this.#learned.proven];
  }

  /**
   * All further coordinators that others name, instead of those that they named before. Each is asked for a proof; those
   * that give it are tried when those named by hand fail. They are shown the token only while that proof is fresh, and
   * have to prove anew when they failed meanwhile.
   */
  learn(urls: readonly string[], isOurs: IsOurs): void {
    this.#isOurs = isOurs;
    this.#learned.name(urls.filter((url) => !this.#options.urls.includes(url)));
  }

  /** Turns to the next coordinator, unless another call already turned away from `url`. */
  passOver(url: string): void {
    this.#learned.doubt(url);
    if (this.url !== url) return;
    const urls = this.urls;
    this.#current = urls[(urls.indexOf(url) + 1) % urls.length] as string;
  }

  /** Whether the coordinator may be shown the token: it was named by hand, or has proved to be of this fleet. */
  async isTrusted(url: string): Promise<boolean> {
    return this.#options.urls.includes(url) || this.#learned.isTrusted(url);
  }

  /** Whether a coordinator answers that can take commands; none is shown the token. One that is slow holds up nothing. */
  async isReady(): Promise<boolean> {
    const found = new AbortController();
    const signal = AbortSignal.any([found.signal, AbortSignal.timeout(READY_WITHIN)]);
    const asked = this.urls.map(async (url) => {
      const answer = await this.#options.fetch(`${url}/readyz`, { redirect: 'error', signal });
      await answer.body?.cancel();
      if (answer.status !== 200 || !(await this.isTrusted(url))) throw new Error('not ready');
    });
    const isReady = await Promise.any(asked).then(
      () => true,
      () => false,
    );
    found.abort();
    return isReady;
  }

  async #askForProof(url: string, request: ProofRequest): Promise<CoordinatorProof> {
    const response = await this.#options.fetch(`${url}/v1/proof`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(request),
      redirect: 'error',
      signal: AbortSignal.timeout(PROOF_WITHIN),
    });
    const proof = this.answers.CoordinatorProof.safeParse(tryJson(await readText(response)));
    if (!proof.success) throw proof.error;
    return proof.data;
  }

  /**
   * @returns the parsed JSON of the answer; `null` when what it removes was gone after an attempt that may have been done
   * @throws PortolanError the coordinator's problem, or `unreachable` with what was tried. `mayHaveBeenDone` in its data
   * speaks of all attempts
   */
  async send(call: Call): Promise<unknown> {
    const patience = call.patience ?? this.#options.patience;
    const started = performance.now();
    const tried = new Map<string, string>();
    let doubtful = false;
    // In each round every one is tried once, though other calls turn to others and the list changes meanwhile.
    let round = new Set<string>();
    let nobody = true;
    for (let rounds = 0; ; ) {
      const url = round.has(this.url) ? (this.urls.find((each) => !round.has(each)) ?? this.url) : this.url;
      const attempted = await this.#attempt(url, call);
      if (!(attempted instanceof Failure)) {
        this.#current = url;
        return attempted.answer;
      }
      round.add(url);

      tried.set(url, attempted.reason);
      nobody &&= attempted.nobody;
      if (attempted.lasting) {
        if (doubtful && call.removes && attempted.error?.code === 'not-found') return null;
        throw doubtful && attempted.error ? inDoubt(attempted.error) : attempted.error;
      }
      if (!attempted.undone && !call.repeatable) throw unknownOutcome(url, attempted, `${call.method} ${call.path}`);
      // To read does nothing that could have been done.
      doubtful ||= !attempted.undone && call.method !== 'GET';
      this.passOver(url);
      if (this.urls.some((each) => !round.has(each))) continue;

      round = new Set();
      const wait = Math.max(attempted.retryAfter, backoff(rounds++, RETRY_BASE, RETRY_CAP, Math.random()));
      const isAlone = nobody && !this.#hasMet;
      nobody = true;
      const limit = isAlone ? Math.min(patience, this.#options.patienceWithNobody) : patience;
      if (performance.now() - started + wait > limit) {
        const error =
          attempted.error ?? unreachable(tried, isAlone && !attempted.undone ? foreignOrigin(url) : undefined);
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
      this.#hasMet = true;
      const text = await readText(response);
      return response.ok
        ? { answer: text === '' ? null : parseJson(text, url) }
        : refused(response, this.answers.Problem.safeParse(tryJson(text)), url);
    } catch (error) {
      call.signal?.throwIfAborted();
      if (error instanceof PortolanError) return new Failure({ reason: error.message, error, lasting: true });
      if (limit.aborted) return new Failure({ reason: `no answer within ${timeout / 1000} s` });
      return networkFailure(error, url);
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
