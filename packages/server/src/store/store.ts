import type { Acknowledgement, Position, ResetReason, Version } from '@portolan/model';

/**
 * The store: a small transactional log, in the manner of etcd. Coordinators are stateless; what the fleet promised
 * lives here and only here. Keys and values are opaque texts; all domain logic is above this interface.
 *
 * Every implementation passes `store.contract.ts`.
 */
export interface Store {
  /** How surely a commit outlives a failure once it is answered, as things stand; it changes as replicas come and go. */
  readonly acknowledgement: Acknowledgement;

  /** Why that is less than it was asked for, or than this set-up should give; `null` when it is not. */
  readonly lowered: string | null;

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

  /**
   * Leases past their deadline, most overdue first, by the store's own clock.
   *
   * That clock never goes back, and a gap between two commits moves it by `CLOCK_STEP_MAX` at most: so neither a wall
   * clock that was set, nor a machine that slept, nor an outage ends leases whose holders had no chance to renew.
   */
  due(limit: number): Promise<DueLeases>;

  /** Frees connections and files. Calls under way may fail. */
  close(): Promise<void>;
}

export interface DueLeases {
  readonly leases: string[];
  /** Of each of them, by the store's clock, ms. */
  readonly deadlines: number[];
  /** How many leases there are in all. */
  readonly total: number;
  /** The store's clock, ms. Only differences mean something. */
  readonly time: number;
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
  | { readonly lease: string; readonly due?: boolean }
  /** The store's history is still that of this epoch: what was decided on a copy of another one does not hold. */
  | { readonly epoch: number };

export interface GroupOutcome {
  /** For each transaction what became of it. */
  readonly outcomes: readonly Outcome[];
  /** The head before the group. */
  readonly previous: Position;
  /** The head after the group. */
  readonly position: Position;
  readonly epoch: number;
  /** How surely this very group outlives a failure. */
  readonly acknowledgement: Acknowledgement;
}

export type Outcome =
  /** `revision` is that of the head when the alternative put and deleted nothing: such a commit leaves no trace in the log. */
  { readonly applied: true; readonly alternative: number; readonly revision: number } | { readonly applied: false };

export interface SnapshotChunk {
  readonly entries: readonly Entry[];
  readonly position: Position;
  readonly epoch: number;
  /** The epochs of this history that are still known, oldest first. */
  readonly epochs: readonly EpochStart[];
}

/** A place where the store's history may have forked: commits of an earlier epoch after it are in a history that is lost. */
export interface EpochStart {
  readonly epoch: number;
  /** The head when the epoch began. */
  readonly after: Position;
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

/**
 * What a gap between two commits moves the store's clock by at most, ms. A coordinator commits each second or two, so
 * that the clock goes as others do while the store is used; less than the shortest lease has left when it is renewed in
 * time.
 */
export const CLOCK_STEP_MAX = 2_500;
/** Bounds of one group, so that no commit holds up the store for long. */
export const GROUP_TRANSACTIONS_MAX = 512;
export const GROUP_OPERATIONS_MAX = 20_000;
export const GROUP_BYTES_MAX = 8 * 1024 * 1024;
