import { type Fleet, type HostListener, proofOf } from '@portolan/model';

/**
 * Tells whether the process of a listener is one that stayed when the process that held its ports (`portolan run`, say)
 * ended without handing them over. Only its agent can see that the holder is gone: a lease that is missing shows nothing,
 * since a living holder takes its ports back. What only inherited its environment and listens on no port that it was given
 * is no orphan; nor is what listens on a port that is its service's by another grant, such as a plan's.
 *
 * What it finds out of a host it keeps: make a new one for each look.
 */
export function orphanTest(fleet: Fleet): (listener: HostListener) => boolean {
  const known = new Map<string, Processes>();
  const processesOn = (host: string) => {
    const found = known.get(host) ?? processesOf(fleet, host);
    known.set(host, found);
    return found;
  };
  return ({ process, identity, host }) => {
    if (!process || identity?.holder !== 'gone') return false;
    const { given, settled } = processesOn(host);
    if (!given.has(nameOf(process))) return false;
    const held = identity.lease === undefined ? [] : fleet.leased(identity.lease);
    if (held.length > 0) return held.every(({ value }) => value.unattended !== 'handed-over');
    return !settled.has(nameOf(process));
  };
}

interface Processes {
  /** Those that listen on a port that they were given. */
  readonly given: ReadonlySet<string>;
  /** Those that listen on a port which is their service's. */
  readonly settled: ReadonlySet<string>;
}

function processesOf(fleet: Fleet, host: string): Processes {
  const given = new Set<string>();
  const settled = new Set<string>();
  for (const { value } of fleet.listenersOf(host).values()) {
    const { process, identity } = value;
    if (!process) continue;
    if (isAssigned(fleet, value)) settled.add(nameOf(process));
    if (identity?.evidence.kind === 'lease' && proofOf(identity) === 'port') given.add(nameOf(process));
  }
  return { given, settled };
}

function nameOf({ pid, startedAt }: NonNullable<HostListener['process']>): string {
  return `${pid} ${startedAt}`;
}

function isAssigned(fleet: Fleet, { protocol, port, identity }: HostListener): boolean {
  const endpoint = fleet.assignment(protocol, port)?.value.endpoint;
  return (
    endpoint !== undefined &&
    identity?.service === `${endpoint.project}/${endpoint.service}` &&
    (identity.instance ?? 1) === endpoint.instance
  );
}
