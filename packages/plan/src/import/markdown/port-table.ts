import type { Fact, NameHint, States, Sureness } from '../../fact.ts';
import { addressesIn, isHealthPath } from '../address-text.ts';
import { type PortText, portsIn, protocolOf } from '../port-number.ts';
import { portVariable } from '../port-variable.ts';
import { slugOf } from '../service-name.ts';
import type { SourceFile } from '../source-file.ts';
import { type ColumnRole, columnRole } from './column-role.ts';
import {
  bare,
  FORBIDDEN,
  FREE,
  INTERNAL_ONLY,
  isName,
  isSelf,
  KEPT,
  type Passage,
  type Setting,
  words,
} from './passage.ts';
import type { TableText } from './pasted-table.ts';

/** What a table says of ports; nothing when it is about something else. */
export function tableFacts(file: SourceFile, table: TableText, setting: Setting): Fact[] {
  const columns = columnsOf(table, setting);
  if (!columns) return [];
  const reader = new TableReader(file, table, setting, columns);
  return table.rows.flatMap((row) => [...reader.row(row)]);
}

interface Columns {
  roles: (ColumnRole | undefined)[];
  sure: Sureness;
  why?: string;
}

/** By the headers; where those of ports and names are not known, by what is in the cells. */
function columnsOf({ head, rows }: TableText, setting: Setting): Columns | undefined {
  const roles = head.map(({ text }) => columnRole(text));
  const [port, ...more] = roles.filter((role) => role?.role === 'port');
  // Beside no other, a `Connection port` is just the port; an `Admin port` is that all the same.
  if (port?.label !== undefined && more.length === 0 && portVariable(`${port.label}_PORT`)?.role !== 'own')
    roles[roles.indexOf(port)] = { role: 'port' };
  const has = (role: ColumnRole['role']) => roles.some((each) => each?.role === role);
  if (has('variable')) {
    // `PORT | 3001 | …`: the column of defaults, whatever it is called.
    const at = roles.findIndex(
      (role, index) =>
        role?.role !== 'variable' && /default|standard|value|wert|example|beispiel|vorgabe/i.test(head[index]!.text),
    );
    if (at >= 0) roles[at] = { role: 'port' };
    return at >= 0 || has('port') ? { roles, sure: 'certain' } : undefined;
  }
  if (has('port') || has('range')) {
    if (!has('service') && !has('reason') && !has('purpose') && !has('directory')) {
      const at = roles.findIndex((role) => role === undefined || role.role === 'description');
      if (at >= 0 && has('port')) {
        roles[at] = { role: 'service' };
        return { roles, sure: 'likely', why: `the column "${words(head[at]!.text)}" is taken for the names` };
      }
    }
    return { roles, sure: 'certain' };
  }
  if (has('url') && (has('service') || roles[0] === undefined)) {
    if (!has('service')) roles[0] = { role: 'service' };
    return { roles, sure: 'certain' };
  }
  const about = [...setting.headings, setting.recent].join(' ');
  const at = roles.findIndex(
    (role, index) => role === undefined && mostlyPorts(rows.map((row) => row[index]?.text ?? '')),
  );
  if (at < 0 || !/\bports?\b|\bpuertos?\b|\bporta?e?s?\b/i.test(about)) return undefined;
  roles[at] = { role: 'port' };
  if (!roles.some((role) => role?.role === 'service')) {
    const name = roles.findIndex(
      (role, index) => index !== at && role === undefined && mostlyNames(rows.map((row) => row[index]?.text ?? '')),
    );
    if (name < 0) return undefined;
    roles[name] = { role: 'service' };
  }
  return { roles, sure: 'likely', why: 'the headers are not known: the column of ports is told by what is in it' };
}

function mostlyPorts(cells: readonly string[]): boolean {
  const filled = cells.map((cell) => words(cell)).filter((cell) => cell !== '');
  const ports = filled.filter((cell) => /^:?\d{2,5}(?:[ –—-]+\d{2,5})?(?:\/(?:tcp|udp))?$/i.test(cell));
  return ports.length >= 2 && ports.length * 3 >= filled.length * 2;
}

function mostlyNames(cells: readonly string[]): boolean {
  const filled = cells.map((cell) => words(cell)).filter((cell) => cell !== '');
  return filled.length >= 2 && filled.filter(isName).length * 3 >= filled.length * 2;
}

