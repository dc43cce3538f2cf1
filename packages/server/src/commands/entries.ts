import type { EntryKind, EntryValue } from '@portolan/model';
import type { Alternative, Put } from '../store/store.ts';

/** An entry as a commit writes it. */
export function put<K extends EntryKind>(entryKey: string, value: EntryValue<K>): Put {
  return { key: entryKey, value: JSON.stringify(value), decoded: value };
}

/** An alternative with what is left out empty. */
export function alternative(parts: Partial<Alternative>): Alternative {
  return { conditions: [], puts: [], deletes: [], leases: [], ...parts };
}
