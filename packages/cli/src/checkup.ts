import { accessSync, constants, statSync } from 'node:fs';
import { keptHostId } from '@portolan/agent';
import { allItems, type PortolanClient } from '@portolan/client';
import { ownHost, readToken, stateDir, tokenPath } from '@portolan/client/node';
import {
  doubtOf,
  ENDPOINTS_VARIABLE,
  givenVariables,
  type Host,
  nameOfCoordinator,
  PortolanError,
  type Status,
} from '@portolan/model';
import { ago } from './age.ts';
import { type Check, failure, ok, warning } from './check.ts';
import { askLocalApi, checkGossip, checkLocalApi } from './gossip-checkup.ts';
import { describe as describeOccupant, occupantsOf } from './occupant.ts';
import { abridged, plain } from './output.ts';
import { strangerRemedy } from './stranger.ts';
import { variables } from './variables.ts';

const NODE_WANTED = 24;
const DEFAULT_PORT = 7678;
/** Clocks that differ by more than this make dates in answers look wrong, ms. Leases go by the store's clock alone. */
const SKEW_MAX = 5_000;

/** What can be told of a set-up, from what lies nearest to what lies farthest. @param version of this command   @param urls all coordinators that were named */
export async function checkup(
  client: (url?: string) => Promise<PortolanClient>,
  version: string,
  urls: readonly string[] = [],
): Promise<Check[]> {
  const near = [checkNode(), checkEnvironment(), await checkState()];
  try {
    const connected = await client();
    const others = urls.length > 1 ? await Promise.all(urls.map(async (url) => checkNamed(await client(url)))) : [];
    return [...near, ...(await checkCoordinator(connected, version)), ...others.flat()];
  } catch (error) {
    if (!(error instanceof PortolanError)) throw error;
    return [...near, failure('token', error.message, 'portolan up, or set PORTOLAN_TOKEN')];
  }
}

function checkNode(): Check {
  const { node } = process.versions;
  if (Number(node.split('.')[0]) >= NODE_WANTED) return ok('node', `Node ${node}`);
  return failure('node', `Node ${node} is too old`, `install Node ${NODE_WANTED} or later`);
}

function checkEnvironment(): Check {
  const set = Object.keys(process.env).filter((name) => name.startsWith('PORTOLAN_'));
  const unknown = set.filter((name) => ![...variables, ...givenVariables].includes(name));
  if (unknown.length > 0) {
    return warning(
      'environment',
      `${unknown.join(', ')}: nobody reads that`,
      'look for a slip of the pen, or unset it',
    );
  }
  const given = process.env[ENDPOINTS_VARIABLE];
  if (given) {
    return warning(
      'environment',
      `${ENDPOINTS_VARIABLE} says ${plain(given)}: whatever is started here counts as that service`,
      `unset ${givenVariables.join(' ')} PORT, unless this is within "portolan run"`,
    );
  }
  return ok('environment', set.length > 0 ? `set: ${set.join(', ')}` : 'no PORTOLAN_ variables are set');
}

async function checkState(): Promise<Check> {
  const directory = stateDir();
  try {
    const { mode } = statSync(directory);
    if (process.platform !== 'win32' && mode & 0o022) {
      return failure('state', `others may write to ${directory}`, `chmod 700 ${directory}`);
    }
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    keptHostId(directory);
    const token = await readToken();
    if (token && process.platform !== 'win32' && statSync(tokenPath()).mode & 0o077) {
      return failure('state', `others may read ${tokenPath()}`, `chmod 600 ${tokenPath()}`);
    }
    return ok('state', `${directory}, ${token ? 'with a token' : 'without a token'}`);
  } catch (error) {
    if (error instanceof PortolanError) return failure('state', error.message, `look into ${directory}`);
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return ok('state', `${directory} does not exist yet`);
    return failure('state', message, `this user has to own ${directory}`);
  }
}

async function checkCoordinator(client: PortolanClient, version: string): Promise<Check[]> {
  const asked = Date.now();
  let status: Status;
  try {
    status = await client.status();
  } catch (error) {
    if (!(error instanceof PortolanError)) throw error;
    return [
      whyNot(error, client.url),
      // Whatever answered with a problem is the coordinator: nothing else has its port. A stranger is told of already.
      ...(error.code === 'unreachable' ? [await checkPort(client.url)] : []),
      ...checkLocalApi(await askLocalApi(client.token), false),
    ];
  }
  const skew = Date.parse(status.time) - (asked + Date.now()) / 2;
  return [
    status.version === version
      ? ok('coordinator', `${client.url} answers, version ${status.version}`)
      : warning(
          'coordinator',
          `${client.url} has version ${status.version}, this is ${version}`,
          'bring both to one version',
        ),
    checkStore(status),
    ...(await checkFleet(client)),
    Math.abs(skew) > SKEW_MAX
      ? warning('clock', `the coordinator's clock is ${Math.round(skew / 1000)} s from this one`, 'let both follow NTP')
      : ok('clock', 'this machine and the coordinator agree'),
    await checkRole(client),
    ...(await checkAgent(client, version)),
  ];
}

