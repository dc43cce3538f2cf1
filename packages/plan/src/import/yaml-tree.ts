import { isAlias, isMap, isScalar, isSeq, type Node, parseAllDocuments, visit } from 'yaml';
import type { Note } from './importer.ts';
import type { SourceFile } from './source-file.ts';

/** A scalar as it is written, without its quotes. */
export interface Written {
  text: string;
  /** Of `text`, in the file. */
  offset: number;
}

export interface YamlEntry {
  key: string;
  keyAt: Written;
  value: Node | null;
}

/** How a note on a file begins that is none. */
export const NO_YAML = 'is no valid YAML';

/** Aliases followed in one file, at most: files that people write have tens, a bomb has billions. */
const ALIASES_MAX = 10_000;

/**
 * The YAML documents of a file, read node by node with their places. Nothing is expanded: an alias is followed when its
 * node is asked for, and so many times in all.
 */
export class YamlTree {
  readonly documents: readonly Node[];
  readonly notes: Note[] = [];
  readonly #file: SourceFile;
  readonly #anchors = new Map<Node, Node>();
  #followed = 0;

  constructor(file: SourceFile) {
    this.#file = file;
    this.documents = this.#parse();
  }

  /** The entries of a map, those merged in with `<<` behind its own. Empty for what is no map. */
  entries(node: Node | null | undefined, depth = 0): YamlEntry[] {
    const map = this.resolve(node);
    if (!isMap(map) || depth > 20) return [];
    const own: YamlEntry[] = [];
    const merged: YamlEntry[] = [];
    for (const pair of map.items) {
      const keyAt = this.written(pair.key as Node);
      if (!keyAt) continue;
      const value = pair.value as Node | null;
      if (keyAt.text !== '<<') {
        own.push({ key: keyAt.text, keyAt, value });
        continue;
      }
      const sources = this.resolve(value);
      for (const source of isSeq(sources) ? (sources.items as Node[]) : [sources]) {
        if (source) merged.push(...this.entries(source, depth + 1));
        if (this.#followed > ALIASES_MAX) return own;
      }
    }
    const seen = new Set<string>();
    return [...own, ...merged].filter(({ key }) => !seen.has(key) && seen.add(key));
  }

  get(node: Node | null | undefined, ...keys: string[]): Node | null | undefined {
    let at = node;
    for (const key of keys) at = this.entries(at).find((entry) => entry.key === key)?.value;
    return this.resolve(at);
  }

  /** The items of a sequence; a scalar is taken for a sequence of one. */
  items(node: Node | null | undefined): Node[] {
    const at = this.resolve(node);
    if (isSeq(at)) return (at.items as Node[]).map((item) => this.resolve(item)).filter((item) => item != null);
    return isScalar(at) && at.value !== null ? [at] : [];
  }

  isMap(node: Node | null | undefined): boolean {
    return isMap(this.resolve(node));
  }

  written(node: Node | null | undefined): Written | undefined {
    const at = this.resolve(node);
    if (!isScalar(at) || !at.range) return undefined;
    const [start, end] = at.range;
    const raw = this.#file.text.slice(start, end);
    const quoted = /^(["'])([\s\S]*)\1$/.exec(raw);
    return quoted ? { text: quoted[2]!, offset: start + 1 } : { text: raw, offset: start };
  }

  text(node: Node | null | undefined): string | undefined {
    return this.written(node)?.text;
  }

  /** `!reset` and the like. */
  tag(node: Node | null | undefined): string | undefined {
    return this.resolve(node)?.tag;
  }

  resolve(node: Node | null | undefined): Node | null | undefined {
    let at = node;
    while (isAlias(at)) {
      if (++this.#followed > ALIASES_MAX) {
        if (this.#followed === ALIASES_MAX + 1) {
          this.#note(
            `more than ${ALIASES_MAX} aliases (*name) lead back and forth here: the rest of the file is passed over`,
          );
        }
        return undefined;
      }
      at = this.#anchors.get(at);
    }
    return at;
  }

  #parse(): Node[] {
    try {
      const parsed = parseAllDocuments(this.#file.text, { uniqueKeys: false, logLevel: 'silent', strict: false });
      const nodes: Node[] = [];
      for (const document of 'empty' in parsed ? [] : parsed) {
        const [error] = document.errors;
        if (error) this.#note(errorText(error.message), error.pos[0]);
        const anchors = new Map<string, Node>();
        visit(document, {
          Alias: (_, alias) => {
            const target = anchors.get(alias.source);
            if (target) this.#anchors.set(alias, target);
          },
          Node: (_, at) => {
            if ('anchor' in at && typeof at.anchor === 'string') anchors.set(at.anchor, at);
          },
        });
        if (document.contents) nodes.push(document.contents as Node);
      }
      return nodes;
    } catch (error) {
      // The parser is recursive: what is nested ten thousand deep ends its stack.
      this.#note(errorText((error as Error).message));
      return [];
    }
  }

  #note(text: string, offset?: number): void {
    this.notes.push({ place: offset === undefined ? { file: this.#file.path } : this.#file.place(offset), text });
  }
}

function errorText(message: string): string {
  if (/call stack/.test(message)) return 'is nested too deep to be read';
  return `${NO_YAML}: ${message.split('\n')[0]!.replace(/:$/, '')}`;
}
