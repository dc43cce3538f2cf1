import type {
  Alias,
  Assignment,
  Block,
  Finding,
  Health,
  Host,
  PlannedService,
  Range,
  RestingPort,
  StreamEvent,
  Topic,
  Version,
} from '@portolan/model';
import { computed, signal } from '@preact/signals';
import { Collection } from './collection.ts';
import { touch } from './frame.ts';
import { ListenerTable } from './listener-table.ts';
import { PortCells } from './port-cells.ts';

/** An assignment with the token that its entry has. */
export type Promised = Assignment & { readonly token: Version };

/** Everything that the page knows of the fleet, kept up by the feed. */
export const findings = new Collection<Finding>();
export const hosts = new Collection<Host>();
export const assignments = new Collection<Promised>();
export const resting = new Collection<RestingPort>();
export const ranges = new Collection<Range>();
export const blocks = new Collection<Block>();
export const aliases = new Collection<Alias>();
export const planned = new Collection<PlannedService>();
export const healths = new Collection<Health>();

/** Tells of changes in `cells`, of those in `listeners` and what is counted of them. */
export const cellsVersion = signal(0);
export const listenersVersion = signal(0);

export const cells = new PortCells();
/** How many reachable listeners each host and each service has. */
export const listenersByHost = new Map<string, number>();
export const listenersByService = new Map<string, number>();

export const listeners = new ListenerTable(({ port, host, service }, reachable, by) => {
  if (reachable) cells.count('observed', port, by);
  add(listenersByHost, host, by);
  if (service !== null) add(listenersByService, service, by);
});

/** The topics that are followed from the beginning. Listeners are many, and come after them in a shorter form. */
const collections = {
  finding: findings,
  host: hosts,
  assignment: assignments,
  resting,
  range: ranges,
  block: blocks,
  alias: aliases,
  service: planned,
  health: healths,
} as const;
export const coreTopics = Object.keys(collections) as (keyof typeof collections)[];

export const nameOfHost = (id: string): string => hosts.peek(`host/${id}`)?.name ?? id;

export const openFindings = computed(() => [...findings.all.values()].filter(({ state }) => state !== 'resolved'));

export function beginSnapshot(): void {
  for (const collection of Object.values(collections)) collection.begin();
}

export function settleSnapshot(): void {
  for (const topic of coreTopics) {
    for (const gone of collections[topic].settle()) mark(topic, gone, -1);
  }
  touch(cellsVersion);
}

export function applyCore({ op, topic, key, value, version }: StreamEvent): void {
  const collection = collections[topic as keyof typeof collections] as Collection<unknown> | undefined;
  if (!collection) return;
  const after =
    op === 'put' ? (topic === 'assignment' ? { ...(value as Assignment), token: version } : value) : undefined;
  const before = after === undefined ? collection.delete(key) : collection.put(key, after);
  if (before !== undefined) mark(topic, before, -1);
  if (after !== undefined) mark(topic, after, 1);
  touch(cellsVersion);
}

export function applyListener({ op, key, value }: StreamEvent): void {
  if (op === 'put') listeners.put(key, value as Parameters<typeof listeners.put>[1]);
  else listeners.delete(key);
  listenersChanged();
}

export function listenersChanged(): void {
  touch(listenersVersion);
  touch(cellsVersion);
}

function mark(topic: Topic, value: unknown, by: 1 | -1): void {
  if (topic === 'assignment') cells.assignment(value as Assignment, by);
  else if (topic === 'finding') cells.finding(value as Finding, by);
  else if (topic === 'range') cells.range(value as Range, by);
  else if (topic === 'block') cells.block(value as Block, by);
  else if (topic === 'resting') cells.count('resting', (value as RestingPort).port, by);
}

function add(counts: Map<string, number>, name: string, by: 1 | -1): void {
  const now = (counts.get(name) ?? 0) + by;
  if (now === 0) counts.delete(name);
  else counts.set(name, now);
}
