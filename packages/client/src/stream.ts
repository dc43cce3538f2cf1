import type { ClientFrame, Filter, Position, ServerFrame, Topic } from '@portolan/model';
import { closeCodes, PortolanError } from '@portolan/model/plain';
import type { Answers } from './answers.ts';
import { unref } from './backoff.ts';
import { tryJson } from './json.ts';

export interface StreamOptions {
  /** Of the coordinator: `http://…` or `https://…`. */
  url: string;
  token: string;
  topics: readonly Topic[];
  filter: Filter;
  position: Position | undefined;
  /** Whether to be told how the coordinator does. */
  readiness: boolean;
  WebSocket: typeof WebSocket;
  answers: Pick<Answers, 'ServerFrame'>;
  signal: AbortSignal;
}

/** Changes that wait for a slow consumer may take this much, in UTF-16 units; then the connection is given up. */
const WAITING_MAX = 1024 * 1024;

/** A coordinator sends a bookmark when nothing else happens; after such a silence the connection is taken for dead, ms. */
const SILENCE_MAX = 45_000;

/** How long a connection may take to open, ms. */
const OPENING_MAX = 10_000;

/**
 * One connection to `/v1/stream`, frame by frame. It ends when the connection does, when its signal aborts, or when
 * the consumer is so slow that frames pile up: then what came in is still delivered, and the caller resumes after it.
 * A browser's WebSocket cannot be paused, so to stop reading is to close.
 *
 * @throws PortolanError when it is no use to come again: `unauthorized`, `invalid-request`
 */
export async function* openStream(options: StreamOptions): AsyncGenerator<ServerFrame, void> {
  const waiting: ServerFrame[] = [];
  const sizes: number[] = [];
  let size = 0;
  let loading = false;
  let closed = false;
  let refusal: PortolanError | undefined;
  let wake = () => {};

  const socket = new options.WebSocket(addressOf(options));
  let silence: ReturnType<typeof setTimeout> | undefined;

  const stop = (error?: PortolanError) => {
    if (closed) return;
    closed = true;
    refusal = error;
    clearTimeout(silence);
    socket.close();
    wake();
  };
  const abort = () => stop();
  /** The connection has this long, ms, until something must be heard of it. */
  const expect = (limit: number) => {
    clearTimeout(silence);
    silence = setTimeout(abort, limit);
    unref(silence);
  };
  expect(OPENING_MAX);

  socket.addEventListener('open', () => {
    if (closed) return;
    expect(SILENCE_MAX);
    const { token, topics, filter, position } = options;
    const say = (frame: ClientFrame) => socket.send(JSON.stringify(frame));
    say({ type: 'auth', token });
    say({ type: 'subscribe', topics: [...topics], filter, ...(position === undefined ? {} : { position }) });
  });
  socket.addEventListener('message', ({ data }: { data: unknown }) => {
    if (closed) return;
    expect(SILENCE_MAX);
    const text = String(data);
    const json = tryJson(text);
    if (isOfLater(json)) return;
    const frame = options.answers.ServerFrame.safeParse(json);
    if (!frame.success) return stop(notAStream(options.url));
    const { type } = frame.data;
    if (type === 'snapshot' || type === 'synced') loading = type === 'snapshot';
    // A snapshot is no larger than the state that was asked for, and to begin it again would never end.
    const counted = type === 'snapshot' ? 0 : text.length;
    waiting.push(frame.data);
    sizes.push(counted);
    size += counted;
    if (!loading && size > WAITING_MAX && waiting.length > 1) return stop();
    wake();
  });
  socket.addEventListener('close', ({ code, reason }: { code: number; reason: string }) => {
    stop(code >= closeCodes.badFrame && code < 5000 ? closeError(code, reason, options.url) : undefined);
  });
  // A close follows each error; without a listener some implementations would throw.
  socket.addEventListener('error', () => {});
  options.signal.addEventListener('abort', abort);

  try {
    while (!options.signal.aborted) {
      const frame = waiting.shift();
      if (frame) {
        size -= sizes.shift() ?? 0;
        yield frame;
      } else if (closed) {
        if (refusal) throw refusal;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    options.signal.removeEventListener('abort', abort);
    stop();
  }
}

/** Asked for in the address: a coordinator of an earlier release refuses a frame with what it does not know. */
function addressOf({ url, readiness }: StreamOptions): string {
  return `${url.replace(/^http/, 'ws')}/v1/stream${readiness ? '?readiness=true' : ''}`;
}

const known: Readonly<Record<ServerFrame['type'], true>> = {
  snapshot: true,
  synced: true,
  changes: true,
  bookmark: true,
  reset: true,
  readiness: true,
};

/** A frame of a type that a later release sends; what it tells is nothing that this one waits for. */
function isOfLater(json: unknown): boolean {
  const type = (json as { type?: unknown } | null | undefined)?.type;
  return typeof type === 'string' && !Object.hasOwn(known, type);
}

function closeError(code: number, reason: string, url: string): PortolanError {
  return code === closeCodes.unauthorized
    ? new PortolanError(
        'unauthorized',
        `${url} ended the stream: ${reason || 'the token is not, or no longer, accepted'}`,
      )
    : new PortolanError('invalid-request', `${url} ended the stream: ${reason || `close code ${code}`}`);
}

function notAStream(url: string): PortolanError {
  return new PortolanError('internal', `${url} sent a frame that this client does not understand. Update the client.`);
}
