import type { Filter, Position, Readiness, ResetReason, StreamEvent, Topic } from '@portolan/model';
import { backoff, pause } from './backoff.ts';
import { openStream } from './stream.ts';
import type { Transport } from './transport.ts';

export interface WatchOptions {
  topics: readonly Topic[];
  filter?: Filter;
  /** Go on after this position; without it the watch begins with a snapshot. */
  position?: Position;
  /** Ends the watch, without an error. */
  signal?: AbortSignal;
  /** Told when the connection is lost or cannot be made; `synced` tells that it stands again. */
  lost?(): void;
  /**
   * Told how the coordinator itself does: with each connection, and when it changes. Whether its store answers, its copy
   * keeps up, and somebody leads: so whether what the watch shows is so now. Coordinators of earlier releases do not say.
   */
  readiness?(readiness: Readiness): void;
}

export type WatchEvent =
  /** A part of the state; `synced` ends the snapshot. */
  | { type: 'snapshot'; entries: StreamEvent[] }
  /** From here on changes are live. Comes again after each connection that was lost and resumed. */
  | { type: 'synced' }
  /** What was committed together, in order: one commit, or several that share a position. */
  | { type: 'change'; events: StreamEvent[]; position: Position }
  /** Forget what you have: a snapshot follows. `interrupted`: the connection broke amid a snapshot. */
  | { type: 'reset'; reason: ResetReason | 'interrupted' };

/** One pass over the fleet's changes, which goes on by itself after a lost connection. */
export interface Watch extends AsyncIterable<WatchEvent> {
  /**
   * All that happened up to here was delivered, and the consumer has come back for more: safe to store and to resume
   * from. `undefined` until the first snapshot is whole.
   */
  readonly position: Position | undefined;
}

const RECONNECT_BASE = 250;
const RECONNECT_CAP = 10_000;

export function watch(transport: Transport, WebSocketClass: typeof WebSocket, options: WatchOptions): Watch {
  const ended = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, ended.signal]) : ended.signal;
  let position = options.position;
  const events = follow();

  return {
    get position() {
      return position;
    },
    [Symbol.asyncIterator]: () => ({
      next: () => events.next(),
      // The generator may wait for a frame: abort, or it would return only after the next one.
      return: () => {
        ended.abort();
        return events.return(undefined);
      },
    }),
  };

  async function* follow(): AsyncGenerator<WatchEvent, undefined> {
    let failures = 0;
    let partial = false;
    while (!signal.aborted) {
      const url = transport.url;
      let heard = false;
      let live = false;
      if (partial) yield { type: 'reset', reason: 'interrupted' };
      partial = false;
      const { topics, filter = {} } = options;
      const { token } = transport;
      if (!(await transport.isTrusted(url))) {
        transport.passOver(url);
        await pause(backoff(failures++, RECONNECT_BASE, RECONNECT_CAP, Math.random()), signal);
        continue;
      }
      for await (const frame of openStream({
        url,
        token,
        topics,
        filter,
        position,
        readiness: options.readiness !== undefined,
        WebSocket: WebSocketClass,
        answers: transport.answers,
        signal,
      })) {
        heard = true;
        switch (frame.type) {
          case 'snapshot':
            partial = true;
            yield { type: 'snapshot', entries: frame.entries };
            break;
          case 'synced':
            yield { type: 'synced' };
            partial = false;
            live = true;
            position = frame.position;
            failures = 0;
            break;
          case 'changes':
            for (const change of together(frame.commits)) {
              yield { type: 'change', ...change };
              position = change.position;
            }
            break;
          case 'bookmark':
            // Amid a snapshot it tells nothing of what was delivered.
            if (live) position = frame.position;
            break;
          case 'readiness':
            options.readiness?.(frame.readiness);
            break;
          case 'reset':
            position = undefined;
            partial = false;
            live = false;
            yield { type: 'reset', reason: frame.reason };
            break;
        }
      }
      if (!signal.aborted) options.lost?.();
      if (!heard) transport.passOver(url);
      await pause(backoff(failures++, RECONNECT_BASE, RECONNECT_CAP, Math.random()), signal);
    }
    return undefined;
  }
}

/** Commits of one group share a position, which counts only when all of them were delivered. */
function together(commits: readonly { position: Position; events: StreamEvent[] }[]) {
  const groups: { position: Position; events: StreamEvent[] }[] = [];
  for (const { position, events } of commits) {
    const last = groups.at(-1);
    if (last?.position === position) last.events.push(...events);
    else groups.push({ position, events: [...events] });
  }
  return groups;
}
