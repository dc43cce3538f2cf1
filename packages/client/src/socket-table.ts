import { open, readdir, readlink } from 'node:fs/promises';
import { endianness } from 'node:os';

/** A TCP socket of this machine, as the kernel lists it. */
export interface TableRow {
  /** Address and port of its own end, as the kernel writes them. */
  readonly local: string;
  readonly uid: number;
  /** Names the socket for as long as it lives; `0` for a connection that nobody has accepted yet. */
  readonly inode: string;
}

/** One end of a TCP connection. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

// Whose network this process is in; `/proc/net` is missing where a service sees nothing of /proc but processes.
const TABLES = ['/proc/self/net/tcp', '/proc/self/net/tcp6'] as const;
const LISTENING = '0A';
/** The kernel gives a page at a time, however much is asked for. */
const READ_BYTES = 4096;

/**
 * The sockets that listen on a port. They stand first in the kernel's tables, so this costs little however many
 * connections there are.
 *
 * @throws what the system says when the tables cannot be read
 */
export async function listenersOn(port: number): Promise<TableRow[]> {
  const found: TableRow[] = [];
  await eachRow((row) => {
    if (row.state !== LISTENING) return 'next table';
    if (row.local.endsWith(written(port))) found.push(row);
    return 'on';
  });
  return found;
}

/** Whether this very process listens on a port; `undefined` where that cannot be seen. */
export async function listensItself(port: number): Promise<boolean | undefined> {
  try {
    const inodes = new Set((await listenersOn(port)).map(({ inode }) => `socket:[${inode}]`));
    const descriptors = await readdir('/proc/self/fd');
    const targets = await Promise.all(descriptors.map((each) => readlink(`/proc/self/fd/${each}`).catch(() => '')));
    return targets.some((target) => inodes.has(target));
  } catch {
    return undefined;
  }
}

/** Those whose address is this very one; else those of all addresses of its family; else those of `::`, which may take IPv4. */
export function closestTo(
  address: string,
  rows: readonly TableRow[],
): { rows: readonly TableRow[]; family: 'sure' | 'unsure' } {
  const [exact, wild, both] = places(address).map((each) =>
    rows.filter(({ local }) => each.includes(addressOf(local))),
  );
  if (exact?.length) return { rows: exact, family: 'sure' };
  if (wild?.length) return { rows: wild, family: 'sure' };
  return { rows: both ?? [], family: 'unsure' };
}

/** The socket at `from` of the connection whose other end is `to`: `undefined` when this machine has none. */
export async function endAt(from: SocketAddress, to: SocketAddress): Promise<TableRow | undefined> {
  const [froms, tos] = [from, to].map(({ address, port }) => places(address)[0]?.map((each) => each + written(port)));
  let found: TableRow | undefined;
  await eachRow((row) => {
    if (row.state === LISTENING || !froms?.includes(row.local) || !tos?.includes(row.remote)) return 'on';
    found = row;
    return 'stop';
  });
  return found;
}

type Seen = (row: TableRow & { remote: string; state: string }) => 'on' | 'next table' | 'stop';

async function eachRow(see: Seen): Promise<void> {
  for (const table of TABLES) {
    let outcome: ReturnType<Seen> = 'on';
    for await (const line of linesOf(table)) {
      const [, local = '', remote = '', state = '', , , , uid, , inode = ''] = line.trim().split(/\s+/);
      if (!/:[0-9A-F]{4}$/.test(local)) continue;
      outcome = see({ local, remote, state, uid: Number(uid), inode });
      if (outcome !== 'on') break;
    }
    if (outcome === 'stop') return;
  }
}

async function* linesOf(table: string): AsyncGenerator<string, void> {
  const file = await open(table).catch((error: NodeJS.ErrnoException) => {
    // A machine without IPv6.
    if (error.code === 'ENOENT' && table === TABLES[1]) return undefined;
    throw error;
  });
  if (!file) return;
  try {
    const buffer = Buffer.alloc(READ_BYTES);
    let rest = '';
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      const lines = (rest + buffer.toString('latin1', 0, bytesRead)).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } finally {
    await file.close();
  }
}

/** How the tables write an address; then all addresses of its family; then all of both families. */
function places(address: string): string[][] {
  const bytes = bytesOf(address);
  const any6 = words(Buffer.alloc(16));
  if (bytes.length === 16) return [[words(bytes)], [any6]];
  return [...[bytes, Buffer.alloc(4)].map((each) => [words(each), words(mapped(each))]), [any6]];
}

function written(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

function addressOf(local: string): string {
  return local.slice(0, local.indexOf(':'));
}

/** @returns 4 bytes, or 16; an IPv4 address that is written as one of IPv6 is one of IPv4 */
function bytesOf(address: string): Buffer {
  const [bare = ''] = address.split('%');
  const dotted = /(?:^|:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(bare);
  const four = dotted && Buffer.from(dotted.slice(1).map(Number));
  if (four && /^(?:::ffff:)?[\d.]+$/i.test(bare)) return four;
  const text = four ? bare.replace(/[\d.]+$/, `${four.toString('hex', 0, 2)}:${four.toString('hex', 2)}`) : bare;
  const [head = '', tail] = text.split('::');
  const groups = (part: string | undefined) => (part ? part.split(':') : []);
  const missing = 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array<string>(tail === undefined ? 0 : missing).fill('0'), ...groups(tail)];
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex');
}

function mapped(four: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), four]);
}

/** Words of 32 bits, each in the byte order of the machine. */
function words(bytes: Buffer): string {
  const copy = Buffer.from(bytes);
  return (endianness() === 'LE' ? copy.swap32() : copy).toString('hex').toUpperCase();
}
