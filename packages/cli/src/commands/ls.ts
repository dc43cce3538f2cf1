import { type AssignmentQuery, allItems, type PortolanClient, type ServiceQuery } from '@portolan/client';
import {
  type AssignmentView,
  formatEndpoint,
  formatPorts,
  type Host,
  type HostListener,
  parseServiceId,
  type ServiceView,
  type Source,
} from '@portolan/model';
import { Command } from 'commander';
import { ago } from '../age.ts';
import { abridged, plain, say, sayJson, table } from '../output.ts';
import { reading } from '../reading.ts';
import { examples, type RemoteOptions, remote } from '../remote.ts';

interface Options extends RemoteOptions {
  project?: string;
  wide?: boolean;
  listeners?: boolean;
  all?: boolean;
}

export function ls(): Command {
  return remote(new Command('ls'))
    .description('List services with their ports, as process:5554 or process (cdp:5556,health:5557).')
    .option('--project <name>', 'of this project alone')
    .option('--wide', 'one line a port, with state, lease, host, holder and purpose')
    .option('--listeners', 'the sockets that were seen, service or not')
    .option('--all', "with --listeners: Portolan's own, too")
    .addHelpText(
      'after',
      examples('portolan ls', 'portolan ls --project mana --wide', 'portolan ls --listeners --json'),
    )
    .action(async (options: Options) => {
      if (options.listeners) return listListeners(options);
      if (options.wide) return listAssignments(options);
      return listServices(options);
    });
}

async function listServices({ project, ...options }: Options): Promise<void> {
  const { items, hosts, source } = await listed(options, (client) =>
    allItems((query: ServiceQuery) => client.services(query), { project }),
  );
  if (options.json) return sayJson({ items, ...(source && { source }) });
  const rows = items
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map((item) => [
      parseServiceId(item.id).project,
      portsOf(item),
      stateOf(item),
      hostsOf(item, hosts),
      ...aged(source, item.assignments.length > 0 ? undefined : item.listeners[0], hosts),
    ]);
  say(table(['PROJECT', 'SERVICE', 'STATE', 'HOSTS', ...AGE(source)], rows));
}

/** A list with the hosts that it names, from whoever answers. */
async function listed<T>(options: RemoteOptions, list: (client: PortolanClient) => Promise<T[]>) {
  const { answer, source } = await reading(options, async (client) => {
    const [items, hosts] = await Promise.all([list(client), allItems((query) => client.hosts(query), {})]);
    return { items, hosts: new Map(hosts.map((host) => [host.id, host])) };
  });
  return { ...answer, source };
}

type Hosts = ReadonlyMap<string, Host>;

/** How old what an agent knows is: a coordinator's answer is of now. */
const AGE = (source: Source | undefined): string[] => (source ? ['AS OF'] : []);

/** @param listener without one, the registry's part is meant */
function aged(source: Source | undefined, listener: HostListener | undefined, hosts: Hosts): string[] {
  if (!source) return [];
  const host = listener && hosts.get(listener.host);
  if (listener) return [host && host.state !== 'alive' ? ago(host.stateSince) : 'now'];
  return [source.asOf === null ? '-' : ago(source.asOf)];
}

/** What is promised, else what was seen. */
function portsOf({ id, assignments, assignmentCount = 0, listeners, listenerCount = 0 }: ServiceView): string {
  const { service } = parseServiceId(id);
  const promised = assignments.map(({ endpoint, port }) => ({
    label: endpoint.instance === 1 ? endpoint.label : `${endpoint.label}#${endpoint.instance}`,
    port,
  }));
  const seen = new Map(listeners.map(({ port, protocol, identity }) => [port, identity?.label ?? protocol]));
  const ports = promised.length > 0 ? promised : Array.from(seen, ([port, label]) => ({ label, port }));
  const sorted = ports.toSorted((a, b) => a.port - b.port);
  // Of many listeners those of each port come first: as soon as a port is there twice, all ports are.
  const unseen = seen.size === listeners.length ? listenerCount - listeners.length : 0;
  return formatPorts(service, sorted, Math.max(0, promised.length > 0 ? assignmentCount - assignments.length : unseen));
}

function stateOf({ assignments }: ServiceView): string {
  if (assignments.length === 0) return 'observed';
  return [...new Set(assignments.map(({ state }) => state))].join(', ');
}

async function listAssignments({ project, ...options }: Options): Promise<void> {
  const { items, hosts, source } = await listed(options, (client) =>
    allItems((query: AssignmentQuery) => client.assignments(query), { project }),
  );
  if (options.json) return sayJson({ items, ...(source && { source }) });
  const rows = items
    .toSorted((a, b) => a.port - b.port)
    .map((item) => [...assignmentRow(item, hosts), ...aged(source, undefined, hosts)]);
  say(table(['PORT', 'PROTO', 'ENDPOINT', 'STATE', 'LEASE', 'HOST', 'HOLDER', 'PURPOSE', ...AGE(source)], rows));
}

function assignmentRow(item: AssignmentView, hosts: Hosts): string[] {
  const { port, protocol, endpoint, state, lease, unattended, host, holder, purpose, provisional } = item;
  const term = provisional ? 'provisional' : lease ? (unattended ?? `${lease.ttl} s`) : 'permanent';
  const free = [(host && hosts.get(host)?.name) ?? host ?? '-', holder ?? '-', purpose ?? ''].map(plain);
  return [String(port), protocol, formatEndpoint(endpoint), state, term, ...free];
}

async function listListeners({ project, all: everything, ...options }: Options): Promise<void> {
  const {
    items: all,
    hosts,
    source,
  } = await listed(options, (client) => allItems((page) => client.listeners(page), {}));
  const items = all.filter(({ identity }) => project === undefined || identity?.service.startsWith(`${project}/`));
  if (options.json) return sayJson({ items, ...(source && { source }) });
  const shown = everything ? items : items.filter(({ identity }) => !identity?.evidence.own);
  const rows = shown
    .toSorted((a, b) => a.port - b.port)
    .map((item) => {
      const { port, protocol, address, host, process, identity } = item;
      return [
        String(port),
        protocol,
        address,
        nameOf(host, hosts),
        String(process?.pid ?? '-'),
        plain(process?.user ?? '-'),
        identity?.service ?? '-',
        identity?.evidence.kind ?? '-',
        plain(process?.command ?? '-'),
        ...aged(source, item, hosts),
      ];
    });
  say(table(['PORT', 'PROTO', 'ADDRESS', 'HOST', 'PID', 'USER', 'SERVICE', 'BY', 'COMMAND', ...AGE(source)], rows));
  const own = items.length - shown.length;
  if (own > 0) say(`${own} of Portolan's own ${own === 1 ? 'is' : 'are'} left out: portolan ls --listeners --all`);
}

function hostsOf({ listeners, hostCount }: ServiceView, hosts: Hosts): string {
  return abridged([...new Set(listeners.map(({ host }) => nameOf(host, hosts)))], hostCount) || '-';
}

/** What is seen on a host that nobody hears of is as it was when it was last heard of. */
function nameOf(id: string, hosts: Hosts): string {
  const host = hosts.get(id);
  return plain(host?.name ?? id) + (host?.state === 'unreachable' ? ' (stale)' : '');
}
