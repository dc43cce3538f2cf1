import { allItems, type PortolanClient } from '@portolan/client';
import { type Host, PortolanError } from '@portolan/model';
import { quoted } from './plain.ts';

/** What the tools need of a registry: the SDK's client is one. */
export type Registry = Pick<
  PortolanClient,
  | 'reserve'
  | 'release'
  | 'renew'
  | 'port'
  | 'freePorts'
  | 'services'
  | 'service'
  | 'assignments'
  | 'ranges'
  | 'blocks'
  | 'hosts'
  | 'findings'
>;

/** Opens the registry for one call. It may fail, and do better the next time: then the call is answered with why. */
export type OpenRegistry = () => Promise<Registry>;

const HOSTS_MAX = 10_000;
const HOSTS_NAMED = 10;

/** The hosts of the fleet by their ids. */
export async function hostsOf(registry: Registry): Promise<Map<string, Host>> {
  const hosts = await allItems((query) => registry.hosts(query), { limit: HOSTS_MAX });
  return new Map(hosts.map((host) => [host.id, host]));
}

/** @throws PortolanError `unknown-host`, `ambiguous` */
export async function knownHost(registry: Registry, idOrName: string): Promise<Host> {
  const hosts = await hostsOf(registry);
  const called = Array.from(hosts.values()).filter(({ name }) => name === idOrName);
  const found = hosts.get(idOrName) ?? called[0];
  if (!found) {
    const names = Array.from(hosts.values(), ({ name }) => quoted(name));
    const known = names.slice(0, HOSTS_NAMED).join(', ') + (names.length > HOSTS_NAMED ? ', …' : '');
    throw new PortolanError(
      'unknown-host',
      `The fleet knows no host ${quoted(idOrName)}; nothing was reserved. ${known === '' ? 'It knows none yet' : `It knows ${known}`}.`,
    );
  }
  if (found.id !== idOrName && called.length > 1) {
    const ids = called.map(({ id }) => quoted(id)).join(', ');
    throw new PortolanError('ambiguous', `Several hosts are called ${quoted(idOrName)}. Name one by its id: ${ids}.`);
  }
  return found;
}
