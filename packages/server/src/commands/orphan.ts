import { type Fleet, type HostListener, proofOf } from '@portolan/model';

/**
 * Tells whether the process of a listener is one that stayed when the process that held its ports (`portolan run`, say)
 * ended without handing them over. Two things have to show it: the agent sees that the holder is gone, and the lease
 * that the process was started with stands here. A lease that is missing shows nothing: a living holder takes its ports
 * back, a plan may have made them permanent, or the process belongs to another fleet. What only inherited its environment
 * and listens on no port that it was given is no orphan.
 *
 * What it finds out of a host it keeps: make a new one for each look.
 */
export function orphanTest(fleet: Fleet): (listener: HostListener) => boolean {
  const known = new Map<string, ReadonlySet<string>>();
  const givenOn = (host: string) => {
    const found = known.get(host) ?? given(fleet, host);
    known.set(host, found);
    return found;
  };
  return ({ process, identity, host }) => {
    if (!process || identity?.holder !== 'gone' || identity.lease === undefined) return false;
    const held = fleet.leased(identity.lease);
    if (held.length === 0 || held.some(({ value }) => value.unattended === 'handed-over')) return false;
    return givenOn(host).has(nameOf(process));
  };
}

/** The processes that listen on a port that they were given. */
function given(fleet: Fleet, host: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { value } of fleet.listenersOf(host).values()) {
    const { process, identity } = value;
    if (process && identity?.evidence.kind === 'lease' && proofOf(identity) === 'port') names.add(nameOf(process));
  }
  return names;
}

function nameOf({ pid, startedAt }: NonNullable<HostListener['process']>): string {
  return `${pid} ${startedAt}`;
}
