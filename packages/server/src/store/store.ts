import type { Acknowledgement, Position, ResetReason, Version } from '@portolan/model';

/**
 * The store: a small transactional log, in the manner of etcd. Coordinators are stateless; what the fleet promised
 * lives here and only here. Keys and values are opaque texts; all domain logic is above this interface.
 *
 * Every implementation passes `store.contract.ts`.
 */
export interface Store {
  /** How surely an answered commit outlives a failure. */
  readonly acknowledgement: Acknowledgement;

  /**
   * Applies each transaction whole or not at all, in the order given; a later one sees what earlier ones did. A group is
   * one write to the log, so it costs little more than its largest member.
   *
   * @returns an outcome for each transaction, in order
   * @throws PortolanError `store-unavailable` when nothing was applied, `durability-unknown` when it was applied
   * but too few replicas confirmed in time or the connection broke before the answer, so that it may have been,
   * `too-large` over the limits
   */
  commit(group: readonly Transaction[]): Promise<GroupOutcome>;

  /** All entries at one position, in chunks. The first chunk comes also when there is no entry. */
  snapshot(): AsyncIterable<SnapshotChunk>;

  /**
   * Every commit after `from`, in order and without a gap, waiting for more at the end until `signal` aborts (it then
   * ends without an error). The commits of one group come together.
   *
   * @param has tells, group by group and in order, whether the reader has it already: then it is left out
   * @throws HistoryLostError at once when `from` is no longer (or never was) a place in this history
   */
  changes(from: Position, signal: AbortSignal, has?: (position: Position) => boolean): AsyncIterable<Change[]>;

  /** Leases past their deadline, most overdue first, by the store's own clock, and how many leases there are in all. */
  due(limit: number): Promise<{ leases: string[]; total: number }>;

  /** Frees connections and files. Calls under way may fail. */
  close(): Promise<void>;
}

export interface Transaction {
  /** The first whose conditions all hold is applied. */
  readonly alternatives: readonly Alternative[];
}

export interface Alternative {
  readonly conditions: readonly Condition[];
  readonly puts: readonly Put[];
  readonly deletes: readonly string[];
  /** A lease's deadline is set to the store's time + ttl (ms); `null` removes the lease. */
  readonly leases: readonly { readonly id: string; readonly ttl: number | null }[];
}

export interface Put {
  readonly key: string;
  readonly value: string;
  /** What `value` says, for whoever applies the commit here and now; stores neither read nor keep it. */
  readonly decoded?: unknown;
}

export type Condition =
  /** The entry has this version; `null`: there is no such entry. */
  | { readonly key: string; readonly version: Version | null }
  /** The lease exists; `due`: and its deadline has passed (true) or not (false), by the store's clock. */
  | { readonly lease: string; readonly due?: boolean };

export interface GroupOutcome {
  /** For each transaction what became of it. */
  readonly outcomes: readonly Outcome[];
  /** The head before the group. */
  readonly previous: Position;
  /** The head after the group. */
  readonly position: Position;
  readonly epoch: number;
}

export type Outcome =
  /** `revision` is that of the head when the alternative put and deleted nothing: such a commit leaves no trace in the log. */
  { readonly applied: true; readonly alternative: number; readonly revision: number } | { readonly applied: false };

export interface SnapshotChunk {
  readonly entries: readonly Entry[];
  readonly position: Position;
  readonly epoch: number;
}

export interface Entry {
  readonly key: string;
  readonly value: string;
  readonly version: Version;
}

/** One commit. */
export interface Change {
  /** Of the commit's group: shared by all commits of the group. */
  readonly position: Position;
  readonly revision: number;
  readonly epoch: number;
  readonly puts: readonly Put[];
  readonly deletes: readonly string[];
}

/** The position asked for is not in the history that the store has. */
export class HistoryLostError extends Error {
  override readonly name = 'HistoryLostError';
  readonly reason: ResetReason;

  constructor(reason: ResetReason) {
    super(`the store's history does not reach back to the position asked for (${reason})`);
    this.reason = reason;
  }
}

/** Bounds of one group, so that no commit holds up the store for long. */
export const GROUP_TRANSACTIONS_MAX = 512;
export const GROUP_OPERATIONS_MAX = 20_000;
export const GROUP_BYTES_MAX = 8 * 1024 * 1024;
