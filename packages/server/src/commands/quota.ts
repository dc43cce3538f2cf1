import {
  contains,
  crowdedOut,
  type Field,
  type Fleet,
  formatInterval,
  HIGHEST_PORT,
  type Interval,
  nameOfShare,
  type Obstacle,
  PortolanError,
  PortSet,
  type ReserveRequest,
  raiseQuota,
  type Share,
  sharesOf,
  without,
} from '@portolan/model';

/** For so long a look at the listeners of a whole field serves all who ask, ms. */
const LOOK_KEPT = 1_000;

/** Where a project may be given ports, with what it holds already taken into account. */
export interface Allowed {
  readonly field: Field;
  /** What keeps it from a port, or a block that begins there. */
  obstacle(port: number): Obstacle | null;
  /** Of a field in which nothing is free: that it is the project's own quota, if that is so. */
  exhausted(): PortolanError | undefined;
}

/** Sees to it that neither a project nor a host uses up a range for all others. */
export class Quotas {
  readonly #fleet: () => Fleet;
  /** Ports that were chosen for a project and are not promised yet: many requests at once are counted, too. */
  readonly #pending = new Map<string, number>();
  #look: { readonly of: string; readonly at: number; readonly ports: readonly number[] } | undefined;

  constructor(fleet: () => Fleet) {
    this.#fleet = fleet;
  }

  /** @param count ports that are asked for @throws PortolanError `quota` when the project may be given none of the field */
  allowed({ project, port }: Pick<ReserveRequest, 'project' | 'port'>, count: number, field: Field): Allowed {
    const fleet = this.#fleet();
    const pending = this.#pending.get(project) ?? 0;
    // What is asked for by its number may be its own already: on the other protocol, or since it rests for it.
    const has = port === undefined ? 0 : (fleet.portsOf(project)?.countIn({ from: port, to: port + count - 1 }) ?? 0);
    const full = sharesOf(fleet, project).filter(({ held, most }) => held + pending + count - has > most);
    const [first] = full;
    if (first === undefined || has === count) return { field, obstacle: () => null, exhausted: () => undefined };
    const shareOf = (start: number) =>
      full.find(({ intervals }) =>
        intervals.some((each) => contains(each, start) || contains(each, start + count - 1)),
      );
    const taken = port === undefined ? undefined : shareOf(port);
    if (taken) throw quotaReached(project, count, taken);
    const intervals = full.flatMap((share) => share.intervals).reduce<readonly Interval[]>(without, field.intervals);
    const inField = full.find((share) =>
      field.intervals.some((each) => share.intervals.some((part) => without([each], part)[0] !== each)),
    );
    if (intervals.length === 0 && port === undefined && inField) throw quotaReached(project, count, inField);
    return {
      field: { ...field, intervals },
      obstacle(start) {
        const share = shareOf(start);
        if (!share) return null;
        const { message } = quotaReached(project, count, share);
        return { port: start, reason: 'quota', detail: message, by: null };
      },
      exhausted: () => inField && quotaReached(project, count, inField),
    };
  }

  /** @returns what takes it back, once it is promised or not */
  claim(project: string, count: number): () => void {
    this.#pending.set(project, (this.#pending.get(project) ?? 0) + count);
    return () => {
      const left = this.#pending.get(project)! - count;
      if (left > 0) this.#pending.set(project, left);
      else this.#pending.delete(project);
    };
  }

  /**
   * For whoever would be given nothing: all ports as taken, save those that hosts keep from all others beyond their share.
   *
   * @param barred ports that are not to be given all the same
   */
  crowded(intervals: readonly Interval[], barred: Iterable<number>): PortSet {
    const taken = new PortSet();
    taken.addInterval(0, HIGHEST_PORT);
    for (const port of this.#crowdedOut(intervals)) taken.delete(port);
    for (const port of barred) taken.add(port);
    return taken;
  }

  #crowdedOut(intervals: readonly Interval[]): readonly number[] {
    const fleet = this.#fleet();
    const of = intervals.map(formatInterval).join();
    const now = performance.now();
    if (this.#look?.of !== of || now - this.#look.at > LOOK_KEPT)
      this.#look = { of, at: now, ports: crowdedOut(fleet, intervals) };
    // Others may have been promised some of them since.
    return this.#look.ports.filter((port) => !fleet.assignment('tcp', port) && !fleet.assignment('udp', port));
  }
}

function quotaReached(project: string, count: number, share: Share): PortolanError {
  const { range, held, most } = share;
  const asked = count === 1 ? '' : `, and asks for ${count} more`;
  const raise = range === null ? '' : ` or raise the quota (${raiseQuota(range)})`;
  return new PortolanError(
    'quota',
    `the project ${project} holds ${held} of the ${most} ports that one project may hold of ${nameOfShare(share)}${asked}. Release some (portolan ls --wide --project ${project}), or have an operator give it a range of its own (portolan range set ${project} <ports> --owner ${project})${raise}`,
    { project, range: range?.name ?? null, held, quota: most },
  );
}
