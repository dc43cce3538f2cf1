export { PortolanClient } from './client.ts';
export { type ConnectOptions, connect, DEFAULT_URL } from './connect.ts';
export {
  type AssignmentQuery,
  allItems,
  type Changes,
  type ChangesQuery,
  type FindingQuery,
  type FreeQuery,
  type ListenerQuery,
  type ListQuery,
  type ReadQuery,
  type ServiceQuery,
} from './query.ts';
export type { RenewalEvent } from './renewal.ts';
export type { Reserved, ReserveOptions } from './reserved.ts';
export type { Watch, WatchEvent, WatchOptions } from './watch.ts';