/** Who leads, which coordinators are there, and which hosts are not. Coordinators of earlier releases do not tell the former. */
async function checkFleet(client: PortolanClient): Promise<Check[]> {
  const readiness = await client.readiness().catch((error: unknown) => {
    if (error instanceof PortolanError && error.code === 'not-found') return undefined;
    throw error;
  });
  const checks: Check[] = [];
  const doubt = readiness && doubtOf(readiness);
  if (doubt) {
    const detail = `${doubt.title} ${doubt.text} It was well ${ago(doubt.since)}`;
    checks.push(warning('fleet', detail, 'see the logs of the coordinators'));
  } else if (readiness) {
    const { coordinators, leader } = readiness;
    const leads = coordinators.find(({ id }) => id === leader.coordinator);
    const alive = coordinators.filter(({ state }) => state === 'alive').length;
    const told = `${alive} of ${coordinators.length} coordinators are there`;
    checks.push(ok('fleet', leads ? `${told}; ${plain(nameOfCoordinator(leads))} leads` : told));
  }
  for (const each of readiness?.coordinators ?? []) {
    if (each.state === 'alive') continue;
    const detail = `the coordinator ${plain(nameOfCoordinator(each))} was last seen ${ago(each.stateSince)}`;
    checks.push(
      warning(
        'fleet',
        detail,
        `start it again on ${plain(each.host)}; when it is gone for good it is forgotten after a day`,
      ),
    );
  }
  const away = (await allItems((query) => client.hosts(query), {})).filter(({ state }) => state === 'unreachable');
  if (away.length > 0) {
    const names = abridged(away.map(({ name }) => plain(name)));
    checks.push(
      warning('hosts', `unreachable: ${names}`, 'portolan hosts says since when; look whether their agents run'),
    );
  }
  return checks;
}

/** One of several coordinators that were named: as long as another answers, nobody would miss it. */
async function checkNamed(client: PortolanClient): Promise<Check[]> {
  try {
    await client.status();
    return [];
  } catch (error) {
    if (!(error instanceof PortolanError)) throw error;
    const tried = error.data.tried as { reason: string }[] | undefined;
    const detail = `${client.url} does not answer as it should: ${tried?.[0]?.reason ?? error.message}`;
    return [warning('coordinator', detail, 'look whether it runs, or take it out of PORTOLAN_URL')];
  }
}

function checkStore({ acknowledgement, lowered, epoch }: Status): Check {
  const what = `it takes commits, acknowledged by ${acknowledgement}`;
  if (lowered !== null) return warning('store', `${what} only: ${plain(lowered)}`, 'portolan doctor --redis');
  if (acknowledgement !== 'memory') return ok('store', `${what}; epoch ${epoch}`);
  return warning(
    'store',
    `${what}: a crash of Redis can lose what was acknowledged`,
    'portolan doctor --redis says what it takes; the coordinator needs no restart, unless it was started with --ack memory',
  );
}

function whyNot(error: PortolanError, url: string): Check {
  switch (error.code) {
    case 'unauthorized':
      return failure(
        'token',
        error.message,
        'portolan token show, on the machine of the coordinator; then PORTOLAN_TOKEN',
      );
    case 'not-found':
      return warning('coordinator', `${url} is older than this command and tells nothing of itself`, 'update it');
    case 'unreachable':
      return failure('coordinator', error.message, 'portolan up, or PORTOLAN_URL with the right address');
    case 'stranger':
      return failure('coordinator', error.message, strangerRemedy(error, 'coordinator'));
    case 'not-ready':
      return failure('coordinator', error.message, 'ask again in a moment; see its log');
    default:
      return failure(
        'store',
        error.message,
        // An SQLite store names its file.
        error.data.path === undefined ? 'portolan doctor --redis' : 'see the log of the coordinator, and /readyz',
      );
  }
}

/** A coordinator that does not answer at its usual place: does something else have its port? */
async function checkPort(url: string): Promise<Check> {
  const { hostname: host, port } = new URL(url);
  const number = Number(port) || DEFAULT_PORT;
  if (!/^(127\.|localhost$|\[::1\]$)/.test(host)) return ok('port', `${host} is another machine`);
  const [occupant] = await occupantsOf(number);
  if (!occupant) return ok('port', `nobody listens on ${number} here`);
  return warning(
    'port',
    `${number} is taken by ${describeOccupant(occupant)}`,
    'end that, or choose another with --port',
  );
}

async function checkRole(client: PortolanClient): Promise<Check> {
  const { name, role, projects } = await client.self();
  const of = projects ? ` for ${projects.join(', ')}` : '';
  const told = `"${plain(name)}", role ${role}${of}`;
  if (role === 'viewer')
    return warning('token', `${told}: it may look and not reserve`, 'portolan token create, by an admin');
  return ok('token', told);
}

async function checkAgent(client: PortolanClient, version: string): Promise<Check[]> {
  const local = await askLocalApi(client.token);
  const id = await ownHost(client);
  const own =
    id === undefined ? [] : (await allItems((query) => client.hosts(query), {})).filter((each) => each.id === id);
  const alive = own.find(({ state }) => state === 'alive');
  if (!alive) {
    const last = own[0]
      ? `that of this host is ${own[0].state} since ${own[0].stateSince}`
      : 'none has reported for this host';
    return [
      warning('agent', last, 'portolan agent, or portolan service install agent'),
      await checkGossip(client, undefined, local),
      ...checkLocalApi(local, false),
    ];
  }
  return [
    alive.agentVersion === version
      ? ok('agent', `it reports for ${plain(alive.name)} (${alive.id})`)
      : warning('agent', `it has version ${alive.agentVersion}, this is ${version}`, 'bring both to one version'),
    ...alive.blindSpots.map((spot) => blindSpot(spot, alive)),
    await checkGossip(client, alive, local),
    ...checkLocalApi(local, true),
  ];
}

function blindSpot(spot: string, { platform }: Host): Check {
  const [seen = spot, ...rest] = plain(spot).split('; ');
  const remedy = rest.join('; ');
  // What the system itself does not tell is nobody's fault.
  if (!remedy) return ok('agent', `it cannot see ${seen}`);
  return warning('agent', `it cannot see ${seen}`, platform.startsWith('linux') ? remedy : 'run the agent as root');
}
