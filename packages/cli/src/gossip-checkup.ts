import { allItems, type PortolanClient } from '@portolan/client';
import { localAgent } from '@portolan/client/node';
import { GOSSIP_PORT, type Host, type MemberView, PortolanError, type Source } from '@portolan/model';
import { ago } from './age.ts';
import { type Check, ok, warning } from './check.ts';
import { describe, occupantsOf } from './occupant.ts';
import { plain } from './output.ts';
import { strangerRemedy } from './stranger.ts';

/**
 * How this host takes part in gossip, as the coordinator and its own agent see it.
 *
 * @param host `undefined`: it has no living agent
 */
export async function checkGossip(
  client: PortolanClient,
  host: Host | undefined,
  { source }: LocalAnswer,
): Promise<Check> {
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
  const dead = members.filter(({ status }) => status === 'failed');
  const missed = dead.length === 0 ? undefined : await deadMembers(client, told, dead);
  const isCutOff = !(source instanceof PortolanError) && !source.attended;
  const own = members.find(({ name }) => name === host?.id);
  if (isCutOff || (host && !own)) {
    return warning(
      'gossip',
      'the agent of this host takes no part in it with the coordinator',
      'its log says why: it may need --gossip-host ADDRESS, or have another key than "portolan keys list" shows',
    );
  }
  if (!own) return missed ?? ok('gossip', told);
  if (own.status !== 'alive') {
    return warning(
      'gossip',
      `the agent reports, but for gossip it is ${own.status} since ${ago(own.statusSince)}`,
      `open ${own.address}, UDP and TCP, to all members, and theirs to this host`,
    );
  }
  return (await checkPlace(own.address)) ?? missed ?? ok('gossip', `${told}, this host at ${own.address}`);
}

/** Members that are named in one line. */
const NAMED_MAX = 10;

async function deadMembers(client: PortolanClient, told: string, dead: readonly MemberView[]): Promise<Check> {
  const hosts = new Map((await allItems((query) => client.hosts(query), {})).map(({ id, name }) => [id, name]));
  const names = dead
    .slice(0, NAMED_MAX)
    .map(({ name, status, statusSince }) => `${plain(hosts.get(name) ?? name)} (${status} since ${ago(statusSince)})`);
  const more = dead.length > NAMED_MAX ? ` and ${dead.length - NAMED_MAX} more` : '';
  return warning(
    'gossip',
    `${told}; not ${names.join(', ')}${more}`,
    'start their agents again, or "portolan hosts --forget ID" for a host that will not come back',
  );
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

/** What the agent of this machine says of itself at its local API. */
export interface LocalAnswer {
  readonly url: string;
  readonly source: Source | PortolanError;
}

export async function askLocalApi(token: string): Promise<LocalAnswer> {
  const client = await localAgent(token);
  const source = await client.source().catch((error: unknown) => {
    if (error instanceof PortolanError) return error;
    throw error;
  });
  return { url: client.url, source };
}

/**
 * Whether this machine gets answers while no coordinator gives any.
 *
 * @param hasAgent whether an agent of this host lives @returns nothing where there is none to answer
 */
export function checkLocalApi({ url, source }: LocalAnswer, hasAgent: boolean): Check[] {
  if (source instanceof PortolanError) {
    if (source.code === 'stranger') return [warning('local', source.message, strangerRemedy(source, 'agent'))];
    if (source.code !== 'unreachable')
      return [warning('local', `${url}: ${source.message}`, 'see the log of the agent')];
    const detail = `no agent answers at ${url}, so nobody will while no coordinator does`;
    return hasAgent ? [warning('local', detail, 'start the agent without --no-local-api')] : [];
  }
  const { asOf, leftOut } = source;
  if (asOf === null) {
    return [warning('local', `${url} answers, but never heard of the registry`, 'see what is said of gossip')];
  }
  const told = `${url} answers while no coordinator does; its registry is of ${ago(asOf)}`;
  if (leftOut.length === 0) return [ok('local', told)];
  const hosts = leftOut.map(plain).join(', ');
  return [
    warning('local', `${told}, without what listens on ${hosts}`, 'the fleet is too large for one agent to know'),
  ];
}
