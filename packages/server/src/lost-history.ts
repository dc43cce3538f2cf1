import { type Fleet, formatEndpoint, type Held, type Position, revisionOf } from '@portolan/model';
import type { EpochStart } from './store/store.ts';

/** A history of the store, up to where it was loaded. */
export interface History {
  readonly position: Position;
  readonly epoch: number;
  readonly epochs: readonly EpochStart[];
}

/**
 * Whether what was committed in an epoch, at a revision, is of this history. An epoch begins where the history may have
 * forked: so what an earlier one committed beyond that place is lost.
 */
export function isOf(history: History, epoch: number, revision: number): boolean {
  const next = history.epochs.find((each) => each.epoch > epoch);
  if (next) return revision <= revisionOf(next.after);
  // A coordinator of an earlier release begins epochs and does not note where: better to tell of too much.
  return epoch >= history.epoch && revision <= revisionOf(history.position);
}

/**
 * Assignments that a copy had, and that the history which was loaded in its place never saw. What it did see and has no
 * more was ended after the fork, as any assignment may be; what its endpoint was given again is not lost either.
 *
 * @param before assignments of the copy
 */
export function lostAssignments(
  before: readonly Held<'assignment'>[],
  fleet: Fleet,
  history: History,
): Held<'assignment'>[] {
  return before.filter(({ value: { protocol, port, endpoint }, version }) => {
    const now = fleet.assignment(protocol, port);
    if (now && formatEndpoint(now.value.endpoint) === formatEndpoint(endpoint)) return false;
    const [epoch, revision] = version.split('.').map(Number) as [number, number];
    return !isOf(history, epoch, revision);
  });
}
