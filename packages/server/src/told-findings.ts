import { type Finding, type Fleet, key, merged, type Verdict } from '@portolan/model';
import { put } from './commands/entries.ts';
import { forgotten } from './findings.ts';
import type { Term } from './leader.ts';
import type { Put } from './store/store.ts';

/** Of one commit. */
const PUTS_MAX = 200;

/** The findings of these kinds that stand. */
export function standingOf(fleet: Fleet, kinds: ReadonlySet<Finding['kind']>): Finding[] {
  return Array.from(fleet.all('finding'), ({ value }) => value).filter(
    ({ kind, state }) => kinds.has(kind) && state !== 'resolved',
  );
}

/**
 * Writes what is to be said as findings, each with its history, and resolves those of `before` of which nothing is said.
 *
 * @returns whether everything is written
 */
export async function tell(
  term: Term,
  fleet: Fleet,
  verdicts: readonly Verdict[],
  before: readonly Finding[],
): Promise<boolean> {
  const now = new Date().toISOString();
  const said = new Set(verdicts.map(({ id }) => id));
  const findings: Finding[] = [
    ...verdicts.flatMap((verdict) => merged(fleet.get('finding', key.finding(verdict.id))?.value, verdict, now)),
    ...before
      .filter(({ id }) => !said.has(id))
      .map((finding): Finding => ({ ...finding, state: 'resolved', lastChanged: now })),
  ];
  if (findings.length === 0) return true;
  const puts: Put[] = findings.slice(0, PUTS_MAX).map((each) => put<'finding'>(key.finding(each.id), each));
  const conditions = puts.map((each) => ({ key: each.key, version: fleet.version('finding', each.key) }));
  const done = await term.commit({ conditions, puts, deletes: forgotten(fleet, puts) });
  return done !== undefined && puts.length === findings.length;
}
