import type { AssignmentView } from '../../world/http.ts';
import type { Subscriber } from '../../world/subscriber.ts';
import { until } from '../../world/wait.ts';
import type { Subject } from './subject.ts';

const PATIENCE = 15_000;

/** Subscribers saw no position twice, folded to what is there, and two of them were told the same, in the same order. */
export async function checkStreams(subject: Subject): Promise<void> {
  const { trail, subscribers } = subject;
  for (const [i, subscriber] of subscribers.entries()) {
    for (const problem of subscriber.problems) trail.violation('stream', { i, problem });
    await checkFold(subject, subscriber, i);
  }
  compareChanges(subject);
}

async function checkFold({ fleet, trail }: Subject, subscriber: Subscriber, i: number): Promise<void> {
  let only: string[] = [];
  let lacks: string[] = [];
  // Leases end meanwhile: the two are compared until they agree.
  const agree = await until(
    async () => {
      const { items } = (await fleet.coordinators[i]?.assignments()) ?? { items: [] };
      const truth = toldOf(items);
      const told = assignmentsIn(subscriber);
      only = told.filter((each) => !truth.includes(each));
      lacks = truth.filter((each) => !told.includes(each));
      return only.length + lacks.length === 0;
    },
    PATIENCE,
    300,
  );
  if (agree === undefined) {
    trail.violation('a subscriber folded another state', { i, only, lacks, synced: subscriber.synced });
  }
}

/** `key version` of each. */
export function assignmentsIn({ state }: Subscriber): string[] {
  return [...state].filter(([key]) => key.startsWith('assignment/')).map(([key, version]) => `${key} ${version}`);
}

/** As `assignmentsIn`, by a list that a coordinator gave. */
export function toldOf(items: readonly AssignmentView[]): string[] {
  return items.map(({ protocol, port, token }) => `assignment/${protocol}/${port} ${token}`);
}

/** Event by event: groups of commits that came together have one position. A reset leaves a gap, and nothing to compare. */
function compareChanges({ trail, subscribers }: Subject): void {
  const [a, b] = subscribers;
  if (!a || !b || subscribers.some(({ resets }) => resets.length > 0)) return;
  const revision = ({ version }: { version: string }) => Number(version.split('.')[1]);
  const begin = Math.max(...[a, b].map(({ changes }) => (changes[0] ? revision(changes[0]) : 0)));
  const [told = [], other = []] = [a, b].map(({ changes }) =>
    changes
      .slice(changes.findIndex((change) => revision(change) === begin))
      .map(({ op, key, version }) => `${op} ${key} ${version}`),
  );
  const length = Math.min(told.length, other.length);
  trail.count('stream events compared', length);
  const n = told.findIndex((change, i) => i < length && change !== other[i]);
  if (n < 0) return;
  trail.violation('two coordinators streamed different events', {
    n,
    a: told.slice(n, n + 3),
    b: other.slice(n, n + 3),
  });
}
