import {
  evidenceNumber,
  HIGHEST_PORT,
  type HostListener,
  isContainerInternal,
  key,
  listedEvidence,
  type Protocol,
  protocols,
  type SheetColumn,
  type SheetPart,
  sheetColumns,
} from '@portolan/model';

/** A listener as tables show it. */
export interface ListenerRow {
  readonly key: string;
  readonly host: string;
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  readonly netns: string;
  readonly service: string | null;
  readonly pid: number | null;
  readonly command: string | null;
  readonly user: string | null;
  readonly container: string | null;
  readonly evidence: (typeof listedEvidence)[number] | null;
  /** Seconds since 1970. */
  readonly since: number;
}

type Column = Exclude<SheetColumn, 'internal'>;
/** The columns whose numbers stand for texts. */
const texts = ['host', 'address', 'netns', 'service', 'command', 'user', 'container'] as const;
type TextColumn = (typeof texts)[number];
const isText = (column: SheetColumn): column is TextColumn => (texts as readonly string[]).includes(column);

const OWN = listedEvidence.indexOf('own');
const FIRST_CAPACITY = 4_096;

/**
 * Told of each listener that comes or goes, for what is counted by port, host or service.
 *
 * @param reachable false for a socket in a container's own network namespace
 */
export type Tally = (row: Pick<ListenerRow, 'port' | 'host' | 'service'>, reachable: boolean, by: 1 | -1) => void;

/**
 * All listeners of the fleet, in columns of numbers: some 60 bytes each beside their keys, and quick to search and to
 * sort, where an object each would take ten times as much.
 */
export class ListenerTable {
  readonly #columns = {} as Record<SheetColumn, Int32Array | Uint32Array>;
  readonly #strings: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #rows = new Map<string, number>();
  readonly #keys: (string | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #tally: Tally;
  #capacity = FIRST_CAPACITY;
  /** Where the strings of the sheet under way are among ours. */
  #sheet: number[] = [];
  #ranks: Int32Array | undefined;

