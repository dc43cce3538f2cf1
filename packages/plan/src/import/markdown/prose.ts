import type { Fact, NameHint, States } from '../../fact.ts';
import { addressesIn, isHealthPath, namesOfHost } from '../address-text.ts';
import { type PortText, portsIn } from '../port-number.ts';
import type { SourceFile } from '../source-file.ts';
import {
  bare,
  FORBIDDEN,
  isName,
  isProperty,
  isSelf,
  KEPT,
  outlook,
  type Passage,
  type Setting,
  words,
} from './passage.ts';
import { intervalFact } from './port-table.ts';

const VERB =
  /^(?:runs?|running|listens?|listening|starts?|started|serves?|served|available|exposed|binds?|bound|defaults?|läuft|lauscht|startet|erreichbar)$/i;

/** Longest paragraph that is read for ports; longer ones are no prose. */
const LENGTH_MAX = 20_000;

/**
 * What a paragraph or the text of a list's item says of ports.
 *
 * @param item it is an item of a list, where `name: 3001` is said without a verb
 */
export function proseFacts(file: SourceFile, passage: Passage, setting: Setting, item: boolean): Fact[] {
  if (passage.text.length > LENGTH_MAX || !/\d{2}/.test(passage.text)) return [];
  return [...new ProseReader(file, passage, setting).facts(item)];
}

class ProseReader {
  readonly #file: SourceFile;
  readonly #passage: Passage;
  readonly #setting: Setting;
  /** The text with its marks blanked out: offsets hold. */
  readonly #text: string;
  readonly #planned: boolean;
  readonly #taken = new Set<number>();

  constructor(file: SourceFile, passage: Passage, setting: Setting) {
    this.#file = file;
    this.#passage = passage;
    this.#setting = setting;
    this.#text = bare(passage.text);
    const said = outlook(words(setting.recent));
    this.#planned = said === undefined ? setting.planned : said === 'planned';
  }

