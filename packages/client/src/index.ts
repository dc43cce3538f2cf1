export { PortolanClient } from './client.ts';
export { type ConnectOptions, connect, DEFAULT_URL } from './connect.ts';
export {
  type AssignmentQuery,
  type AuditQuery,
  allItems,
  type Changes,
  type ChangesQuery,
  type DeclareQuery,
  type FindingQuery,
  type FreeQuery,
  type ListenerQuery,
  type ListQuery,
  type OrphanQuery,
  type PortQuery,
  type ReadQuery,
  type ServiceQuery,
  type TargetQuery,
} from './query.ts';
export { isProblem } from './refusal.ts';
export type { RenewalEvent } from './renewal.ts';
export type { Reserved, ReserveOptions } from './reserved.ts';
export type { Watch, WatchEvent, WatchOptions } from './watch.ts';
