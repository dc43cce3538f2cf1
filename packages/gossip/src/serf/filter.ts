import { list, string } from '../wire/kinds.ts';
import { Reader, Writer } from '../wire/msgpack.ts';
import { record } from '../wire/record.ts';
import { compilePattern } from './pattern.ts';
import type { Tags } from './tags.ts';

/** Who is meant by a query; all when left out. */
export interface QueryFilter {
  readonly names?: readonly string[];
  /** By tag, a regular expression of RE2's syntax that is found in its value. */
  readonly tags?: Tags;
}

/** Filters that are looked at; nobody needs as many. */
const MOST = 16;

const NAMES = 0;
const TAG = 1;

const names = list(string);
const tag = record<{ readonly tag: string; readonly expr: string }>({ tag: string, expr: string });
const writer = new Writer();

/** @throws Error when an expression cannot be read: it would match nobody */
export function encodeFilter(filter: QueryFilter): Uint8Array[] {
  const filters: Uint8Array[] = [];
  if (filter.names && filter.names.length > 0) {
    writer.reset();
    writer.byte(NAMES);
    names.write(writer, filter.names);
    filters.push(writer.finish());
  }
  for (const [name, expr] of Object.entries(filter.tags ?? {})) {
    compilePattern(expr);
    writer.reset();
    writer.byte(TAG);
    tag.write(writer, { tag: name, expr });
    filters.push(writer.finish());
  }
  return filters;
}

/** Whether a node is meant by all of these filters; not when one of them cannot be read, or there are too many. */
export function isMeant(filters: readonly Uint8Array[], node: { readonly name: string; readonly tags: Tags }): boolean {
  if (filters.length > MOST) return false;
  try {
    return filters.every((filter) => {
      const reader = new Reader(filter, 1);
      if (filter[0] === NAMES) return names.read(reader).includes(node.name);
      if (filter[0] !== TAG) return false;
      const { tag: name, expr } = tag.read(reader);
      return compilePattern(expr).matches(node.tags[name] ?? '');
    });
  } catch {
    return false;
  }
}
