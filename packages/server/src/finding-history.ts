import { changeOf, type Finding, type Fleet, type Held, key, kindOf } from '@portolan/model';
import { nanoid } from 'nanoid';
import { put } from './commands/entries.ts';
import type { Listing } from './http/page.ts';
import type { Alternative } from './store/store.ts';

/** Tells the events of this coordinator from those of others in the same millisecond. */
const COORDINATOR = nanoid(8);
let events = 0;

/**
 * What is to be committed, with an event for each finding that it changes: in the same commit, so that no change is
 * without its event, and no event without its change. Whoever alerts rests on that.
 *
 * @param by name of the token that does it; `null` for the rules, though they run within somebody's request at times
 */
export function withHistory(each: Alternative, fleet: Fleet, by: string | null): Alternative {
  const told = each.puts.flatMap(({ key: entryKey, decoded }) => {
    if (kindOf(entryKey) !== 'finding') return [];
    const finding = decoded as Finding;
    const before = fleet.get('finding', entryKey)?.value;
    const change = changeOf(before, finding);
    if (change === null) return [];
    const at = new Date().toISOString();
    const id = `${at}-${COORDINATOR}${(events++).toString(36).padStart(7, '0')}`;
    const was = before !== undefined && change !== 'opened' && before.severity !== finding.severity;
    const event = { id, at, change, by, finding, ...(was && { was: before.severity }) };
    return [put<'event'>(key.event(id), event)];
  });
  return told.length === 0 ? each : { ...each, puts: [...each.puts, ...told] };
}

/**
 * What happened to findings, newest first.
 *
 * @param finding id of one finding
 */
export function historyListing(
  fleet: Fleet,
  { finding }: { readonly finding?: string | undefined },
): Listing<Held<'event'>> {
  return {
    all: fleet.all('event'),
    cursor: ({ value }) => value.id,
    order: 'descending',
    passes: ({ value }) => finding === undefined || value.finding.id === finding,
    show: ({ value }) => value,
  };
}