  constructor(tally: Tally = () => {}) {
    this.#tally = tally;
    for (const column of sheetColumns) this.#columns[column] = columnOf(column, this.#capacity);
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Takes in the next part of a sheet. */
  load({ strings, cells, sockets }: SheetPart): void {
    for (const text of strings) this.#sheet.push(this.#number(text));
    const width = sheetColumns.length;
    const values = new Array<number>(width);
    for (let i = 0; i < sockets.length; i++) {
      for (let c = 0; c < width; c++) {
        const value = cells[i * width + c] as number;
        values[c] = value >= 0 && isText(sheetColumns[c]!) ? this.#sheet[value]! : value;
      }
      const [host, protocol, address, port, netns] = values as [number, number, number, number, number];
      const id = `${protocols[protocol]}/${this.#strings[address]}/${port}/${this.#strings[netns]}/${sockets[i]}`;
      this.#write(key.listener(this.#strings[host]!, id), values);
    }
  }

  put(entryKey: string, listener: HostListener): void {
    const { process, container, identity } = listener;
    this.#write(entryKey, [
      this.#number(listener.host),
      protocols.indexOf(listener.protocol),
      this.#number(listener.address),
      listener.port,
      this.#number(listener.netns),
      this.#number(identity?.service),
      process?.pid ?? -1,
      this.#number(process?.command),
      this.#number(process?.user),
      this.#number(container && (container.name ?? container.id)),
      evidenceNumber(identity),
      Math.floor(Date.parse(listener.since) / 1000),
      Number(isContainerInternal(listener)),
    ]);
  }

  delete(entryKey: string): void {
    const row = this.#rows.get(entryKey);
    if (row === undefined) return;
    this.#count(row, -1);
    this.#rows.delete(entryKey);
    this.#keys[row] = undefined;
    this.#free.push(row);
  }

  /** Takes everything out. */
  clear(): void {
    for (const entryKey of [...this.#rows.keys()]) this.delete(entryKey);
    this.#sheet = [];
  }

  row(row: number): ListenerRow {
    const text = (column: TextColumn) => this.#strings[this.#columns[column][row]!] ?? null;
    const pid = this.#columns.pid[row]!;
    return {
      // Of a listener that went, its row may still be on the screen for a moment.
      key: this.#keys[row] ?? `gone-${row}`,
      host: text('host') ?? '',
      protocol: protocols[this.#columns.protocol[row]!] ?? 'tcp',
      address: text('address') ?? '',
      port: this.#columns.port[row]!,
      netns: text('netns') ?? '',
      service: text('service'),
      pid: pid < 0 ? null : pid,
      command: text('command'),
      user: text('user'),
      container: text('container'),
      evidence: listedEvidence[this.#columns.evidence[row]!] ?? null,
      since: this.#columns.since[row]!,
    };
  }

  /**
   * The rows that have every word of the query somewhere, in the order of a column; equal ones by port.
   *
   * @param name what a host's id is shown as: it is found and sorted by that
   */
  find(query: string, by: Column, descending = false, name: (host: string) => string = (host) => host): Uint32Array {
    return this.#sorted(this.#matching(query, name), by, descending, name);
  }

  /** Those of the rows that are not Portolan's own. */
  withoutOwn(rows: Uint32Array): Uint32Array {
    return rows.filter((row) => this.#columns.evidence[row] !== OWN);
  }

  #sorted(rows: Uint32Array, by: Column, descending: boolean, name: (host: string) => string): Uint32Array {
    const values = this.#columns[by];
    const ranks = isText(by) ? this.#ranked(by === 'host' ? name : undefined) : undefined;
    const ports = this.#columns.port;
    // Sorted as plain numbers, natively: value, port and row of a listener packed into one.
    const packed = new Float64Array(rows.length);
    const most = ranks ? this.#strings.length : 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const value = values[row]!;
      const rank = ranks ? (value < 0 ? most : ranks[value]!) : value;
      packed[i] = by === 'since' || by === 'pid' ? rank : rank * (HIGHEST_PORT + 1) + ports[row]!;
    }
    return ordered(rows, packed, descending);
  }

  /** How many listeners there are by a text column: text to rows, for those who have it. */
  *groups(column: 'service' | 'host'): Generator<[string, Uint32Array]> {
    const values = this.#columns[column];
    const counts = new Uint32Array(this.#strings.length + 1);
    for (const row of this.#rows.values()) counts[values[row]! + 1]!++;
    const members = new Map<number, { rows: Uint32Array; filled: number }>();
    for (const row of this.#rows.values()) {
      const value = values[row]!;
      if (value < 0) continue;
      let group = members.get(value);
      if (!group) members.set(value, (group = { rows: new Uint32Array(counts[value + 1]!), filled: 0 }));
      group.rows[group.filled++] = row;
    }
    for (const [value, { rows }] of members) yield [this.#strings[value]!, rows];
  }

  /** Rows of the reachable listeners on a port. @param most how many of them */
  onPort(port: number, most: number): number[] {
    const { port: ports, internal } = this.#columns;
    const rows: number[] = [];
    for (let row = 0; row < this.#keys.length && rows.length < most; row++) {
      if (ports[row] === port && internal[row] === 0 && this.#keys[row] !== undefined) rows.push(row);
    }
    return rows;
  }

  #matching(query: string, name: (host: string) => string): Uint32Array {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    const all = Uint32Array.from(this.#rows.values());
    if (words.length === 0) return all;
    const tests = words.map((word) => this.#tests(word, name));
    let kept = 0;
    for (const row of all) if (tests.every((test) => test(row))) all[kept++] = row;
    return all.subarray(0, kept);
  }

  /** Each text is looked at once, not once for each listener that has it. */
  #tests(word: string, name: (host: string) => string): (row: number) => boolean {
    const hits = new Uint8Array(this.#strings.length);
    const named = new Uint8Array(this.#strings.length);
    this.#strings.forEach((text, number) => {
      hits[number] = Number(text.toLowerCase().includes(word));
      named[number] = hits[number] || Number(name(text).toLowerCase().includes(word));
    });
    const { host, address, port, pid, service, command, user, container, protocol } = this.#columns;
    const isProtocol = (protocols as readonly string[]).indexOf(word);
    const isNumber = /^\d{1,5}$/.test(word);
    return (row) =>
      (isNumber && (String(port[row]!).startsWith(word) || String(pid[row]!) === word)) ||
      named[host[row]!] === 1 ||
      hits[service[row]!] === 1 ||
      hits[command[row]!] === 1 ||
      hits[address[row]!] === 1 ||
      hits[user[row]!] === 1 ||
      hits[container[row]!] === 1 ||
      protocol[row] === isProtocol;
  }

  /** The place of each text in their order. */
  #ranked(name?: (text: string) => string): Int32Array {
    if (!name && this.#ranks?.length === this.#strings.length) return this.#ranks;
    const shown = name ? this.#strings.map(name) : this.#strings;
    const order = shown.map((_, number) => number).sort((a, b) => (shown[a]! < shown[b]! ? -1 : 1));
    const ranks = new Int32Array(order.length);
    order.forEach((number, rank) => {
      ranks[number] = rank;
    });
    if (!name) this.#ranks = ranks;
    return ranks;
  }

  #write(entryKey: string, values: readonly number[]): void {
    let row = this.#rows.get(entryKey);
    if (row !== undefined) this.#count(row, -1);
    else {
      row = this.#free.pop() ?? this.#keys.length;
      if (row >= this.#capacity) this.#grow();
      this.#rows.set(entryKey, row);
      this.#keys[row] = entryKey;
    }
    for (let c = 0; c < values.length; c++) this.#columns[sheetColumns[c]!][row] = values[c]!;
    this.#count(row, 1);
  }

  #count(row: number, by: 1 | -1): void {
    const { port, service, internal } = this.#columns;
    const told = {
      port: port[row]!,
      host: this.#strings[this.#columns.host[row]!] ?? '',
      service: this.#strings[service[row]!] ?? null,
    };
    this.#tally(told, internal[row] === 0, by);
  }

  #grow(): void {
    this.#capacity *= 2;
    for (const column of sheetColumns) {
      const wider = columnOf(column, this.#capacity);
      wider.set(this.#columns[column]);
      this.#columns[column] = wider;
    }
  }

  #number(text: string | null | undefined): number {
    if (text == null) return -1;
    let known = this.#numbers.get(text);
    if (known === undefined) {
      this.#numbers.set(text, (known = this.#strings.length));
      this.#strings.push(text);
    }
    return known;
  }
}

/** Times do not end in 2038. */
function columnOf(column: SheetColumn, capacity: number): Int32Array | Uint32Array {
  return column === 'since' ? new Uint32Array(capacity) : new Int32Array(capacity);
}

/** Rows in the order of their values. */
function ordered(rows: Uint32Array, values: Float64Array, descending: boolean): Uint32Array {
  // Plain numbers are sorted natively, so each carries its place along, as far as doubles are exact.
  const scale = rows.length + 1;
  const most = values.reduce((max, value) => Math.max(max, value), 0);
  if ((most + 1) * scale > Number.MAX_SAFE_INTEGER) {
    const sign = descending ? -1 : 1;
    const places = Uint32Array.from(rows.keys()).sort((a, b) => sign * (values[a]! - values[b]! || a - b));
    return places.map((place) => rows[place]!);
  }
  const sorted = values.map((value, place) => value * scale + place).sort();
  const result = new Uint32Array(rows.length);
  for (let i = 0; i < rows.length; i++) {
    const value = sorted[descending ? rows.length - 1 - i : i]!;
    result[i] = rows[value % scale]!;
  }
  return result;
}
