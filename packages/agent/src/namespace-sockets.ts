import { readProcFile } from './proc-file.ts';
import { type KernelSocket, SocketTable } from './proc-net.ts';

/**
 * The sockets of one network namespace.
 *
 * The kernel writes /proc/net/tcp by walking the machine's whole table of connections, which is up to 524,288 buckets
 * on any sizeable server: 3 ms of processor time per file and namespace, even with not one connection open. So the TCP
 * tables are read only when there is reason to: the number of sockets in use differs, a process of the namespace came
 * or went, or the caller wants it. (Busy hosts have that reason each time, but there the walk ends at the first
 * connection.) And a table of which the kernel counts no socket is empty unread.
 */
export class NamespaceSockets {
  readonly #tcp = [
    { file: 'tcp', table: new SocketTable('tcp', 4) },
    { file: 'tcp6', table: new SocketTable('tcp', 6) },
  ];
  readonly #udp = [
    { file: 'udp', table: new SocketTable('udp', 4) },
    { file: 'udp6', table: new SocketTable('udp', 6) },
  ];
  /** Of each of the TCP tables. */
  #inUse: readonly number[] | null = null;
  /** When the TCP tables were last read. */
  readAt = Number.NEGATIVE_INFINITY;

  /**
   * @param path `/proc/<pid>/net` @param wanted read the TCP tables in any case
   * @returns whether the sockets changed
   */
  read(path: string, wanted: boolean, now: number): boolean {
    // Counted first: what comes between counting and reading is then seen twice rather than never.
    const inUse = countInUse(path);
    let changed = false;
    for (const { file, table } of this.#udp) if (table.read(`${path}/${file}`)) changed = true;
    if (!wanted && inUse !== null && inUse.join() === this.#inUse?.join()) return changed;
    for (const [index, { file, table }] of this.#tcp.entries()) {
      if (inUse?.[index] === 0 ? table.clear() : table.read(`${path}/${file}`)) changed = true;
    }
    this.#inUse = inUse;
    this.readAt = now;
    return changed;
  }

  *sockets(): Generator<KernelSocket> {
    for (const { table } of this.#tcp) yield* table.sockets.values();
    for (const { table } of this.#udp) yield* table.sockets.values();
  }
}

/** @returns how many TCP sockets of IPv4 and IPv6 are in use, or `null` where the kernel does not count them */
function countInUse(path: string): [number, number] | null {
  const four = /^TCP: inuse (\d+)/m.exec(readProcFile(`${path}/sockstat`)?.toString('latin1') ?? '');
  if (!four) return null;
  const six = /^TCP6: inuse (\d+)/m.exec(readProcFile(`${path}/sockstat6`)?.toString('latin1') ?? '');
  return [Number(four[1]), Number(six?.[1] ?? 0)];
}
