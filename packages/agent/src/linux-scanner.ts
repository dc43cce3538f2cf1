import { readdirSync } from 'node:fs';
import { HOST_NETNS, type Listener } from '@portolan/model';
import { type ContainerFacts, Containers, engineSockets, type PublishedPort } from './containers.ts';
import { identify, type Manifest } from './identity.ts';
import { NamespaceSockets } from './namespace-sockets.ts';
import { HOST_NAMESPACE, type NetworkNamespace, NetworkNamespaces } from './network-namespaces.ts';
import type { KernelSocket } from './proc-net.ts';
import { ProcessTable } from './process-table.ts';
import type { Scan, Scanner, ScannerOptions } from './scanner.ts';

interface Found {
  readonly socket: KernelSocket;
  readonly netns: string;
  listener: Listener;
}

/**
 * TCP tables are read after this time, ms, also when nothing hints at a change: a process that closed one socket and
 * opened another leaves all counts as they were.
 */
const READ_AGAIN = 3_000;

/** Processes that hold a port on the host on behalf of a container. */
export const FORWARDERS =
  /^(?:docker-proxy|dockerd|rootlesskit|rootlessport|slirp4netns|pasta(?:\.avx2)?|passt(?:\.avx2)?|conmon|aardvark-dns|containerd|com\.docker\.backend)$/;

const DUAL_STACK = 'IPv6 sockets on "::": /proc does not tell whether they refuse IPv4, so they are taken to accept it';
const OTHER_USERS =
  'processes of other users: their sockets are seen, but not whose they are; run the agent as root or with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH';
const OUTSIDE =
  "the processes behind some sockets: they are the kernel's own, or run outside of the container that the agent is in";
const OTHER_NAMESPACES =
  'network namespaces of other users, such as those of containers; run the agent as root to see them';

/** Reads the sockets of all network namespaces from /proc. */
export class LinuxScanner implements Scanner {
  readonly #now: () => number;
  readonly #manifests: readonly Manifest[];
  readonly #namespaces: NetworkNamespaces | null;
  readonly #processes = new ProcessTable();
  readonly #containers: Containers;
  readonly #sockets = new Map<string, NamespaceSockets>();
  readonly #found = new Map<number, Found>();
  #published = new Map<string, Listener>();
  #listeners: readonly Listener[] = [];
  readonly #standing: readonly string[];
  /** Whether the agent may look into every process that it can list. */
  readonly #seesAll: boolean;
  /** Blind spots that some socket shows. */
  #shown: readonly string[] = [];
  #first = true;

  constructor({ allNamespaces = true, dockerSocket, manifests = [], now = Date.now }: ScannerOptions = {}) {
    this.#now = now;
    this.#manifests = manifests;
    this.#namespaces = allNamespaces ? new NetworkNamespaces() : null;
    const sockets = dockerSocket === undefined ? engineSockets(process.env) : dockerSocket ? [dockerSocket] : [];
    this.#containers = new Containers(sockets);
    this.#seesAll = mayLookInto(1);
    const others = allNamespaces ? [OTHER_USERS, OTHER_NAMESPACES] : [OTHER_USERS];
    this.#standing = this.#seesAll ? [] : others;
  }

