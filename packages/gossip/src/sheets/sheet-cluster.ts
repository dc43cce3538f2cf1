import { type Gossip, type GossipOptions, startGossip } from '../gossip.ts';
import type { GossipEvent } from '../serf/serf.ts';
import { realClock } from '../sockets/clock.ts';
import { WireError } from '../wire/error.ts';
import type { SheetChange } from './copies.ts';
import { Sheets, type SheetsOptions } from './sheets.ts';

export interface SheetClusterOptions extends Omit<GossipOptions, 'delegate' | 'bind'> {
  /** Address to listen on. */
  readonly host: string;
  /** Ports to try in turn, where one is taken; 0: any that is free. */
  readonly ports: readonly number[];
  readonly sheets: Pick<SheetsOptions, 'seals' | 'accepts' | 'sizeOf' | 'refused' | 'limit'>;
}

/** Members that keep copies of each other's sheets. */
export interface SheetCluster {
  readonly gossip: Gossip;
  readonly sheets: Sheets;
  /** What could not be read of what others said of sheets. */
  readonly unreadable: number;
  /** Calls for each change of a sheet, this member's own too. @returns what ends that */
  onChange(listener: (change: SheetChange) => void): () => void;
  /** Calls for whatever happens in the cluster. @returns what ends that */
  onEvent(listener: (event: GossipEvent) => void): () => void;
  /** Says goodbye, then closes. */
  stop(): Promise<void>;
}

/**
 * Takes part in gossip, with sheets.
 *
 * @throws GossipError `invalid`; Error of the system, with `code`, for the last port that was tried
 */
export async function startSheetCluster(options: SheetClusterOptions): Promise<SheetCluster> {
  const { host, ports, sheets: bounds, ...rest } = options;
  const changes = new Set<(change: SheetChange) => void>();
  const events = new Set<(event: GossipEvent) => void>();
  let unreadable = 0;
  const reading = (read: () => void) => {
    try {
      read();
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      unreadable++;
    }
  };
  const channel = {
    name: options.name,
    broadcast: (payload: Uint8Array, how?: { key?: string }) => gossip.broadcast(payload, how),
    send: (member: string, payload: Uint8Array) => gossip.send(member, payload),
  };
  const sheets = new Sheets({
    ...bounds,
    channel,
    clock: realClock,
    wallClock: Date.now,
    random: Math.random,
    changed: (change) => {
      for (const listener of changes) listener(change);
    },
  });
  const gossip: Gossip = await startOnFirst(ports, (port) =>
    startGossip({
      // Whoever has the key of gossip can vote in anybody's name; who writes a sheet is known by its signature alone.
      stopOnConflict: false,
      ...rest,
      bind: { host, port },
      delegate: {
        event(event) {
          for (const listener of events) listener(event);
        },
        message: (payload, from) => reading(() => sheets.receive(payload, from)),
        appState: () => sheets.inventory(),
        mergeAppState: (state) => reading(() => sheets.compare(state)),
      },
    }),
  );
  return {
    gossip,
    sheets,
    get unreadable() {
      return unreadable;
    },
    onChange: (listener) => subscribe(changes, listener),
    onEvent: (listener) => subscribe(events, listener),
    async stop() {
      sheets.stop();
      await gossip.leave().catch(() => {});
      await gossip.stop();
    },
  };
}

async function startOnFirst<T>(ports: readonly number[], start: (port: number) => Promise<T>): Promise<T> {
  for (const [index, port] of ports.entries()) {
    try {
      return await start(port);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EADDRINUSE' || index === ports.length - 1) throw error;
    }
  }
  throw new RangeError('no port was named');
}

function subscribe<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