/** Between two ports of one cell: it has the one and the other, or one of them. */
const AND =
  /^\s{0,4}(?:\([^()]{0,30}\)|\[\^[^\]]{0,40}\])?\s{0,4}(?:[,;+&]|\band\b|\bund\b|<br\s?\/?>)\s{0,4}(?:and\b|und\b)?\W{0,4}$/i;
const EITHER = /\b(?:or|oder|ou|either)\b/i;

class TableReader {
  readonly #file: SourceFile;
  readonly #setting: Setting;
  readonly #columns: Columns;
  readonly #blocks: boolean;
  /** Names that stand in several rows: what is in brackets behind them are labels then. */
  readonly #repeated: ReadonlySet<string>;
  /** The first port of a service in a column, by both. */
  readonly #mains = new Map<string, number>();

  constructor(file: SourceFile, table: TableText, setting: Setting, columns: Columns) {
    this.#file = file;
    this.#setting = setting;
    this.#columns = columns;
    const title = setting.headings.at(-1) ?? '';
    const reason = this.#index('reason') >= 0;
    this.#blocks =
      this.#index('port') >= 0 &&
      (FORBIDDEN.test(title) ||
        FORBIDDEN.test(setting.recent) ||
        (reason && /reserved|reserviert|blocked|gesperrt|conflict|konflikt/i.test(title)));
    const slugs = table.rows.map((row) => slugOf(bare(this.#cell(row, 'service')?.text ?? '')));
    const seen = new Set<string>();
    this.#repeated = new Set(slugs.filter((slug) => slug !== '' && (seen.has(slug) || !seen.add(slug))));
  }

  *row(row: readonly Passage[]): Generator<Fact> {
    const service = this.#cell(row, 'service');
    const name = service ? words(service.text) : '';
    const description = words(this.#cell(row, 'description')?.text ?? '');
    if (this.#blocks) {
      yield* this.#blocked(row, name);
      return;
    }
    if (FREE.test(name) || (service && FREE.test(words(this.#cell(row, 'status')?.text ?? '')))) return;
    if (service && (KEPT.test(name) || (name === '' && KEPT.test(description)))) {
      yield* this.#intervals(row, 'reserved', name || description);
      return;
    }
    const hasPorts = this.#index('port') >= 0;
    if (this.#index('range') >= 0 && !hasPorts) {
      const purpose =
        words(this.#cell(row, 'purpose')?.text ?? '') ||
        name ||
        words(this.#cell(row, 'reason')?.text ?? '') ||
        description;
      yield* this.#intervals(
        row,
        KEPT.test(purpose) ? 'reserved' : FORBIDDEN.test(`${purpose} ${description}`) ? 'blocked' : 'range',
        purpose,
      );
      return;
    }
    const variable = this.#cell(row, 'variable');
    const { names, label } = variable ? this.#ofVariable(words(variable.text), row, name) : this.#named(row, name);
    if (names.length === 0) {
      const purpose = words(this.#cell(row, 'purpose')?.text ?? '') || words(this.#cell(row, 'reason')?.text ?? '');
      if (purpose) yield* this.#intervals(row, KEPT.test(purpose) ? 'reserved' : 'range', purpose);
      return;
    }
    yield* this.#endpoints(row, names, label, `${name} ${description}`);
    if (service && !variable) yield* this.#properties(row, names);
  }

  *#endpoints(row: readonly Passage[], names: NameHint[], label: string | undefined, said: string): Generator<Fact> {
    const status = words(this.#cell(row, 'status')?.text ?? '');
    const planned =
      this.#setting.planned ||
      /^(?:planned|proposed|future|geplant|todo|tbd)\b/i.test(status) ||
      /\((?:planned|future|proposed|geplant)\)/i.test(said);
    const internalOnly = INTERNAL_ONLY.test(`${said} ${this.#setting.headings.at(-1) ?? ''} ${this.#setting.recent}`);
    const own = labelText(words(this.#cell(row, 'label')?.text ?? '')) ?? label;
    const slug = slugOf(names[0]!.name);
    const variable = this.#index('variable') >= 0;
    let portless = false;
    let several = 0;
    for (const [index, role] of this.#columns.roles.entries()) {
      const cell = row[index];
      if (role?.role !== 'port' || !cell) continue;
      const text = bare(cell.text);
      const found = portsIn(text).filter(({ from }) => !isStruck(cell.text, from.offset));
      const inUrl = new Set(addressesIn(text).map(({ offset }) => offset));
      if (found.length === 0 && inUrl.size === 0 && isPortless(text)) portless = true;
      const either = found.length > 1 && EITHER.test(text.slice(found[0]!.end, found.at(-1)!.from.offset));
      for (const [at, port] of found.entries()) {
        if (port.to || port.open) {
          yield this.#interval(cell, port, this.#setting.planned, 'range', said.trim());
          continue;
        }
        several++;
        const behind = labelBehind(text, port);
        // `3000 (server), 3003 (search)` of one variable: whose it is, each time.
        const whose: NameHint[] | undefined =
          variable && behind && found.length > 1 ? [{ name: behind, from: 'heading' }] : undefined;
        const given = (whose ? undefined : behind) ?? role.label ?? own;
        const before = found[at - 1];
        const listed = before !== undefined && AND.test(text.slice(before.end, port.from.offset));
        const further = !whose && this.#isFurther(slug, role, port, listed);
        const where = given ?? (further ? `p${port.from.port}` : undefined);
        const fact = this.#states(cell, port, row, whose ?? names, {
          ...(where ? { label: where } : {}),
          planned: role.real ? false : planned || role.planned === true,
          ...(role.real ? { updated: true } : {}),
          ...(internalOnly ? { internalOnly } : {}),
          ...(either ? { sure: 'unsure', why: 'the cell gives several ports to choose from' } : {}),
        });
        if (role.inside) yield { ...fact, kind: 'internal' } as Fact;
        else yield fact;
      }
    }
    yield* this.#addresses(row, names, own, planned);
    if (portless && several === 0) {
      const cell = this.#cell(row, 'port')!;
      const transport = words(this.#cell(row, 'protocol')?.text ?? '');
      yield {
        ...this.#about(cell, names),
        kind: 'portless',
        ...(own ? { label: own } : {}),
        ...(transport ? { transport } : {}),
      };
    }
    const pair = this.#cell(row, 'pair');
    if (pair) yield* this.#pair(pair, names, planned);
  }

  /** Whether a port without a label is one more of a service that has another by the same cell or column. */
  #isFurther(slug: string, role: ColumnRole, { from: { port } }: PortText, listed: boolean): boolean {
    const key = `${slug} ${this.#columns.roles.indexOf(role)}`;
    const main = this.#mains.get(key);
    if (main === undefined) this.#mains.set(key, port);
    return main !== undefined && main !== port && (listed || this.#repeated.has(slug));
  }

  #states(cell: Passage, port: PortText, row: readonly Passage[], names: NameHint[], extra: Partial<States>): States {
    const written = words(this.#cell(row, 'protocol')?.text ?? '');
    const span = this.#cell(row, 'range');
    const [within] = span ? portsIn(bare(span.text)) : [];
    const behind = /^\s?\((tcp|udp)\)/i.exec(bare(cell.text).slice(port.end))?.[1];
    return {
      ...this.#about(cell, names, port.from.offset, port.from.length),
      kind: 'states',
      port: port.from.port,
      protocol: port.protocol ?? protocolOf(behind ?? (/^udp$/i.test(written) ? 'udp' : 'tcp')),
      planned: false,
      ...(within?.to ? { within: { from: within.from.port, to: within.to.port } } : {}),
      ...extra,
    };
  }

  /** URLs in any column: the health check where the header or the path says so. */
  *#addresses(
    row: readonly Passage[],
    names: NameHint[],
    label: string | undefined,
    planned: boolean,
  ): Generator<Fact> {
    for (const [index, role] of this.#columns.roles.entries()) {
      const cell = row[index];
      if (!cell || (role?.role !== 'url' && role?.role !== 'port')) continue;
      for (const { port, offset, length, url, path, scope } of addressesIn(cell.text)) {
        if (scope === 'unknown') continue;
        const health = (role.role === 'url' && role.health) || isHealthPath(path);
        const fact: States = {
          ...this.#about(cell, names, offset, length),
          kind: 'states',
          port,
          protocol: 'tcp',
          planned,
          ...(label ? { label } : {}),
          ...(health ? { health: url ?? path } : {}),
        };
        yield scope === 'network' ? ({ ...fact, kind: 'internal' } as Fact) : fact;
      }
    }
  }

  /** `3030 chat-server` under "Corresponds to". */
  *#pair(cell: Passage, names: NameHint[], planned: boolean): Generator<Fact> {
    const text = bare(cell.text);
    const match = /^\s*(?:(\d{2,5})\s+)?([a-z][\w-]{1,60})\s*$/i.exec(text);
    if (!match) return;
    const [, digits, other = ''] = match;
    if (digits === undefined && !other.includes('-')) return;
    const hint: NameHint[] = [{ name: other, from: 'document' }];
    yield { ...this.#about(cell, names), kind: 'pair', other: hint };
    const [port] = digits === undefined ? [] : portsIn(text);
    if (port) {
      yield {
        ...this.#about(cell, hint, port.from.offset, port.from.length),
        kind: 'states',
        port: port.from.port,
        protocol: 'tcp',
        planned,
      };
    }
  }

  *#properties(row: readonly Passage[], names: NameHint[]): Generator<Fact> {
    for (const what of ['runtime', 'description', 'status', 'host'] as const) {
      const cell = this.#cell(row, what);
      const value = cell ? words(cell.text) : '';
      if (!cell || value === '' || /^[-–—?]$|^n\/a$/i.test(value)) continue;
      if (what === 'status') {
        const required = /^(?:required|mandatory|critical|erforderlich|pflicht|ja|yes|muss|✅.{0,3}required)\b/i.test(
          value,
        );
        const optional = /^(?:optional|nice to have|nein|no|kann)\b/i.test(value);
        if (required || optional)
          yield { ...this.#about(cell, names), kind: 'describes', what, value: required ? 'required' : 'optional' };
        continue;
      }
      yield { ...this.#about(cell, names), kind: 'describes', what, value: value.slice(0, 500) };
    }
    const service = this.#cell(row, 'service');
    const said = `${words(service?.text ?? '')} ${words(this.#cell(row, 'description')?.text ?? '')} ${this.#setting.headings.at(-1) ?? ''} ${this.#setting.recent}`;
    if (service && INTERNAL_ONLY.test(said))
      yield { ...this.#about(service, names), kind: 'describes', what: 'internal-only', value: 'true' };
    const needs = this.#cell(row, 'depends');
    for (const part of needs ? words(needs.text).split(/[,;/+&]|\band\b|\bund\b/) : []) {
      const on = part.trim();
      if (isName(on)) yield { ...this.#about(needs!, names), kind: 'depends', on: [{ name: on, from: 'document' }] };
    }
  }

  *#blocked(row: readonly Passage[], name: string): Generator<Fact> {
    const reason = [
      name,
      words(this.#cell(row, 'reason')?.text ?? ''),
      words(this.#cell(row, 'description')?.text ?? ''),
    ]
      .filter(Boolean)
      .join(': ');
    yield* this.#intervals(row, 'blocked', reason || 'the document says not to use it');
  }

  *#intervals(row: readonly Passage[], kind: 'range' | 'blocked' | 'reserved', text: string): Generator<Fact> {
    for (const role of ['port', 'range'] as const) {
      const cell = this.#cell(row, role);
      for (const port of cell ? portsIn(bare(cell.text)) : []) {
        if (kind === 'range' && !port.to && !port.open) continue;
        yield this.#interval(cell!, port, this.#setting.planned, kind, text);
      }
    }
  }

  #interval(
    cell: Passage,
    port: PortText,
    planned: boolean,
    kind: 'range' | 'blocked' | 'reserved',
    text: string,
  ): Fact {
    return intervalFact(this.#file, cell, port, {
      kind,
      text,
      planned,
      sure: this.#columns.sure,
      why: this.#columns.why,
    });
  }

  #named(row: readonly Passage[], name: string): { names: NameHint[]; label?: string } {
    const names: NameHint[] = [];
    const directory = words(this.#cell(row, 'directory')?.text ?? '');
    const cell = this.#cell(row, 'service');
    const linked = /\]\(\.{0,2}\/?([^()\s#]{1,300})\)/.exec(cell?.text ?? '')?.[1];
    for (const path of [directory, name.includes('/') ? name : '', linked ?? '']) {
      const folder = path.replace(/^(?:\.{1,2}\/|\/)+|\/$/g, '');
      if (folder !== '' && this.#setting.isHome(folder)) names.push({ name: folder, from: 'directory' });
    }
    if (isSelf(name) && this.#setting.home !== undefined && this.#setting.home !== '.')
      names.push({ name: this.#setting.home, from: 'directory' });
    else if (isName(name)) names.unshift({ name, from: 'document' });
    const called = words(this.#cell(row, 'alias')?.text ?? '');
    if (isName(called)) names.push({ name: called, from: 'document' });
    const label = this.#repeated.has(slugOf(name)) ? labelText(/\(([^()]{1,40})\)/.exec(name)?.[1] ?? '') : undefined;
    return { names, ...(label ? { label } : {}) };
  }

  /** `PORT` in a table of variables is the port of the service that its row names, else of the one whose document this is. */
  #ofVariable(written: string, row: readonly Passage[], service: string): { names: NameHint[]; label?: string } {
    const meaning = portVariable(written);
    const { home } = this.#setting;
    if (meaning?.role === 'named') return { names: [{ name: meaning.name, from: 'variable' }] };
    if (meaning?.role !== 'own') return { names: [] };
    const label = meaning.label ? { label: meaning.label } : {};
    if (service !== '') return { ...this.#named(row, service), ...label };
    return home === undefined || home === '.'
      ? { names: [] }
      : { names: [{ name: home, from: 'directory' }], ...label };
  }

  #index(role: ColumnRole['role']): number {
    return this.#columns.roles.findIndex((each) => each?.role === role);
  }

  #cell(row: readonly Passage[], role: ColumnRole['role']): Passage | undefined {
    const index = this.#index(role);
    return index < 0 ? undefined : row[index];
  }

  #about(cell: Passage, names: NameHint[], offset = 0, length = cell.text.length) {
    const { sure, why } = this.#columns;
    return {
      place: this.#file.place(cell.offset + offset, length),
      importer: 'markdown',
      names,
      sure,
      ...(why ? { why } : {}),
    };
  }
}

/** An interval of a document as the fact of the kind that its words make it. */
export function intervalFact(
  file: SourceFile,
  passage: Passage,
  port: PortText,
  {
    kind,
    text,
    planned,
    sure,
    why,
  }: {
    kind: 'range' | 'blocked' | 'reserved';
    text: string;
    planned: boolean;
    sure: Sureness;
    why?: string | undefined;
  },
): Fact {
  const to = port.to?.port ?? (port.open ? 65_535 : port.from.port);
  const shared = {
    place: file.place(passage.offset + port.from.offset, port.from.length),
    importer: 'markdown',
    names: [],
    sure,
    ...(why ? { why } : {}),
    from: port.from.port,
    to,
    planned,
    ...(port.to ? { end: file.place(passage.offset + port.to.offset, port.to.length) } : {}),
  };
  if (kind === 'range') return { kind, ...shared, purpose: text, policy: 'allocate' };
  return { kind, ...shared, reason: text };
}

function isPortless(text: string): boolean {
  return /^\s*(?:n\/?a|none|no port|keiner?|kein port|entfällt|stdio|[-–—]{1,3}|✗|×)\s*$/i.test(text);
}

/** `~~3001~~` is what no longer holds. */
function isStruck(raw: string, offset: number): boolean {
  return raw.includes('~~') && (raw.slice(0, offset).split('~~').length - 1) % 2 === 1;
}

/** `5556 (cdp)` → cdp */
function labelBehind(text: string, port: PortText): string | undefined {
  return labelText(/^\s*\(([^()]{1,30})\)/.exec(text.slice(port.end))?.[1] ?? '');
}

export function labelText(text: string): string | undefined {
  const slug = slugOf(text);
  return /^[a-z]/.test(slug) &&
    slug.length <= 30 &&
    !/^(?:n-a|default|tcp|udp|reserved|optional|required|planned|future|conflict)$/.test(slug)
    ? slug
    : undefined;
}