  *facts(item: boolean): Generator<Fact> {
    yield* this.#addresses();
    yield* this.#blockSizes();
    yield* this.#pairings();
    // A line below an item that a blank line or a heading's mark would have parted from it belongs to nobody.
    yield* this.#rangeLines(item ? 1 : 0);
    if (item && (yield* this.#entry())) return;
    if (FORBIDDEN.test(this.#text)) yield* this.#forbidden();
    yield* this.#list();
    yield* this.#sentences();
  }

  /** A whole item: `3002-3006: Core`, `3007: Orchestrator`, `API: 3001`, `API (port 3001)`. @returns whether it was one */
  *#entry(): Generator<Fact, boolean> {
    const text = this.#text;
    const about = this.#aboutPorts();
    const [first, second] = portsIn(text);
    if (!first || this.#taken.has(first.from.offset)) return false;
    const before = text.slice(0, first.from.offset);
    const after = text.slice(first.end);

    // 3002-3006: Core services
    if (/^\s*(?:ports?\s+)?:?$/i.test(before)) {
      const [, said] = /^\s*(?:[:–—→=-]|->)+\s*([\s\S]*)$/.exec(after) ?? [];
      if (said === undefined || (!about && !first.to && !first.open)) return false;
      const purpose = words(said);
      if (first.to || first.open) {
        const kind = KEPT.test(purpose) ? 'reserved' : FORBIDDEN.test(purpose) ? 'blocked' : 'range';
        yield this.#interval(first, kind, purpose);
        return true;
      }
      if (KEPT.test(purpose) || FORBIDDEN.test(purpose)) {
        yield this.#interval(first, KEPT.test(purpose) ? 'reserved' : 'blocked', purpose);
        return true;
      }
      const name = this.#nameAtStart(said);
      if (name)
        yield this.#states(first, name.hint, {
          updated: /\b(?:updated|new|changed|neu|geändert)\b/i.test(purpose.slice(name.length)),
        });
      return name !== undefined;
    }

    // API: 3001, API (port 3001), API → 3001, System ports: 0-1023 (avoided)
    const [, label, mark = ''] =
      /^\s*([^:=→()–—]{1,80}?)\s*(\(|:|=|→|->|–|—|\s-\s)\s*(?:(?:on|auf)\s+)?(?:ports?\s*)?:?$/i.exec(before) ?? [];
    if (label === undefined) return false;
    const named = words(label);
    if (first.to || first.open) {
      if (!/\bports?\b|\branges?\b|\bbereich/i.test(named) && !about) return false;
      if (/\b(?:valid|allowed|possible|ephemeral|dynamic|gültige?)\b/i.test(named)) return true;
      const kind = FORBIDDEN.test(after)
        ? 'blocked'
        : KEPT.test(words(after).replace(/^[\s:–—-]+/, ''))
          ? 'reserved'
          : 'range';
      if (mark === '(' && kind === 'range' && second) return false;
      yield this.#interval(first, kind, named);
      return true;
    }
    if (second && !/^\s*\)?\s*$/.test(text.slice(first.end, second.from.offset).replace(/[,/&+]|and|und/g, '')))
      return false;
    if (!about && !/\bports?\b/i.test(before)) return false;
    if (
      /\b(?:e\.g|i\.e|z\.b|such as|like|wie|max|min|maximum|minimum|limit|number|count|total|anzahl|timeout|size)\b/i.test(
        before,
      )
    )
      return false;
    const subject = isProperty(named) ? this.#setting.subject : undefined;
    const hint = subject ?? this.#hint(named);
    if (!hint) return false;
    if (subject) {
      yield this.#states(first, subject, { sure: 'likely', why: 'told below its name' });
      return true;
    }
    for (const port of portsIn(text)) {
      if (port.to || port.open || /[\w]/.test(text.slice(first.end, port.from.offset).replace(/and|und|tcp|udp/gi, '')))
        break;
      yield this.#states(port, hint);
    }
    return true;
  }

  /** `mana-auth 3001, mana-credits 3061`: at least two, or a name that can be nothing but one. */
  *#list(): Generator<Fact> {
    if (!this.#aboutPorts()) return;
    const shape =
      /(?<![\w./:@-])([A-Za-z][A-Za-z0-9]{0,40}(?:[-_][A-Za-z0-9]{1,40}){0,6})\s{1,8}(?:\(?:?(?:ports?\s)?)(\d{2,5})(?![\w%€$°]|[.,]\d|-\d)/g;
    const found = [...this.#text.matchAll(shape)].flatMap((match) => {
      const [whole, name = '', digits = ''] = match;
      const end = match.index + whole.length;
      const compound = /[-_]/.test(name);
      const enclosed =
        /(?:^|[,;:(•]|\band|\bund)\s*$/i.test(this.#text.slice(Math.max(0, match.index - 6), match.index)) &&
        /^\s*(?:[,;.)⚠]|$|and\b|und\b|\n)/i.test(this.#text.slice(end, end + 6));
      if (!isName(name) || (!compound && !enclosed)) return [];
      const offset = end - digits.length;
      const [port] = portsIn(` ${this.#text.slice(offset, end + 12)}`).filter(({ from }) => from.offset === 1);
      return port && !port.to ? [{ name, port: shifted(port, offset - 1), compound }] : [];
    });
    if (found.length < 2) return;
    for (const { name, port } of found) yield this.#states(port, { name, from: 'document' }, { sure: 'certain' });
  }

  /** The server listens on port 3050; mana-auth (port 3001). */
  *#sentences(): Generator<Fact> {
    const shapes = [
      /(?<![\w@/.-])((?:[\w@/.-]{1,40} ){0,3}[\w@/.-]{1,40})\s(?:now\s)?(?:runs?|listens?|is\s(?:running|served|exposed|available|listening|reachable)|starts?|will\s(?:run|listen|start)|binds|läuft|lauscht|hört|startet|ist\serreichbar)\s(?:\w{1,20}\s){0,3}?(?:on|at|to|auf|unter|über|via)\s(?:the\s|dem\s)?(?:(?:tcp|udp|default)\s)?ports?\s:?(\d{2,5})(?![\w.-]\d)/gi,
      /(?<![\w@/.-])([A-Za-z][\w-]{1,60})\s{0,2}(?:\(\s{0,2}(?:on\s|auf\s)?ports?:?\s{1,2}:?(\d{2,5})\s{0,2}\)|(?:on|auf)\sports?\s(\d{2,5})(?![\w-]))/gi,
    ];
    for (const shape of shapes) {
      for (const match of this.#text.matchAll(shape)) {
        const [whole, subject = ''] = match;
        const digits = match[2] ?? match[3] ?? '';
        const offset = match.index + whole.lastIndexOf(digits);
        const name = words(subject).replace(/^(?:the|a|an|our|your|its|der|die|das|ein|eine|unser)\s+/i, '');
        const hint = this.#subject(name);
        const [port] = portsIn(` ${digits}`);
        if (hint && port && !this.#taken.has(offset))
          yield this.#states(shifted(port, offset - 1), hint, { sure: 'likely', why: 'told in a sentence' });
      }
    }
  }

  #subject(name: string): NameHint | undefined {
    const last = name.split(' ').at(-1) ?? '';
    // `Runs on port 3050`: whoever the document is about.
    if (VERB.test(last)) return this.#setting.home === undefined ? undefined : this.#hint('it');
    if (isSelf(name)) return this.#hint(name);
    // A clause before the subject is no part of its name, and its last word is the surest.
    if (/[-_\d]|^[A-Z]/.test(last)) return this.#hint(last);
    const noun = name.replace(/^.*\b(?:the|a|an|our|der|die|das)\s/i, '');
    return this.#hint(noun);
  }

  /** Stay away from well-known ports (80, 443, 3000). */
  *#forbidden(): Generator<Fact> {
    if (!/\bports?\b/i.test(this.#text)) return;
    for (const port of portsIn(this.#text)) {
      if (this.#taken.has(port.from.offset)) continue;
      const sentence = sentenceAround(this.#text, port.from.offset);
      // "Start from 65001, avoiding conflicts" forbids nothing: what is forbidden stands behind the word, or right before it.
      const [before, after] = [
        sentence.slice(0, sentence.indexOf(String(port.from.port))),
        this.#text.slice(port.end, port.end + 80),
      ];
      const forbidden =
        FORBIDDEN.test(before) ||
        /^[^.,;]{0,30}\b(?:do not use|don't use|must not|never|is avoided|are avoided|blocked|gesperrt|nicht verwenden)\b/i.test(
          after,
        );
      if (!forbidden || !/\bports?\b/i.test(sentence)) continue;
      this.#taken.add(port.from.offset);
      yield intervalFact(this.#file, this.#passage, port, {
        kind: 'blocked',
        text: words(sentence).slice(0, 300),
        planned: false,
        sure: 'likely',
        why: 'told in a sentence',
      });
    }
  }

  /** `3000-3009: Core Platform Services` on a line of its own. */
  *#rangeLines(from: number): Generator<Fact> {
    let offset = 0;
    for (const [index, line] of this.#text.split('\n').entries()) {
      const range = index < from ? undefined : rangeTitle({ text: line, offset });
      if (range && !this.#taken.has(range.port.from.offset))
        yield this.#interval(range.port, KEPT.test(range.purpose) ? 'reserved' : 'range', range.purpose);
      offset += line.length + 1;
    }
  }

  *#addresses(): Generator<Fact> {
    const { text } = this.#passage;
    for (const address of addressesIn(text)) {
      const { offset, length, port, host, scope, url, path } = address;
      this.#taken.add(offset);
      const [, label = ''] =
        /^\s*([^:\n]{1,80}?)\s*(?::|–|—|->|→|\s-)\s*$/.exec(this.#text.slice(0, address.start)) ?? [];
      const said = words(label);
      const hint = isProperty(said) ? this.#setting.subject : this.#hint(said);
      const place = this.#file.place(this.#passage.offset + offset, length);
      const health = isHealthPath(path);
      if (hint && scope === 'host') {
        yield {
          kind: 'states',
          importer: 'markdown',
          place,
          port,
          protocol: 'tcp',
          names: [hint],
          planned: this.#planned,
          sure: 'likely',
          why: 'an address beside a name',
          ...(health ? { health: url ?? path } : {}),
        };
      } else {
        yield {
          kind: 'refers',
          importer: 'markdown',
          place,
          port,
          protocol: 'tcp',
          names: namesOfHost(host),
          host,
          scope,
          sure: 'likely',
          why: 'an address in a document',
          example: true,
          ...(url ? { url } : {}),
          ...(health ? { health } : {}),
        };
      }
    }
  }

  /** 100 ports per project. */
  *#blockSizes(): Generator<Fact> {
    for (const match of this.#text.matchAll(
      /\b(\d{1,5})\s(?:\w{1,12}\s)?ports?\s(?:per|each|pro|je|for each|für jedes?)\b/gi,
    )) {
      const size = Number(match[1]);
      if (size < 1 || size > 65_535) continue;
      this.#taken.add(match.index);
      const place = this.#file.place(this.#passage.offset + match.index, match[1]!.length);
      yield { kind: 'block-size', importer: 'markdown', place, names: [], size, sure: 'certain' };
    }
  }

  /** Backend 30xx and Frontend 50xx use matching last digits. */
  *#pairings(): Generator<Fact> {
    if (
      !/\b(?:match|matching|same|shared?|sharing|identical|gleiche[nrms]?|identische[nrms]?|übereinstimm\w{0,4})\b/i.test(
        this.#text,
      )
    )
      return;
    for (const match of this.#text.matchAll(
      /(?<!\w)([1-9]\d{0,3})([xX]{1,3})(?!\w)[^.\n]{1,120}?(?<!\w)([1-9]\d{0,3})([xX]{1,3})(?!\w)[^.\n]{0,120}/g,
    )) {
      const [whole, first = '', places = '', second = '', others = ''] = match;
      if (places.length !== others.length || (first + places).length > 5) continue;
      const width = 10 ** places.length;
      const place = this.#file.place(this.#passage.offset + match.index, first.length + places.length);
      yield {
        kind: 'pairing',
        importer: 'markdown',
        place,
        names: [],
        sure: 'certain',
        digits: places.length,
        first: { from: Number(first) * width, to: Number(first) * width + width - 1 },
        second: { from: Number(second) * width, to: Number(second) * width + width - 1 },
        strict: !/\b(?:where possible|if possible|when possible|möglichst|wenn möglich|preferably|ideally)\b/i.test(
          whole,
        ),
      };
    }
  }

  #nameAtStart(text: string): { hint: NameHint; length: number } | undefined {
    const [start = ''] = /^[^(\n]{1,80}?(?=\s*(?:\(|\s[–—-]\s|[,;.:]\s|$|\n))/.exec(text) ?? [];
    const hint = this.#hint(words(start));
    return hint ? { hint, length: start.length } : undefined;
  }

  #hint(name: string): NameHint | undefined {
    const { home } = this.#setting;
    if (isSelf(name) && home !== undefined && home !== '.') return { name: home, from: 'directory' };
    return isName(name) ? { name, from: 'document' } : undefined;
  }

  #aboutPorts(): boolean {
    const { headings, recent } = this.#setting;
    return /\bports?\b/i.test(`${headings.join(' ')} ${recent} ${this.#text}`);
  }

  #states(
    { from, protocol }: PortText,
    hint: NameHint,
    { updated, sure = 'certain', why }: { updated?: boolean; sure?: States['sure']; why?: string } = {},
  ): States {
    this.#taken.add(from.offset);
    return {
      kind: 'states',
      importer: 'markdown',
      names: [hint],
      port: from.port,
      protocol: protocol ?? 'tcp',
      planned: this.#planned,
      place: this.#file.place(this.#passage.offset + from.offset, from.length),
      sure,
      ...(why ? { why } : {}),
      ...(updated ? { updated } : {}),
    };
  }

