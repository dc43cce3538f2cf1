import {
  type EntryKind,
  type EntryValue,
  type Fleet,
  type Held,
  Pager,
  type Paging,
  PortolanError,
} from '@portolan/model';
import { Turns } from '../turns.ts';

/** Of one answer; what does not fit is on the next page. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;

/** What there is to list, and how. */
export interface Listing<T> {
  /** In any order; it may change under way. */
  readonly all: Iterable<T>;
  /** By which the list is ordered, and goes on: each item has its own. */
  readonly cursor: (item: T) => string;
  readonly order?: 'ascending' | 'descending';
  readonly passes?: (item: T) => boolean;
  readonly show: (item: T) => unknown;
}

/**
 * A page of a list as an answer. However many there are to look through and however large they are, others have their turn
 * in between, and the answer has 4 MiB at most, or one item.
 *
 * The position is that of the beginning: who follows the stream from there misses nothing.
 */
export async function pageAnswer<T>(
  fleet: Fleet,
  { limit, after }: Paging,
  { all, cursor, order, passes = () => true, show }: Listing<T>,
): Promise<Response> {
  const { position, generation } = fleet;
  const turns = new Turns();
  const pager = new Pager(after === undefined ? { limit } : { limit, after }, cursor, order);
  for (const item of all) {
    if (pager.wants(item) && passes(item)) pager.offer(item);
    if (turns.isOver) await turns.next();
  }
  const { items, more } = pager.page();
  const texts: string[] = [];
  let bytes = 0;
  for (const item of items) {
    const text = JSON.stringify(show(item));
    bytes += Buffer.byteLength(text);
    if (bytes > PAGE_BYTES_MAX && texts.length > 0) break;
    texts.push(text);
    if (turns.isOver) await turns.next();
  }
  if (fleet.generation !== generation)
    throw new PortolanError('not-ready', 'the state was loaded anew while it was read; ask again');
  const last = items[texts.length - 1];
  const next = last !== undefined && (more || texts.length < items.length) ? cursor(last) : null;
  const rest = JSON.stringify({ position, next }).slice(1);
  const answer = `{"items":[${texts.join()}],${rest}`;
  return new Response(answer, {
    headers: { 'content-type': 'application/json', 'content-length': `${Buffer.byteLength(answer)}` },
  });
}

/** A page of entries in the order of their keys. */
export function entryPage<K extends EntryKind>(
  fleet: Fleet,
  paging: Paging,
  all: Iterable<Held<K>>,
  {
    passes,
    show = ({ value }) => value,
  }: { passes?: (held: Held<K>) => boolean; show?: (held: Held<K>) => EntryValue<K> | object } = {},
): Promise<Response> {
  return pageAnswer(fleet, paging, { all, cursor: ({ key }) => key, show, ...(passes && { passes }) });
}
