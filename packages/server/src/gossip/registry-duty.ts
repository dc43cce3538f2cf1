import { SHEET_RECORD_MAX, type SheetCluster } from '@portolan/gossip';
import {
  BOOTSTRAP_TOKEN,
  type EntryKind,
  type EntryValue,
  type Fleet,
  type Held,
  isOfStart,
  key,
  packEntry,
  REGISTRY_SHEET,
  type RegistryKind,
  registryKinds,
  type StoredToken,
} from '@portolan/model';
import type { Logger } from 'pino';
import type { Duty, Term } from '../leader.ts';
import type { Replica } from '../replica.ts';
import type { FleetGossip } from './fleet-gossip.ts';
import type { FleetIdentity } from './fleet-identity.ts';

/** Changes of so long go out together, ms. */
const GATHER = 200;
/** What all members together may have to fetch because of changes, bytes a second: larger ones go out less often. */
const BUDGET = 1024 * 1024;

export interface RegistryDutyOptions {
  readonly replica: Replica;
  readonly gossip: FleetGossip;
  readonly identity: Pick<FleetIdentity, 'ensure'>;
  readonly logger: Logger;
  /** SHA-256 of the token of the start; without it agents do not know that one. */
  readonly bootstrap?: string | undefined;
}

/**
 * Spreads what the store says by gossip: assignments, ranges, blocks, hosts, findings, and the digests of tokens. So every
 * agent can answer, and knows whom to answer, while no coordinator is there.
 */
export class RegistryDuty implements Duty {
  readonly #replica: Replica;
  readonly #gossip: FleetGossip;
  readonly #identity: Pick<FleetIdentity, 'ensure'>;
  readonly #logger: Logger;
  readonly #bootstrap: StoredToken | undefined;

  constructor({ replica, gossip, identity, logger, bootstrap }: RegistryDutyOptions) {
    this.#replica = replica;
    this.#gossip = gossip;
    this.#identity = identity;
    this.#logger = logger;
    this.#bootstrap = bootstrap === undefined ? undefined : bootstrapToken(bootstrap);
  }

  lead(_term: Term, signal: AbortSignal): void {
    const stop = this.#gossip.onceAttached((cluster) => this.#publish(cluster, signal));
    signal.addEventListener('abort', stop, { once: true });
  }

  #publish({ gossip, sheets }: Pick<SheetCluster, 'gossip' | 'sheets'>, signal: AbortSignal): void {
    if (signal.aborted) return;
    const { fleet } = this.#replica;
    const changed = new Set<string>();
    let timer: NodeJS.Timeout | undefined;
    let isSigned = false;
    // A store that lost its history has lost the fleet's key, too.
    const whole = async () => {
      try {
        await this.#identity.ensure();
      } catch (error) {
        this.#logger.warn({ err: error }, 'the registry is not told by gossip: the fleet has no key');
        return;
      }
      if (signal.aborted) return;
      isSigned = true;
      changed.clear();
      // Versions go by the clock, so that those of a coordinator which comes back go on above those of before.
      sheets.publish(REGISTRY_SHEET, this.#records(), Date.now());
    };
    const flush = () => {
      timer = undefined;
      if (changed.size === 0 || !isSigned) return;
      const puts = new Map<string, string>();
      const deletes: string[] = [];
      for (const entryKey of changed) {
        const text = this.#recordOf(fleet, entryKey);
        if (text === undefined) deletes.push(entryKey);
        else puts.set(entryKey, text);
      }
      changed.clear();
      const bytes = sheets.patch(REGISTRY_SHEET, puts, deletes, Date.now());
      const pause = Math.max(GATHER, (bytes * gossip.members().length * 1000) / BUDGET);
      timer = setTimeout(flush, pause).unref();
    };
    const unsubscribe = this.#replica.subscribe({
      applied: ({ touches }) => {
        for (const touch of touches) if (isRegistryKind(touch.kind)) changed.add(touch.key);
        if (changed.size > 0) timer ??= setTimeout(flush, GATHER).unref();
      },
      reset: () => {
        isSigned = false;
        void whole();
      },
    });
    void whole();
    signal.addEventListener(
      'abort',
      () => {
        unsubscribe();
        clearTimeout(timer);
        sheets.disown(REGISTRY_SHEET);
      },
      { once: true },
    );
  }

  #records(): Map<string, string> {
    const { fleet } = this.#replica;
    const records = new Map<string, string>();
    for (const kind of registryKinds) {
      for (const held of fleet.all(kind)) {
        const text = this.#textOf(held);
        if (text !== undefined) records.set(held.key, text);
      }
    }
    if (this.#bootstrap) records.set(key.token(BOOTSTRAP_TOKEN), packEntry(this.#bootstrap, '0.0'));
    return records;
  }

  #recordOf(fleet: Fleet, entryKey: string): string | undefined {
    const kind = entryKey.slice(0, entryKey.indexOf('/')) as EntryKind;
    const held = fleet.get(kind, entryKey);
    return held && this.#textOf(held);
  }

  /** A login of the start's token names the beginning of its digest. */
  #textOf(held: Held): string | undefined {
    const hidden = held.kind === 'token' && !this.#bootstrap && isOfStart(held.value as StoredToken);
    return hidden ? undefined : textOf(held);
  }
}

function isRegistryKind(kind: EntryKind): boolean {
  return (registryKinds as readonly EntryKind[]).includes(kind);
}

/** What is resolved is nobody's concern any more. */
function textOf({ key, kind, value, version }: Held): string | undefined {
  if (kind === 'finding' && (value as EntryValue<'finding'>).state === 'resolved') return undefined;
  const text = packEntry(value as EntryValue<RegistryKind>, version);
  // A finding may have a hundred long parties. Agents then do without it, rather than without all.
  return key.length + text.length > SHEET_RECORD_MAX ? undefined : text;
}

function bootstrapToken(digest: string): StoredToken {
  return {
    id: BOOTSTRAP_TOKEN,
    name: BOOTSTRAP_TOKEN,
    role: 'admin',
    projects: null,
    host: null,
    createdAt: new Date(0).toISOString(),
    createdBy: BOOTSTRAP_TOKEN,
    expiresAt: null,
    digest,
  };
}
