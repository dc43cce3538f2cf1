import type { EntryKind, EntryValue, Interval } from '@portolan/model';
import type { Alternative, Put } from '../store/store.ts';

/** An entry as a commit writes it. */
export function put<K extends EntryKind>(entryKey: string, value: EntryValue<K>): Put {
  return { key: entryKey, value: JSON.stringify(value), decoded: value };
}

/** An alternative with what is left out empty. */
export function alternative(parts: Partial<Alternative>): Alternative {
  return { conditions: [], puts: [], deletes: [], leases: [], ...parts };
}

/** The intervals without the ports of `hole`. */
export function without(intervals: readonly Interval[], hole: Interval): Interval[] {
  return intervals.flatMap((interval) => {
    if (hole.to < interval.from || hole.from > interval.to) return [interval];
    const parts: Interval[] = [];
    if (interval.from < hole.from) parts.push({ from: interval.from, to: hole.from - 1 });
    if (interval.to > hole.to) parts.push({ from: hole.to + 1, to: interval.to });
    return parts;
  });
}