  async scan(): Promise<Scan> {
    const now = this.#now();
    const moved = this.#processes.list(now);
    const namespaces = this.#namespaces?.look(this.#processes.pids, moved, now) ?? [{ ...HOST_NAMESPACE, moved }];
    const { added, removed } = this.#readSockets(namespaces, now);
    const touched = this.#processes.update(added.keys(), removed, now);
    const containersChanged = await this.#containers.look(now, added.size > 0);
    let changed = this.#first || removed.size > 0 || added.size > 0;
    this.#first = false;

    for (const inode of removed) this.#found.delete(inode);
    const since = new Date(now).toISOString();
    for (const [inode, { socket, netns }] of added) {
      this.#found.set(inode, { socket, netns, listener: this.#describe(socket, netns, since) });
    }
    for (const inode of containersChanged ? this.#found.keys() : touched) {
      const found = this.#found.get(inode);
      if (!found || added.has(inode)) continue;
      found.listener = this.#describe(found.socket, found.netns, found.listener.since);
      changed = true;
    }
    if (changed || containersChanged) {
      this.#published = this.#publishedOnly(since);
      const listeners = Array.from(this.#found.values(), ({ listener }) => listener);
      this.#shown = [
        listeners.some(({ v6only }) => v6only === null) ? DUAL_STACK : [],
        this.#seesAll && listeners.some(({ process }) => process === null) ? OUTSIDE : [],
      ].flat();
      this.#listeners = [...listeners, ...this.#published.values()];
      changed = true;
    }
    const blindSpots = [...this.#standing, ...this.#shown, this.#containers.blindSpot ?? []].flat();
    return { listeners: this.#listeners, changed, blindSpots };
  }

  #readSockets(namespaces: readonly NetworkNamespace[], now: number) {
    const added = new Map<number, { socket: KernelSocket; netns: string }>();
    const removed = new Set<number>();
    const overdue = this.#overdue(now);
    let changed = false;
    for (const { name, path, moved } of namespaces) {
      const sockets = this.#sockets.get(name) ?? new NamespaceSockets();
      this.#sockets.set(name, sockets);
      if (sockets.read(path, moved || sockets === overdue, now)) changed = true;
    }
    if (this.#sockets.size > namespaces.length) {
      const present = new Set(namespaces.map(({ name }) => name));
      for (const name of this.#sockets.keys()) if (!present.has(name)) this.#sockets.delete(name);
      changed = true;
    }
    if (!changed) return { added, removed };

    const present = new Set<number>();
    for (const [netns, sockets] of this.#sockets) {
      for (const socket of sockets.sockets()) {
        present.add(socket.inode);
        if (this.#found.get(socket.inode)?.socket !== socket) added.set(socket.inode, { socket, netns });
      }
    }
    for (const inode of this.#found.keys()) if (!present.has(inode) || added.has(inode)) removed.add(inode);
    return { added, removed };
  }

  /** The namespace whose TCP tables were not read for the longest time: at most one a scan, however many there are. */
  #overdue(now: number): NamespaceSockets | undefined {
    let overdue: NamespaceSockets | undefined;
    for (const sockets of this.#sockets.values()) {
      if (now - sockets.readAt >= READ_AGAIN && sockets.readAt < (overdue?.readAt ?? now)) overdue = sockets;
    }
    return overdue;
  }

  #describe(socket: KernelSocket, netns: string, since: string): Listener {
    const { protocol, address, port, inode } = socket;
    const process = this.#processes.ownerOf(inode);
    const forwards = netns === HOST_NETNS && (!process || FORWARDERS.test(process.process.command));
    const publisher = forwards ? this.#publisherOf(socket) : null;
    const own = process?.containerId ? this.#containers.byId(process.containerId) : null;
    const container = publisher?.container ?? own;
    const id = container?.id ?? process?.containerId;
    return {
      protocol,
      address,
      port,
      netns,
      v6only: address === '::' ? null : false,
      socket: String(inode),
      process: process?.process ?? null,
      container: id
        ? {
            id,
            name: container?.name ?? null,
            image: container?.image ?? null,
            publishes: publisher?.published.containerPort ?? null,
          }
        : null,
      identity: identify({ protocol, port, process, container }, this.#manifests),
      since,
    };
  }

  #publisherOf(socket: Pick<KernelSocket, 'protocol' | 'address' | 'port'>) {
    for (const container of this.#containers.all()) {
      const published = container.published.find((port) => reach(port) === reach(socket));
      if (published) return { container, published };
    }
    return null;
  }

  /** Where the engine forwards a port by rules of the packet filter alone, no socket shows that it is taken. */
  #publishedOnly(since: string): Map<string, Listener> {
    const bound = new Set<string>();
    for (const { netns, socket } of this.#found.values()) if (netns === HOST_NETNS) bound.add(reach(socket));
    const published = new Map<string, Listener>();
    for (const container of this.#containers.all()) {
      for (const port of container.published) {
        if (bound.has(reach(port))) continue;
        const key = `${port.protocol}/${port.address}/${port.port}`;
        const listener = describePublished(container, port, this.#published.get(key)?.since ?? since);
        const before = this.#published.get(key);
        published.set(key, before && JSON.stringify(before) === JSON.stringify(listener) ? before : listener);
      }
    }
    return published;
  }
}

function describePublished(container: ContainerFacts, port: PublishedPort, since: string): Listener {
  const { id, name, image } = container;
  return {
    protocol: port.protocol,
    address: port.address,
    port: port.port,
    netns: HOST_NETNS,
    v6only: port.address === '::',
    socket: `docker:${id.slice(0, 12)}`,
    process: null,
    container: { id, name, image, publishes: port.containerPort },
    identity: identify({ protocol: port.protocol, port: port.port, process: null, container }),
    since,
  };
}

/** A forwarder may listen on `::` for what the engine calls `0.0.0.0`, so all that means "any address" is one. */
function reach({ protocol, address, port }: Pick<KernelSocket, 'protocol' | 'address' | 'port'>): string {
  return `${protocol}/${isAny(address) ? '*' : address}/${port}`;
}

function isAny(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function mayLookInto(pid: number): boolean {
  try {
    readdirSync(`/proc/${pid}/fd`);
    return true;
  } catch {
    return false;
  }
}
