import { type Fleet, type Held, type HostListener, proofOf } from '@portolan/model';

/**
 * Whether the process of a listener was started with a lease (by `portolan run`, say) that nobody renews any more and
 * nobody handed over, or that is no more while none of the ports is its service's by another grant: whoever reserved it
 * has gone, and it stayed. A service that reserves for itself has no lease in its environment, and is never one; nor is
 * what only inherited that environment and listens on no port that it was given.
 */
export function isOrphan(fleet: Fleet, listener: HostListener): boolean {
  const { process, identity } = listener;
  if (!process || identity?.lease === undefined) return false;
  const sockets = socketsOf(fleet, listener);
  if (!sockets.some((each) => each.identity?.lease === identity.lease && proofOf(each.identity) === 'port'))
    return false;
  const held = fleet.leased(identity.lease);
  if (held.length > 0) return held.every(({ value }) => value.unattended === 'orphaned');
  // A holder that took its ports back after an outage has them under another lease than its process was told of.
  return !sockets.some((each) => isAssigned(fleet, each));
}

/** All that the process of a listener listens on. */
function socketsOf(fleet: Fleet, { host, process }: HostListener): HostListener[] {
  return Array.from(fleet.listenersOf(host).values(), ({ value }) => value).filter(
    (each) => each.process?.pid === process?.pid && each.process?.startedAt === process?.startedAt,
  );
}

/** All orphans of the fleet, or of one host. */
export function orphans(fleet: Fleet, host?: string): Held<'listener'>[] {
  const seen = host === undefined ? fleet.all('listener') : fleet.listenersOf(host).values();
  return Array.from(seen).filter(({ value }) => isOrphan(fleet, value));
}

function isAssigned(fleet: Fleet, { protocol, port, identity }: HostListener): boolean {
  const endpoint = fleet.assignment(protocol, port)?.value.endpoint;
  return (
    endpoint !== undefined &&
    identity?.service === `${endpoint.project}/${endpoint.service}` &&
    (identity.instance ?? 1) === endpoint.instance
  );
}
