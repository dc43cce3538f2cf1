import remarkGfm from 'remark-gfm';
import remarkParse from 'remark-parse';
import { unified } from 'unified';
import { generatedPart } from '../../docs/markers.ts';
import type { Fact, NameHint } from '../../fact.ts';
import { addressesIn, isHealthPath, namesOfHost } from '../address-text.ts';
import type { Importer, Note, Reading, Surroundings } from '../importer.ts';
import { SourceFile } from '../source-file.ts';
import { mermaidFacts } from './mermaid.ts';
import { bare, isName, outlook, type Passage, type Setting, saysPlanned, words } from './passage.ts';
import { pastedTables, type TableText } from './pasted-table.ts';
import { intervalFact, tableFacts } from './port-table.ts';
import { proseFacts, rangeTitle } from './prose.ts';

/** Markdown, and other text when it is named itself: tables, lists, sentences, titles and flow charts about ports. */
export const markdown: Importer = {
  name: 'markdown',
  matches: (path) =>
    /\.(?:md|markdown|mdx)$/i.test(path) &&
    !/(?:^|\/)(?:CHANGELOG|HISTORY|RELEASES?|LICENSE|CODE_OF_CONDUCT)[\w.-]*$/i.test(path),
  worth: (text) => WORTH.test(text),
  sizeMax: 1 << 20,
  read: (file, around) => readDocument(file, around),
};

/** Of what is known before a document is parsed: one that has none of these says nothing of ports. */
const WORTH = /\bports?\b|localhost:\d|127\.0\.0\.1:\d|Port(?:nummer)?\b|puerto|porta\b|:\/\/[\w.-]{1,253}:\d/i;

const parser = unified().use(remarkParse).use(remarkGfm);

type Root = ReturnType<typeof parser.parse>;
type Block = Root['children'][number];
type Table = Extract<Block, { type: 'table' }>;
type Positioned = Pick<Block, 'position'>;

function readDocument(whole: SourceFile, around: Surroundings): Reading {
  const file = withoutGenerated(whole);
  const lines = [...file.lines()];
  const pasted = pastedTables(withoutCode(lines));
  const tree = parser.parse(blanked(file.text, pasted));
  return new DocumentReader(file, around, pasted).read(tree);
}

/** What "portolan docs" wrote between its markers comes from a plan, and so is no source of one. */
function withoutGenerated(file: SourceFile): SourceFile {
  const part = generatedPart(file.text);
  if (!part) return file;
  const { text, path } = file;
  const blank = text.slice(part.from, part.to).replace(/[^\n]/g, ' ');
  return new SourceFile(path, text.slice(0, part.from) + blank + text.slice(part.to));
}