  #interval(port: PortText, kind: 'range' | 'blocked' | 'reserved', text: string): Fact {
    this.#taken.add(port.from.offset);
    return intervalFact(this.#file, this.#passage, port, {
      kind,
      text: text.slice(0, 300),
      planned: this.#planned,
      sure: 'certain',
    });
  }
}

/** `3000-3009: Core Platform Services`, `Production Ports (3000-3999)`: an interval with what it is for. */
export function rangeTitle({ text, offset }: Passage): { port: PortText; purpose: string } | undefined {
  if (text.length > 200) return undefined;
  const [port, other] = portsIn(text);
  if (!port?.to || other) return undefined;
  const before = text.slice(0, port.from.offset);
  const after = text.slice(port.end);
  if (/^\s*(?:[-*#]\s*)?(?:ports?\s)?$/i.test(before)) {
    const [, purpose] = /^\s*(?:[:–—]|\s-\s)\s*(\S[\s\S]*)$/.exec(after) ?? [];
    if (purpose && (looksLikePorts(port) || /ports?/i.test(text)))
      return { port: shifted(port, offset), purpose: words(purpose) };
  }
  const [, title] = /^\s*(\S[^()[\]]{1,100}?)\s*[([]\s*(?:ports?:?\s*)?$/i.exec(before) ?? [];
  if (title && /^\s*[)\]]\s*$/.test(after) && (looksLikePorts(port) || /ports?/i.test(title))) {
    return { port: shifted(port, offset), purpose: words(title) };
  }
  return undefined;
}

/** Years are written so, too. */
function looksLikePorts({ from, to }: PortText): boolean {
  return !(from.port >= 1900 && to !== undefined && to.port <= 2100);
}

function shifted(port: PortText, by: number): PortText {
  return {
    ...port,
    from: { ...port.from, offset: port.from.offset + by },
    ...(port.to ? { to: { ...port.to, offset: port.to.offset + by } } : {}),
    end: port.end + by,
  };
}

function sentenceAround(text: string, offset: number): string {
  const before = text.slice(Math.max(0, offset - 300), offset);
  const after = text.slice(offset, offset + 300);
  const start = Math.max(...['. ', '! ', '? ', '\n\n'].map((end) => before.lastIndexOf(end)));
  const [rest = after] = after.split(/[.!?](?:\s|$)|\n\n/);
  return (before.slice(start < 0 ? 0 : start + 1) + rest).trim();
}
