import { coordinatorFindingId, type Doubt, doubtOf, type Finding, nameOfCoordinator } from '@portolan/model';
import { computed } from '@preact/signals';
import { heardAt, line, lostAt, stale } from './feed.ts';
import { findings, hosts } from './fleet.ts';
import { readiness } from './readiness.ts';

/** Who is away. */
export interface Absence {
  readonly title: string;
  /** ISO 8601. */
  readonly since: string;
  /** Where there is more of it. */
  readonly href?: string;
}

const NAMED_MAX = 5;

/** Why what is shown may not be so now. `retry`: it is the line to the coordinator, which can be tried again. */
export const doubt = computed((): (Doubt & { readonly retry?: boolean }) | undefined => {
  const text = 'The page goes on where it stopped when the coordinator is back; nothing has to be loaded again.';
  if (line.value === 'lost') {
    const title = 'The connection to the coordinator is lost.';
    return { word: 'no connection', title, since: iso(lostAt.value), text, retry: true };
  }
  if (stale.value) {
    const title = 'The coordinator is silent.';
    return { word: 'silent', title, since: iso(heardAt.value), text, retry: true };
  }
  return readiness.value && doubtOf(readiness.value);
});

/** Who is away. What somebody has acknowledged is not said again. */
export const absences = computed((): Absence[] => [...missingCoordinators(), ...unreachableHosts()]);

function missingCoordinators(): Absence[] {
  const seen = acknowledged('coordinator-missing').map(({ id }) => id);
  return (readiness.value?.coordinators ?? [])
    .filter(({ id, state }) => state === 'missing' && !seen.includes(coordinatorFindingId(id)))
    .map((each) => ({ title: `Coordinator ${nameOfCoordinator(each)} is gone.`, since: each.stateSince }));
}

function unreachableHosts(): Absence[] {
  const seen = new Set(acknowledged('host-unreachable').flatMap(({ parties }) => parties.map(({ host }) => host?.id)));
  const there = [...hosts.all.values()].filter(({ state }) => state !== 'left');
  const away = there.filter(({ id, state }) => state === 'unreachable' && !seen.has(id));
  if (away.length === 0) return [];
  const names = away.map(({ name }) => name).sort();
  const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : '';
  const title = `${away.length} of ${there.length} hosts unreachable: ${names.slice(0, NAMED_MAX).join(', ')}${more}.`;
  const since = away.map(({ stateSince }) => stateSince).sort()[0]!;
  return [{ title, since, href: '/hosts?sort=state' }];
}

function acknowledged(kind: Finding['kind']): Finding[] {
  return [...findings.all.values()].filter((each) => each.kind === kind && each.state === 'acknowledged');
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