/** The lines with those of fenced code made empty: a table in an example is one. */
function withoutCode(lines: readonly Passage[]): Passage[] {
  let fence: string | undefined;
  return lines.map(({ text, offset }) => {
    const [, mark] = /^\s{0,3}(`{3,}|~{3,})/.exec(text) ?? [];
    const inside = fence !== undefined || mark !== undefined;
    if (mark !== undefined) {
      if (fence === undefined) fence = mark;
      else if (mark.startsWith(fence)) fence = undefined;
    }
    return inside ? { text: '', offset } : { text, offset };
  });
}

/** The text with the pasted tables as blank lines, so that the parser takes what is around them for what it is. */
function blanked(text: string, tables: readonly TableText[]): string {
  const parts: string[] = [];
  let from = 0;
  for (const { offset, end } of tables) {
    parts.push(text.slice(from, offset), text.slice(offset, end).replace(/[^\n]/g, ' '));
    from = end;
  }
  return parts.join('') + text.slice(from);
}

class DocumentReader {
  readonly #file: SourceFile;
  readonly #waiting: TableText[];
  readonly #home: string | undefined;
  readonly #inSite: boolean;
  readonly #isHome: (path: string) => boolean;
  readonly #facts: Fact[] = [];
  readonly #notes: Note[] = [];
  /** Titles above, each with its level. */
  readonly #headings: { depth: number; text: string; planned: boolean }[] = [];
  #recent = '';
  #subject: NameHint | undefined;
  #wholePlanned = false;
  #examples = 0;

  constructor(file: SourceFile, around: Surroundings, pasted: TableText[]) {
    this.#file = file;
    this.#waiting = [...pasted];
    const home = around.home(file.directory);
    this.#inSite = home !== undefined && SITE.test(home) && file.directory !== home;
    this.#home = this.#inSite ? undefined : home;
    this.#isHome = (path) => around.home(path) === path;
  }

  read(tree: Root): Reading {
    this.#wholePlanned = saysPlanned(preamble(this.#file.text));
    for (const node of tree.children) this.#block(node);
    this.#pastedBefore(Number.POSITIVE_INFINITY);
    // A document that says nothing of ports itself has examples of other things.
    if (this.#examples > 0 && this.#facts.length > 0) {
      const blocks =
        this.#examples === 1 ? 'a block of code is an example' : `${this.#examples} blocks of code are examples`;
      this.#notes.push({ place: { file: this.#file.path }, text: `${blocks}: their ports are nobody's` });
    }
    return { facts: this.#inSite ? this.#facts.map(ofSite) : this.#facts, notes: this.#notes };
  }

  #block(node: Block): void {
    const start = node.position!.start.offset!;
    this.#pastedBefore(start);
    switch (node.type) {
      case 'heading':
        this.#heading(node.depth, this.#passage(node));
        return;
      case 'table':
        this.#table(this.#tableText(node), this.#setting());
        return;
      case 'list':
        this.#list(node);
        return;
      case 'code':
        this.#code(node);
        return;
      case 'blockquote':
        for (const child of node.children) this.#block(child);
        return;
      case 'paragraph':
        this.#paragraph(this.#passage(node), false);
        return;
      default:
        return;
    }
  }

  #heading(depth: number, passage: Passage): void {
    while ((this.#headings.at(-1)?.depth ?? 0) >= depth) this.#headings.pop();
    const text = words(passage.text.replace(/^#+/, ''));
    const said = outlook(text);
    const above = this.#headings.at(-1)?.planned ?? false;
    this.#headings.push({ depth, text, planned: said === undefined ? above : said === 'planned' });
    this.#recent = text;
    const blank = bare(passage.text).replace(/^#+/, (marks) => ' '.repeat(marks.length));
    const range = rangeTitle({ text: blank, offset: 0 });
    if (range) {
      this.#facts.push(
        intervalFact(this.#file, passage, range.port, {
          kind: 'range',
          text: range.purpose,
          planned: this.#setting().planned,
          sure: 'certain',
        }),
      );
    }
  }

  #paragraph(passage: Passage, item: boolean): void {
    const setting = this.#setting();
    const facts = proseFacts(this.#file, passage, setting, item);
    this.#facts.push(...listed(facts, setting, setting.headings.at(-1) ?? '', environmentOf(passage.text)));
    if (!item) this.#recent = passage.text;
    // A line on its own that is a range's title stands above what follows, as a heading does.
    if (!item && rangeTitle({ text: bare(passage.text.split('\n')[0]!), offset: 0 }))
      this.#recent = passage.text.split('\n').slice(0, 3).join('\n');
  }

  #list(node: Extract<Block, { type: 'list' }>): void {
    const before = this.#recent;
    const files = asksForFiles(`${this.#headings.at(-1)?.text ?? ''}\n${words(before)}`);
    for (const item of node.children) {
      let title = '';
      for (const child of item.children) {
        if (child.type === 'paragraph') {
          const passage = this.#passage(child);
          this.#mentions(passage, files);
          this.#paragraph(passage, true);
          if (title === '') title = passage.text;
        } else {
          // What an item says stands above what is listed below it.
          this.#recent = child.type === 'list' ? `${before}\n${title}` : title;
          const outer = this.#subject;
          this.#subject = subjectOf(title) ?? outer;
          this.#block(child);
          this.#subject = outer;
        }
        this.#recent = before;
      }
    }
    this.#recent = '';
  }

  /** `docker-compose.yml` in a list of what to edit when ports change. */
  #mentions({ text, offset }: Passage, asked: boolean): void {
    if (!asked && !/^\s*(?:update|edit|change|adjust|aktualisiere|passe|ändere)\b/i.test(text)) return;
    const shape =
      /(?<![\w/.:@-])((?:\.{0,2}\/)?(?:[\w*@.-]{1,80}\/){0,12}(?:[\w*-][\w*.-]{0,80}\.[a-z]{1,8}(?:\.\w{1,10})?|\.env[\w.]{0,30}|Dockerfile|Caddyfile|Procfile|Makefile))(?![\w/-])/g;
    for (const match of text.matchAll(shape)) {
      const path = match[1]!.replace(/^\.\//, '');
      if (/^(?:e\.g|i\.e|z\.b)$/i.test(path) || /^(?:https?|www)\b/.test(path)) continue;
      this.#facts.push({
        kind: 'mentions',
        importer: 'markdown',
        names: [],
        path,
        place: this.#file.place(offset + match.index, match[1]!.length),
        sure: 'certain',
      });
    }
  }

  #code(node: Extract<Block, { type: 'code' }>): void {
    const passage = this.#passage(node);
    const language = (node.lang ?? '').toLowerCase();
    const inner = passage.text.indexOf('\n') + 1;
    const body = { text: passage.text.slice(inner), offset: passage.offset + inner };
    if (language === 'mermaid') {
      this.#facts.push(...mermaidFacts(this.#file, body, this.#setting()));
      return;
    }
    if (/^(?:|sh|bash|shell|zsh|console|shell-session|fish|powershell|http|text|txt)$/.test(language)) {
      for (const { port, offset, length, host, scope, url, path } of addressesIn(body.text)) {
        this.#facts.push({
          kind: 'refers',
          importer: 'markdown',
          place: this.#file.place(body.offset + offset, length),
          port,
          protocol: 'tcp',
          names: namesOfHost(host),
          host,
          scope,
          example: true,
          sure: 'likely',
          why: 'an address in an example of a document',
          ...(url ? { url } : {}),
          ...(isHealthPath(path) ? { health: true } : {}),
        });
      }
    } else if (/\bports?\b|:\d{4,5}\b/i.test(body.text)) {
      this.#examples++;
    }
  }

  #pastedBefore(offset: number): void {
    while (this.#waiting[0] && this.#waiting[0].offset < offset) {
      const table = this.#waiting.shift()!;
      const line = lineBefore(this.#file.text, table.offset);
      const setting = this.#setting();
      const headings = line === '' ? setting.headings : [...setting.headings, line];
      this.#table(table, { ...setting, headings, recent: line });
    }
  }

  #table(table: TableText, setting: Setting): void {
    const heads = table.head.map(({ text }) => words(text).toLowerCase()).join('|');
    this.#facts.push(...listed(tableFacts(this.#file, table, setting), setting, heads));
  }

  #tableText(table: Table): TableText {
    const [head = [], ...rows] = table.children.map((row) => row.children.map((cell) => this.#cell(cell)));
    return { head, rows, offset: table.position!.start.offset!, end: table.position!.end.offset! };
  }

  /** A cell without the bars and blanks around it. */
  #cell(node: Positioned): Passage {
    const { text, offset } = this.#passage(node);
    const inner = text.replace(/^\|/, ' ').replace(/\|$/, ' ');
    const trimmed = inner.trim();
    return { text: trimmed, offset: offset + inner.length - inner.trimStart().length };
  }

  #passage(node: Positioned): Passage {
    const { start, end } = node.position!;
    return { text: this.#file.text.slice(start.offset!, end.offset!), offset: start.offset! };
  }

  #setting(): Setting {
    // A title may be anything: it names a service only where there is one of that name.
    const title = this.#headings.at(-1)?.text.replace(/^[\d.)\s]+/, '') ?? '';
    const subject = this.#subject ?? (isName(title) ? { name: title, from: 'heading' as const } : undefined);
    return {
      headings: this.#headings.map(({ text }) => text),
      recent: this.#recent,
      planned: this.#wholePlanned || (this.#headings.at(-1)?.planned ?? false),
      home: this.#home,
      isHome: this.#isHome,
      ...(subject ? { subject } : {}),
    };
  }
}

