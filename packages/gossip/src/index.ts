export { GossipError, type GossipErrorCode } from './core/error.ts';
export { PROFILES, type Profile } from './core/profiles.ts';
export {
  createGossipKey,
  type Gossip,
  type GossipDelegate,
  type GossipMetrics,
  type GossipOptions,
  startGossip,
} from './gossip.ts';
export { answerNudges, digestOfKey, type KeyAccount, nudge } from './key-nudges.ts';
export type { ClusterKeys, KeyReport } from './serf/keys.ts';
export type { QueryOptions, QueryResult, Question } from './serf/queries.ts';
export type { Member, Status } from './serf/roster.ts';
export type { GossipEvent } from './serf/serf.ts';
export type { Tags } from './serf/tags.ts';
export { SHEET_RECORD_MAX, type SheetChange } from './sheets/copies.ts';
export { keySeals, type Seals, statementOf } from './sheets/seals.ts';
export { Sheet, type SheetSize } from './sheets/sheet.ts';
export { type SheetCluster, type SheetClusterOptions, startSheetCluster } from './sheets/sheet-cluster.ts';
export type { Sheets } from './sheets/sheets.ts';
export { createSigningKey, isSignedWith, readSigningKey, type SigningKey } from './sheets/signing-key.ts';
export type { Address } from './transport.ts';
