import { type AssignmentQuery, allItems, type PortolanClient, type ServiceQuery } from '@portolan/client';
import {
  type AssignmentView,
  formatEndpoint,
  formatPorts,
  type HostListener,
  parseServiceId,
  type ServiceView,
} from '@portolan/model';
import { Command } from 'commander';
import { abridged, plain, say, sayJson, table } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';

interface Options extends RemoteOptions {
  project?: string;
  wide?: boolean;
  listeners?: boolean;
}

export function ls(): Command {
  return remote(new Command('ls'))
    .description('List services with their ports, as process:5554 or process (cdp:5556,health:5557).')
    .option('--project <name>', 'of this project alone')
    .option('--wide', 'one line a port, with state, lease, host, holder and purpose')
    .option('--listeners', 'the sockets that were seen, service or not')
    .addHelpText(
      'after',
      examples('portolan ls', 'portolan ls --project mana --wide', 'portolan ls --listeners --json'),
    )
    .action(async (options: Options) => {
      const client = await clientOf(options);
      if (options.listeners) return listListeners(client, options);
      if (options.wide) return listAssignments(client, options);
      return listServices(client, options);
    });
}

async function listServices(client: PortolanClient, { project, json }: Options): Promise<void> {
  const items = await allItems((query: ServiceQuery) => client.services(query), { project });
  if (json) return sayJson({ items });
  const names = await hostNames(client);
  const rows = items
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map((item) => [parseServiceId(item.id).project, portsOf(item), stateOf(item), hostsOf(item.listeners, names)]);
  say(table(['PROJECT', 'SERVICE', 'STATE', 'HOSTS'], rows));
}

/** What is promised, else what was seen. */
function portsOf({ id, assignments, listeners }: ServiceView): string {
  const { service } = parseServiceId(id);
  const promised = assignments.map(({ endpoint, port }) => ({
    label: endpoint.instance === 1 ? endpoint.label : `${endpoint.label}#${endpoint.instance}`,
    port,
  }));
  const seen = new Map(listeners.map(({ port, protocol, identity }) => [port, identity?.label ?? protocol]));
  const ports = promised.length > 0 ? promised : Array.from(seen, ([port, label]) => ({ label, port }));
  return formatPorts(
    service,
    ports.toSorted((a, b) => a.port - b.port),
  );
}

function stateOf({ assignments }: ServiceView): string {
  if (assignments.length === 0) return 'observed';
  return [...new Set(assignments.map(({ state }) => state))].join(', ');
}

async function listAssignments(client: PortolanClient, { project, json }: Options): Promise<void> {
  const items = await allItems((query: AssignmentQuery) => client.assignments(query), { project });
  if (json) return sayJson({ items });
  const names = await hostNames(client);
  say(
    table(
      ['PORT', 'PROTO', 'ENDPOINT', 'STATE', 'LEASE', 'HOST', 'HOLDER', 'PURPOSE'],
      items.toSorted((a, b) => a.port - b.port).map((item) => assignmentRow(item, names)),
    ),
  );
}

function assignmentRow(item: AssignmentView, names: ReadonlyMap<string, string>): string[] {
  const { port, protocol, endpoint, state, lease, unattended, host, holder, purpose } = item;
  const term = lease ? (unattended ?? `${lease.ttl} s`) : 'permanent';
  const free = [(host && names.get(host)) ?? host ?? '-', holder ?? '-', purpose ?? ''].map(plain);
  return [String(port), protocol, formatEndpoint(endpoint), state, term, ...free];
}

async function listListeners(client: PortolanClient, { project, json }: Options): Promise<void> {
  const all = await allItems((page) => client.listeners(page), {});
  const items = all.filter(({ identity }) => project === undefined || identity?.service.startsWith(`${project}/`));
  if (json) return sayJson({ items });
  const names = await hostNames(client);
  const rows = items
    .toSorted((a, b) => a.port - b.port)
    .map(({ port, protocol, address, host, process, identity }) => [
      String(port),
      protocol,
      address,
      plain(names.get(host) ?? host),
      String(process?.pid ?? '-'),
      plain(process?.user ?? '-'),
      identity?.service ?? '-',
      identity?.evidence.kind ?? '-',
      plain(process?.command ?? '-'),
    ]);
  say(table(['PORT', 'PROTO', 'ADDRESS', 'HOST', 'PID', 'USER', 'SERVICE', 'BY', 'COMMAND'], rows));
}

async function hostNames(client: PortolanClient): Promise<Map<string, string>> {
  const hosts = await allItems((query) => client.hosts(query), {});
  return new Map(hosts.map(({ id, name }) => [id, name]));
}

function hostsOf(listeners: readonly HostListener[], names: ReadonlyMap<string, string>): string {
  const hosts = [...new Set(listeners.map(({ host }) => plain(names.get(host) ?? host)))];
  return abridged(hosts) || '-';
}
