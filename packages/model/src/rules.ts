import type { Assignment, AssignmentState } from './assignment.ts';
import { judgeSides } from './collision.ts';
import type { Verdict } from './finding.ts';
import { serviceId } from './identity.ts';
import { formatInterval } from './interval.ts';
import type { HostListener } from './listener.ts';
import { nameSides, partiesOf } from './party.ts';
import { isClient, isContainerInternal, type PortFacts, type Side, sidesOf } from './port-facts.ts';
import { likeness } from './proof.ts';
import type { Block } from './range.ts';
import { byEndpoint, moveAway, releaseOf } from './remedy.ts';
import { clipped } from './verdict.ts';

/**
 * What is wrong with one (protocol, port): at most one verdict of each kind, whatever the order of the facts.
 *
 * Different services that claim or use the port, pair by pair; the verdict has the class of the worst pair:
 *
 * | pair | where | verdict |
 * | --- | --- | --- |
 * | observed, observed | same host and namespace, overlapping addresses | collision, error, active |
 * | | same host and namespace, other addresses | collision, warning, active, masked by address |
 * | | same host, other namespace | collision, warning, latent, masked by namespace |
 * | | different hosts | collision, warning, latent, masked by host |
 * | declared, declared | same host, or one of them for any host | collision, error, active |
 * | | different hosts | collision, warning, latent, masked by host |
 * | declared, observed | observed only on hosts that it is not declared for | collision, warning, latent, masked by host |
 * | | else, the declared one listens somewhere, or both are declared | collision, error, active |
 * | | else | squatting, error, active |
 *
 * Between observed services, these are no claims to a number, and no finding:
 * - chance: both are known by their commands alone, on a port in the ephemeral range of each one's host, and do not
 *   overlap. Among thousands of ports that kernels chose, some are the same every day;
 * - clients: an unconnected udp socket on an ephemeral port, whosever it is, unless its service was given the port or
 *   claims it, or a container publishes it. It does not count as blocked-port use or squatting either;
 * - roles: on system ports that nobody claims, services of different hosts. `nginx` here and `apache2` there both do
 *   what 80 is for;
 * - discovery: the udp ports of mDNS, SSDP and the like that nobody claims, which are made to be shared.
 *
 * One service on many hosts, or twice on one, is no finding. Nor are listeners inside a container that does not publish
 * them: they are outside the fleet's port space. A listener that nobody could identify accuses nobody of a collision,
 * nor does one that is only perhaps another service (see `sidesOf`).
 *
 * A blocked port: an error when it is claimed, a warning when somebody merely listens there, identified or not.
 *
 * The cost grows with claims + listeners, not with their pairs; only services that share a host and namespace are
 * compared address by address.
 */
export function judgePort(facts: PortFacts): Verdict[] {
  if (isQuiet(facts)) return [];
  const sides = sidesOf(facts);
  const verdicts = judgeSides(
    facts,
    sides.filter(({ service }) => service !== null),
  );
  const block = narrowest(facts.blocks);
  if (block && sides.length > 0) verdicts.push(blockedPort(facts, block, sides));
  return verdicts.map(clipped);
}

/**
 * What the listeners on an assignment's protocol and port say of it, on whatever host they are. Listeners inside a
 * container that does not publish them say nothing, nor do those that nobody could identify or that are only perhaps the
 * service (see `likeness`), nor clients: a port where only such listen is `pending`.
 *
 * @param host tells which ports are ephemeral; where it does not, nobody is taken for a client
 */
export function assignmentState(
  assignment: Pick<Assignment, 'endpoint'>,
  listeners: Iterable<HostListener>,
  host: PortFacts['host'] = () => undefined,
): AssignmentState {
  const service = serviceId(assignment.endpoint);
  let state: AssignmentState = 'pending';
  for (const listener of listeners) {
    if (!listener.identity || isContainerInternal(listener)) continue;
    const like = likeness(listener.identity, service);
    if (like === 'same') return 'bound';
    if (like === 'other' && !isClient(listener, host(listener.host))) state = 'squatted';
  }
  return state;
}

/** Most ports have one service and no block: a glance at the names is enough, be there 10,000 listeners. */
function isQuiet({ claims, listeners, blocks }: PortFacts): boolean {
  if (blocks.length > 0) return false;
  const services = new Set(claims.map(({ endpoint }) => serviceId(endpoint)));
  for (const { identity } of listeners) {
    if (identity) services.add(identity.service);
    if (services.size > 1) return false;
  }
  return services.size < 2;
}

function blockedPort({ protocol, port }: PortFacts, block: Block, sides: readonly Side[]): Verdict {
  const nowhere = new Set<string>();
  const endpoints = sides.flatMap(({ claims }) => claims.map(({ endpoint }) => endpoint)).sort(byEndpoint);
  const movers = sides.flatMap((side) => (side.service === null ? [] : [{ ...side, claims: [] }]));
  const verb = sides.some(({ listeners }) => listeners.length > 0) ? 'use' : 'claim';
  const itsFlag = block.protocol ? ` --protocol ${block.protocol}` : '';
  const remedies = [
    ...endpoints.slice(0, 3).map(releaseOf),
    ...moveAway(protocol, port, movers),
    `portolan block rm ${formatInterval(block)}${itsFlag} (if the reason no longer holds)`,
  ];
  return {
    id: `blocked-port:${protocol}:${port}`,
    kind: 'blocked-port',
    severity: endpoints.length > 0 ? 'error' : 'warning',
    class: null,
    maskedBy: null,
    protocol,
    port,
    ...partiesOf(sides, nowhere),
    summary: `${nameSides(sides, nowhere)} ${sides.length === 1 ? `${verb}s` : verb} ${protocol} port ${port}, which is blocked: ${block.reason}.`,
    remedies,
  };
}

/** The block that says most about a port. */
function narrowest(blocks: readonly Block[]): Block | undefined {
  const [first] = [...blocks].sort(
    (a, b) => a.to - a.from - (b.to - b.from) || a.from - b.from || (a.reason < b.reason ? -1 : 1),
  );
  return first;
}
