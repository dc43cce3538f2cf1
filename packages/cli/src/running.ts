import { startedWith } from '@portolan/agent/processes';
import { fateOf } from '@portolan/client/holding-process';
import {
  type AssignmentView,
  ENDPOINTS_VARIABLE,
  formatEndpoint,
  LEASE_VARIABLE,
  type Listener,
  PortolanError,
  parseGivenPorts,
  serviceId,
} from '@portolan/model';

/**
 * Looks on this machine whether a service runs already on the ports that it has, or somebody else is on them: the command
 * would only find that they cannot be bound.
 *
 * @param standing of one instance
 * @throws PortolanError `port-taken`, which says who
 */
export async function refuseSecond(standing: readonly AssignmentView[], environment = process.env): Promise<void> {
  const around = parseGivenPorts(environment[ENDPOINTS_VARIABLE] ?? '');
  // A command of the running service itself.
  if (standing.every(({ port, protocol }) => around.some((each) => each.port === port && each.protocol === protocol)))
    return;
  const { describe, occupantsOf } = await import('./occupant.ts');
  for (const { protocol, port, endpoint, lease, process: holder } of standing) {
    const occupants = await occupantsOf(port, protocol);
    const service = serviceId(endpoint);
    const own = occupants.find(({ identity }) => identity?.service === service);
    const stranger = own ? undefined : occupants[0];
    if (stranger) throw taken(endpoint, port, `${describe(stranger)} listens on ${protocol} port ${port}`, stranger);
    const keepers = lease ? (startedWith([LEASE_VARIABLE, lease.id]) ?? []) : [];
    if (own) throw running(endpoint, port, `${describe(own)} listens on ${protocol} port ${port}`, own);
    if (keepers.length > 0) throw running(endpoint, port, `pid ${keepers[0]} was started with port ${port}`);
    if (lease && holder && fateOf(holder) === 'lives') throw running(endpoint, port, `pid ${holder.pid} starts it`);
  }
}

type Endpoint = AssignmentView['endpoint'];

function running(endpoint: Endpoint, port: number, what: string, listener?: Listener): PortolanError {
  const again = `--instance ${endpoint.instance + 1} starts another one beside it, and --again runs the command all the same`;
  const message = `${nameOf(endpoint)} runs already in this working copy: ${what}. "portolan kill ${port}" ends it, ${again}`;
  return new PortolanError('port-taken', message, dataOf(endpoint, port, listener));
}

function taken(endpoint: Endpoint, port: number, what: string, listener: Listener): PortolanError {
  const message =
    `${nameOf(endpoint)} has port ${port}, but ${what}. "portolan who ${port}" tells more; end that process, ` +
    `start with another port by --instance ${endpoint.instance + 1}, or run the command all the same with --again`;
  return new PortolanError('port-taken', message, dataOf(endpoint, port, listener));
}

function dataOf(endpoint: Endpoint, port: number, listener: Listener | undefined) {
  return { port, owner: serviceId(endpoint), ...(listener?.process && { pid: listener.process.pid }) };
}

function nameOf(endpoint: Endpoint): string {
  return endpoint.instance === 1 ? serviceId(endpoint) : formatEndpoint(endpoint);
}
