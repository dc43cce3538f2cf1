import type { PortolanClient } from '@portolan/client';
import { GOSSIP_PORT, type Host, type MemberView, PortolanError } from '@portolan/model';
import { ago } from './age.ts';
import { type Check, ok, warning } from './check.ts';
import { describe, occupantsOf } from './occupant.ts';
import { plain } from './output.ts';
import { localClient } from './reading.ts';

/** How this host takes part in gossip, as the coordinator sees it. @param host `undefined`: it has no living agent */
export async function checkGossip(client: PortolanClient, host: Host | undefined): Promise<Check> {
  let members: MemberView[];
  try {
    members = await client.members();
  } catch (error) {
    if (!(error instanceof PortolanError) || error.code !== 'not-found') throw error;
    return warning(
      'gossip',
      'the coordinator takes no part in it: dead agents are noticed after 30 s, and none answers in its place',
      'start it without --no-gossip; its log says why if it could not',
    );
  }
  const alive = members.filter(({ status }) => status === 'alive');
  const told = `${alive.length} of ${members.length} members are alive`;
  if (!host) return ok('gossip', told);
  const own = members.find(({ name }) => name === host.id);
  if (!own) {
    return warning(
      'gossip',
      'the agent of this host takes no part in it',
      'its log says why: it may need --gossip-host ADDRESS, or have another key than "portolan keys list" shows',
    );
  }
  if (own.status !== 'alive') {
    return warning(
      'gossip',
      `the agent reports, but for gossip it is ${own.status} since ${ago(own.statusSince)}`,
      `open ${own.address}, UDP and TCP, to all members, and theirs to this host`,
    );
  }
  return (await checkPlace(own.address)) ?? ok('gossip', `${told}, this host at ${own.address}`);
}

/** Whether the port of its own was to be had; on this machine alone it does not matter. */
async function checkPlace(address: string): Promise<Check | undefined> {
  if (address.endsWith(`:${GOSSIP_PORT}`) || /^(127\.|\[::1\])/.test(address)) return undefined;
  const [occupant] = await occupantsOf(GOSSIP_PORT, 'any');
  if (!occupant) return undefined;
  return warning(
    'gossip',
    `this host is at ${address}: ${GOSSIP_PORT} is taken by ${describe(occupant)}`,
    'open that port in firewalls, or end the other and start the agent again',
  );
}

/**
 * Whether this machine gets answers while no coordinator gives any.
 *
 * @param host `undefined`: no agent of it is known to live @returns nothing where there is no agent to answer
 */
export async function checkLocalApi(token: string, host: Host | undefined): Promise<Check[]> {
  const client = await localClient(token);
  try {
    const { asOf, leftOut } = await client.source();
    if (asOf === null) {
      return [warning('local', `${client.url} answers, but never heard of the registry`, 'see what is said of gossip')];
    }
    const told = `${client.url} answers while no coordinator does; its registry is of ${ago(asOf)}`;
    if (leftOut.length === 0) return [ok('local', told)];
    const hosts = leftOut.map(plain).join(', ');
    return [
      warning('local', `${told}, without what listens on ${hosts}`, 'the fleet is too large for one agent to know'),
    ];
  } catch (error) {
    if (!(error instanceof PortolanError)) throw error;
    if (error.code === 'unreachable' && !host) return [];
    return [
      error.code === 'unreachable'
        ? warning(
            'local',
            `no agent answers at ${client.url}, so nobody will while no coordinator does`,
            'start the agent without --no-local-api',
          )
        : warning('local', `${client.url}: ${error.message}`, 'see the log of the agent'),
    ];
  }
}
