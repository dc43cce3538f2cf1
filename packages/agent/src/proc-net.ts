import { closeSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';
import type { Protocol } from '@portolan/model';
import { formatIpv4, formatIpv6 } from './address.ts';

/** A socket that waits for anybody, as the kernel lists it. */
export interface KernelSocket {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  readonly inode: number;
}

interface Row extends KernelSocket {
  /** The address as the kernel writes it, so that an unchanged line is known without making a text of it. */
  readonly words: readonly [number, number, number, number];
  /** The parse that saw it last. */
  parse: number;
}

const NEWLINE = 10;
const SPACE = 32;
const COLON = 58;

/** Digit pairs of the state column: `0A` is TCP listen, `07` is UDP with no remote end. */
const LISTEN = 0x0a;
const UNCONNECTED = 0x07;

/**
 * One of /proc/net/{tcp,tcp6,udp,udp6}, read again and again. Reading it anew costs what changed: the same bytes are
 * not parsed, and the same line makes no new object.
 *
 * Of TCP the listening sockets are kept, of UDP the bound ones without a remote end: these are what a stranger can
 * reach, and what a second binder runs into. A connected UDP socket is a client's.
 */
export class SocketTable {
  /** By inode. */
  readonly sockets = new Map<number, KernelSocket>();
  readonly #protocol: Protocol;
  /** Hexadecimal digits of an address. */
  readonly #width: 8 | 32;
  #rows = this.sockets as Map<number, Row>;
  #content = Buffer.allocUnsafe(16 * 1024);
  #length = 0;
  #spare = Buffer.allocUnsafe(16 * 1024);
  #parse = 0;

  constructor(protocol: Protocol, family: 4 | 6) {
    this.#protocol = protocol;
    this.#width = family === 4 ? 8 : 32;
  }

  /**
   * Reads the table.
   *
   * @returns whether `sockets` changed. A table that cannot be read (no IPv6, the process it was reached through is
   * gone) stays as it was.
   */
  read(path: string): boolean {
    const length = this.#load(path);
    if (length === null) return false;
    if (length === this.#length && this.#spare.compare(this.#content, 0, length, 0, length) === 0) return false;
    [this.#content, this.#spare] = [this.#spare, this.#content];
    this.#length = length;
    return this.#parseContent();
  }

  /** Takes the table to be empty. @returns whether `sockets` changed */
  clear(): boolean {
    const changed = this.sockets.size > 0;
    this.sockets.clear();
    this.#length = 0;
    return changed;
  }

  /** @returns how many bytes of `#spare` are the table, or `null` */
  #load(path: string): number | null {
    let file: number;
    try {
      file = openSync(path, 'r');
    } catch {
      return null;
    }
    try {
      let length = 0;
      for (;;) {
        if (length === this.#spare.length) this.#spare = Buffer.concat([this.#spare], length * 2);
        const got = readSync(file, this.#spare, length, this.#spare.length - length, null);
        if (got === 0) return length;
        const end = this.#protocol === 'tcp' ? this.#endOfListening(length, length + got) : null;
        if (end !== null) return end;
        length += got;
      }
    } catch {
      return null;
    } finally {
      closeSync(file);
    }
  }

  /**
   * The kernel lists listening sockets before all others (4.4 and later; Node itself needs 4.18), so on a host with
   * 100,000 connections their lines need not even be read.
   *
   * @returns where the listening sockets end, or `null` when that is not between `from` and `to`
   */
  #endOfListening(from: number, to: number): number | null {
    // Reads of the kernel's file end with a line, those of a plain file anywhere: look at whole lines only.
    let start = this.#spare.lastIndexOf(NEWLINE, Math.max(from - 1, 0)) + 1;
    if (start === 0) start = this.#spare.indexOf(NEWLINE) + 1;
    for (;;) {
      const end = this.#spare.indexOf(NEWLINE, start);
      if (end === -1 || end >= to || start === 0) return null;
      if (stateAt(this.#spare, start, this.#width) !== LISTEN) return start;
      start = end + 1;
    }
  }

  #parseContent(): boolean {
    const parse = ++this.#parse;
    let changed = false;
    let start = this.#content.indexOf(NEWLINE) + 1;
    while (start > 0 && start < this.#length) {
      const end = this.#content.indexOf(NEWLINE, start);
      if (end === -1 || end >= this.#length) break;
      if (this.#parseLine(start, parse)) changed = true;
      start = end + 1;
    }
    for (const [inode, row] of this.#rows) {
      if (row.parse === parse) continue;
      this.#rows.delete(inode);
      changed = true;
    }
    return changed;
  }

  /** @returns whether the line is new */
  #parseLine(start: number, parse: number): boolean {
    const bytes = this.#content;
    const width = this.#width;
    const wanted = this.#protocol === 'tcp' ? LISTEN : UNCONNECTED;
    if (stateAt(bytes, start, width) !== wanted) return false;
    const local = bytes.indexOf(COLON, start) + 2;
    const port = hex(bytes, local + width + 1, 4);
    const remotePort = hex(bytes, local + 2 * width + 7, 4);
    // After the state come queues, timer, retransmits, uid, timeout, inode.
    let at = local + 2 * width + 15;
    for (let field = 0; field < 5; field++) at = nextField(bytes, at);
    const inode = decimal(bytes, at);
    // A socket without an inode has lost its file: it is being closed.
    if (inode === 0 || port === 0 || remotePort !== 0) return false;

    const a = hex(bytes, local, 8);
    const b = width === 8 ? 0 : hex(bytes, local + 8, 8);
    const c = width === 8 ? 0 : hex(bytes, local + 16, 8);
    const d = width === 8 ? 0 : hex(bytes, local + 24, 8);
    const known = this.#rows.get(inode);
    if (known && known.port === port && sameWords(known.words, a, b, c, d)) {
      known.parse = parse;
      return false;
    }
    const address = width === 8 ? formatIpv4(octets(a)) : formatIpv6([a, b, c, d].flatMap(groups));
    this.#rows.set(inode, { protocol: this.#protocol, address, port, inode, words: [a, b, c, d], parse });
    return true;
  }
}

function stateAt(bytes: Buffer, lineStart: number, width: number): number {
  // `  12: <address>:<port> <address>:<port> <state> `; the number widens beyond 9999.
  const local = bytes.indexOf(COLON, lineStart) + 2;
  return hex(bytes, local + 2 * width + 12, 2);
}

function sameWords(words: Row['words'], a: number, b: number, c: number, d: number): boolean {
  return words[0] === a && words[1] === b && words[2] === c && words[3] === d;
}

/** @returns where the next field begins, `at` being in the space before a field */
function nextField(bytes: Buffer, at: number): number {
  let next = at;
  while (bytes[next] === SPACE) next++;
  while (bytes[next] !== SPACE && bytes[next] !== NEWLINE) next++;
  while (bytes[next] === SPACE) next++;
  return next;
}

function hex(bytes: Buffer, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) {
    const byte = bytes[i] ?? 0;
    value = value * 16 + (byte <= 57 ? byte - 48 : byte - 55);
  }
  return value;
}

function decimal(bytes: Buffer, at: number): number {
  let value = 0;
  for (let i = at; ; i++) {
    const digit = (bytes[i] ?? 0) - 48;
    if (digit < 0 || digit > 9) return value;
    value = value * 10 + digit;
  }
}

/** The kernel prints an address as words of the machine's own byte order. */
const littleEndian = endianness() === 'LE';

function octets(word: number): [number, number, number, number] {
  const fromHigh: [number, number, number, number] = [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255];
  return littleEndian ? (fromHigh.reverse() as [number, number, number, number]) : fromHigh;
}

function groups(word: number): [number, number] {
  const [a, b, c, d] = octets(word);
  return [(a << 8) | b, (c << 8) | d];
}