/** Folders of sites of documents: what those hold is about something else. */
const SITE = /(?:^|[/_-])(?:docs?|documentation|website|handbook|wiki|blog)$/i;

/** A page of a site tells users of ports: it may speak of the services of the tree, and defines none. */
function ofSite(fact: Fact): Fact {
  if (fact.kind === 'states')
    return {
      ...fact,
      names: fact.names.map(({ name, from }) => ({ name, from: from === 'document' ? 'heading' : from })),
    };
  return fact.kind === 'refers' ? fact : { ...fact, sure: 'unsure', why: 'it stands in a site of documents' };
}

/** Titles of sections that tell of ports without saying whose they are. */
const TROUBLE = /\b(?:conflicts?|troubleshooting|konflikte?|fehlersuche)\b/i;

/** Statements with the list that they are one of. What is told of trouble is an example, not a plan. */
function listed(facts: readonly Fact[], { headings }: Setting, list: string, variant?: string): Fact[] {
  const title = headings.at(-1) ?? '';
  const trouble = TROUBLE.test(title) && !/\b(?:reserved|blocked|reserviert|gesperrt)\b/i.test(title);
  return facts.map((fact): Fact => {
    if (fact.kind !== 'states') return fact;
    const doubt = trouble && !list.includes('|') ? { sure: 'unsure' as const, why: `it stands under "${title}"` } : {};
    return { ...fact, list, ...(variant === undefined ? {} : { variant }), ...doubt };
  });
}

