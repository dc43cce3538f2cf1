import { connect, isProblem, type PortolanClient } from '@portolan/client';
import {
  PortolanError,
  type Position,
  SheetHead,
  type SheetPart,
  type StreamEvent,
  sheetColumns,
} from '@portolan/model';
import { computed, signal } from '@preact/signals';
import {
  applyCore,
  applyListener,
  beginSnapshot,
  coreTopics,
  listeners,
  listenersChanged,
  settleSnapshot,
} from './fleet.ts';
import { heardSocket } from './heard-socket.ts';
import { jsonLines } from './json-lines.ts';
import { countChanges } from './pulse.ts';
import { readiness } from './readiness.ts';
import { leave, type Session } from './session.ts';

/** `opening` until the state is whole for the first time; `lost` while the line is down. */
export const line = signal<'opening' | 'live' | 'lost'>('opening');
/** When something was last heard, and since when nothing can be: ms since 1970. */
export const heardAt = signal(Date.now());
export const lostAt = signal(0);
/** Listeners taken in of those that there are; `undefined` when all are. */
export const loading = signal<{ readonly loaded: number; readonly of: number } | undefined>(undefined);
export const listenersReady = signal(false);

/** A coordinator says something every 10 to 15 s, if only that nothing happened. ms */
const QUIET_FOR_LONG = 25_000;
const LOOK_EVERY = 5_000;
/** Before listeners are asked for again after that failed, ms. */
const TRY_AGAIN_AFTER = 2_000;

const clock = signal(Date.now());
/** Whether what is shown may be old. */
export const stale = computed(() => line.value === 'live' && clock.value - heardAt.value > QUIET_FOR_LONG);

let tryNow = () => {};
/** Tries to connect at once, and not when it would by itself. */
export const reconnect = (): void => tryNow();

/** Follows the fleet until the signal aborts. */
export function follow(session: Session, signal: AbortSignal): void {
  const timer = setInterval(() => {
    clock.value = Date.now();
  }, LOOK_EVERY);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  void followCore(session, signal);
}

async function followCore({ token }: Session, signal: AbortSignal): Promise<void> {
  const WebSocket = heardSocket({
    heard: () => {
      heardAt.value = Date.now();
    },
    lost: () => {
      if (line.peek() === 'live') lostAt.value = Date.now();
      if (line.peek() !== 'opening') line.value = 'lost';
    },
  });
  const client = connect({ url: location.origin, token, WebSocket });
  let position: Position | undefined;
  let listening = false;
  while (!signal.aborted) {
    const attempt = new AbortController();
    tryNow = () => attempt.abort();
    const both = AbortSignal.any([signal, attempt.signal]);
    try {
      const watch = client.watch({
        topics: coreTopics,
        signal: both,
        readiness: (said) => {
          readiness.value = said;
        },
        ...(position !== undefined && { position }),
      });
      if (position === undefined) beginSnapshot();
      for await (const event of watch) {
        if (event.type === 'reset') beginSnapshot();
        if (event.type === 'snapshot') for (const entry of event.entries) applyCore(entry);
        if (event.type === 'change') apply(event.events, applyCore);
        if (event.type === 'synced') {
          settleSnapshot();
          line.value = 'live';
          if (!listening) void followListeners(client, token, signal);
          listening = true;
        }
      }
      position = watch.position;
    } catch (error) {
      end(error);
      return;
    }
  }
}

async function followListeners(client: PortolanClient, token: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const position = await loadSheet(token, signal);
      for await (const event of client.watch({ topics: ['listener'], position, signal })) {
        if (event.type === 'change') apply(event.events, applyListener);
        // A snapshot of whole entries would follow: the sheet is a tenth of it.
        if (event.type === 'reset') break;
      }
    } catch (error) {
      if (isProblem(error, 'unauthorized')) return end(error);
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_AFTER));
    }
  }
}

/** @returns the position that the sheet shows */
async function loadSheet(token: string, signal: AbortSignal): Promise<Position> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch('/v1/listeners/sheet', { headers, signal });
  if (!response.ok || !response.body) {
    const code = response.status === 401 ? 'unauthorized' : 'unreachable';
    throw new PortolanError(code, `the list of listeners was answered with ${response.status}`);
  }
  let head: SheetHead | undefined;
  let loaded = 0;
  for await (const value of jsonLines(response.body)) {
    if (!head) {
      head = SheetHead.parse(value);
      listeners.clear();
      loading.value = { loaded, of: head.listeners };
      continue;
    }
    const part = value as SheetPart;
    if (!isPart(part))
      throw new PortolanError('internal', 'the coordinator and this page are not of one version: load the page again');
    listeners.load(part);
    loaded += part.sockets.length;
    loading.value = { loaded, of: head.listeners };
    listenersChanged();
  }
  if (!head || loaded < head.listeners) throw new PortolanError('unreachable', 'the list of listeners broke off');
  loading.value = undefined;
  listenersReady.value = true;
  listenersChanged();
  return head.position;
}

/** Its frame alone: to test millions of numbers one by one would take longer than to load them. */
function isPart({ strings, cells, sockets }: SheetPart): boolean {
  return Array.isArray(strings) && Array.isArray(sockets) && cells?.length === sockets.length * sheetColumns.length;
}

function apply(events: readonly StreamEvent[], one: (event: StreamEvent) => void): void {
  for (const event of events) one(event);
  countChanges(events.length);
}

function end(error: unknown): void {
  if (isProblem(error, 'unauthorized')) leave('the token is no longer accepted: it was revoked, or its time is over');
  else leave(error instanceof Error ? error.message : String(error));
}
