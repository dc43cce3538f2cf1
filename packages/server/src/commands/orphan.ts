import { type Fleet, type HostListener, proofOf } from '@portolan/model';

/**
 * Tells whether the process of a listener was started with a lease (by `portolan run`, say) that nobody renews any more and
 * nobody handed over, or that is no more while none of the ports is its service's by another grant: whoever reserved it
 * has gone, and it stayed. A service that reserves for itself has no lease in its environment, and is never one; nor is
 * what only inherited that environment and listens on no port that it was given.
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
    if (!process || identity?.lease === undefined) return false;
    const { given, settled } = processesOn(host);
    if (!given.has(`${nameOf(process)} ${identity.lease}`)) return false;
    const held = fleet.leased(identity.lease);
    if (held.length > 0) return held.every(({ value }) => value.unattended === 'orphaned');
    // A holder that took its ports back after an outage has them under another lease than its process was told of.
    return !settled.has(nameOf(process));
  };
}

interface Processes {
  /** Those that listen on a port that they were given, each with its lease. */
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
    if (identity?.lease !== undefined && proofOf(identity) === 'port') {
      given.add(`${nameOf(process)} ${identity.lease}`);
    }
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
