import type { Fleet, HostListener } from '@portolan/model';

/**
 * Tells whether the process of a listener was started with a lease (by `portolan run`, say) that nobody renews any more and
 * nobody handed over, or that is no more while none of the ports is its service's by another grant: whoever reserved it
 * has gone, and it stayed. A service that reserves for itself has no lease in its environment, and is never one.
 *
 * What it finds out of a host it keeps: make a new one for each look.
 */
export function orphanTest(fleet: Fleet): (listener: HostListener) => boolean {
  const settled = new Map<string, ReadonlySet<string>>();
  const settledOn = (host: string) => {
    const known = settled.get(host) ?? processesWithPorts(fleet, host);
    settled.set(host, known);
    return known;
  };
  return ({ process, identity, host }) => {
    if (!process || identity?.lease === undefined) return false;
    const held = fleet.leased(identity.lease);
    if (held.length > 0) return held.every(({ value }) => value.unattended === 'orphaned');
    // A holder that took its ports back after an outage has them under another lease than its process was told of.
    return !settledOn(host).has(nameOf(process));
  };
}

/** The processes of a host that listen on a port which is their service's. */
function processesWithPorts(fleet: Fleet, host: string): Set<string> {
  const names = new Set<string>();
  for (const { value } of fleet.listenersOf(host).values()) {
    if (value.process && isAssigned(fleet, value)) names.add(nameOf(value.process));
  }
  return names;
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