/** `Local Dev: backend 3001, …` → local. */
function environmentOf(text: string): string | undefined {
  const lead =
    /^[\s*_-]*(local|dev|development|integration|testing|tests?|staging|production|prod|performance|ci|e2e|preview|qa)\b[^:\n]{0,30}:/i.exec(
      text,
    );
  return lead?.[1]?.toLowerCase();
}

/** `**Backend API** (Node)`: what an item is about that has items of its own. */
function subjectOf(title: string): NameHint | undefined {
  const name = words(title)
    .replace(/[:.]$/, '')
    .replace(/\s*\([^()]*\)\s*$/, '');
  return isName(name) && !/\d{4}/.test(name) ? { name, from: 'document' } : undefined;
}

/** What a document says of itself before its first table or list. */
function preamble(text: string): string {
  const head = text.slice(0, 2000);
  const end = head.search(/^\s{0,3}(?:\||[-*+]\s|\d+[.)]\s|```)/m);
  return end < 0 ? head : head.slice(0, end);
}

function asksForFiles(text: string): boolean {
  return /\b(?:update|edit|change|adjust|aktualisier\w{0,3}|anpass\w{0,3}|ändern)\b[^\n]{0,80}\b(?:files?|these|datei(?:en)?|when|wenn|ports?)\b|\b(?:configuration|config|konfigurations)[ -]?(?:files?|dateien)\b/i.test(
    text,
  );
}

/** The last line with words before a place: the title of a table that was pasted without its marks. */
function lineBefore(text: string, offset: number): string {
  const lines = text.slice(Math.max(0, offset - 600), offset).split('\n');
  return words(lines.findLast((line) => line.trim() !== '') ?? '');
}
