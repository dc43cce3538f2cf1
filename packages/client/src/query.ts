import type {
  AssignmentState,
  AuditAction,
  Filter,
  Finding,
  Interval,
  Page,
  Position,
  Protocol,
  StreamEvent,
  Topic,
} from '@portolan/model';
import { formatInterval } from '@portolan/model/plain';

interface Read {
  /** First catch up with the head of the store, so that everything acknowledged before is in the answer. */
  consistent?: boolean;
}

interface List extends Read {
  /** Most items in one page. */
  limit?: number;
  /** `next` of the page before. */
  after?: string;
}

export interface AssignmentQuery extends List {
  project?: string;
  service?: string;
  protocol?: Protocol;
  port?: number;
  state?: AssignmentState;
}

export interface ListenerQuery extends List {
  /** Id of a host. */
  host?: string;
  port?: number;
  protocol?: Protocol;
  service?: string;
}

export interface OrphanQuery extends List {
  /** Id or name of a host. */
  host?: string;
}

export interface FindingQuery extends List {
  /** Without it: all that are not resolved. */
  state?: Finding['state'] | 'all';
  kind?: Finding['kind'];
  severity?: Finding['severity'];
  port?: number;
}

export interface ChangesQuery extends Filter {
  after?: Position;
  topics?: readonly Topic[];
  limit?: number;
}

export interface Changes {
  commits: { position: Position; events: StreamEvent[] }[];
  position: Position;
  /** Whether there is more to be had at once. */
  more: boolean;
}

export interface FreeQuery extends Read {
  count?: number;
  /** A range's name or an interval; without it as for a reservation of the project. */
  range?: string | Interval;
  project?: string;
  protocol?: Protocol;
  order?: 'spread' | 'lowest';
  /** Id or name of the host whose agent tests that they can be bound; this program's own, where that is known. */
  probeOn?: string;
}

export interface PortQuery extends Read {
  protocol?: Protocol | undefined;
  /** Id or name of the host that asks: `notes` then tell what its kernel does with the port, too. */
  host?: string | undefined;
}

export interface ServiceQuery extends List {
  project?: string;
}

export interface FindingHistoryQuery extends List {
  /** Id of one finding. */
  finding?: string | undefined;
}

export interface DeclareQuery {
  /** Tell what would change, and do nothing. */
  dryRun?: boolean;
  /** Of a diff: do exactly what it said, or nothing. */
  version?: string;
}

export interface TargetQuery extends Read {
  project?: string;
  service?: string;
  /** Of the endpoints: `metrics`. */
  label?: string;
  /** Id or name; then ports on loopback alone are among them. */
  host?: string;
}

export interface AuditQuery extends List {
  action?: AuditAction | undefined;
  /** Id or name of a token. */
  actor?: string | undefined;
  port?: number | undefined;
  project?: string | undefined;
  /** ISO date and time. */
  since?: string | undefined;
}

export type ListQuery = List;
export type ReadQuery = Read;

/** Every item of a list, page after page: `allItems((query) => client.listeners(query), { port: 3050 })`. */
export async function allItems<T, Q extends List>(list: (query: Q) => Promise<Page<T>>, query: Q): Promise<T[]> {
  const items: T[] = [];
  let page: Page<T> = await list(query);
  items.push(...page.items);
  while (page.next !== null) {
    page = await list({ ...query, after: page.next });
    items.push(...page.items);
  }
  return items;
}

/** A range as it stands in an address. */
export function rangeText(range: string | Interval): string {
  return typeof range === 'string' ? range : formatInterval(range);
}
