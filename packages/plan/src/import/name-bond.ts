import { addTo } from '@portolan/model';
import { type Fact, formatPlace, isPortFact, type NameHint } from '../fact.ts';
import { Claims } from './claims.ts';
import { DisjointSets } from './disjoint-sets.ts';
import { isWithin } from './folder.ts';
import { definingSources, folderSlugs, reasonOf } from './name-hint.ts';
import { Namesakes } from './namesake.ts';
import { compact, isGeneric, slugOf } from './service-name.ts';
import { scopeOf } from './variant.ts';

/** Which names mean one service, with the reasons. A name has a key; keys of one service are in one set. */
export class NameBonds {
  readonly #project: string;
  readonly #sets = new DisjointSets();
  readonly #claims: Claims;
  /** Keys of containers whose image is one of the project's own. */
  readonly #built = new Set<string>();
  /** Keys of generic names, by the name. */
  readonly #scoped = new Map<string, Set<string>>();
  /** Folders that a file says a name is built from. */
  readonly #sources = new Map<string, Set<string>>();
  readonly #namesakes: Namesakes;
  readonly #reasons: [key: string, reason: string][] = [];

  /**
   * @param facts all of a tree
   * @param defining those of them that define a service
   * @param project as a slug
   * @param homes folders that have a package or an image of their own
   */
  constructor(
    facts: readonly Fact[],
    defining: readonly Fact[],
    { project, homes }: { project: string; homes: readonly string[] },
  ) {
    this.#project = project;
    this.#namesakes = new Namesakes(facts);
    this.#claims = new Claims(defining, (slug) => this.stemOf(slug));
    // Documents last: their generic names are those of what the other files define.
    const [documents, others] = [defining.filter(inDocument), defining.filter((fact) => !inDocument(fact))];
    for (const fact of [...others, ...documents]) this.#join(fact);
    for (const fact of others) this.#markBuilt(fact);
    this.#joinBuilt();
    const composed = new Set(
      defining.flatMap((fact) => {
        const [first] = fact.names;
        return first?.from === 'compose' ? [this.#keyOf(first, fact) ?? ''] : [];
      }),
    );
    const folders = defining.flatMap(({ names }) => names.filter(({ from }) => from === 'directory'));
    this.#joinFolders(new Set([...homes, ...folders.map(({ name }) => name)]), composed);
    this.#joinAlike(defining);
  }

  /** What stands for the set that a name is in; `undefined` for a name that defines nobody, or nobody has. */
  setOf(hint: NameHint, fact: Fact): string | undefined {
    const key = this.#keyOf(hint, fact);
    return key === undefined || !this.#sets.has(key) ? undefined : this.#sets.find(key);
  }

  /** Folders, each with what stands for its set. */
  folders(): { folder: string; set: string }[] {
    return this.#sets.keys().flatMap((key) => {
      const folder = /^folder:(.*)$/.exec(key)?.[1];
      return folder === undefined ? [] : [{ folder, set: this.#sets.find(key) }];
    });
  }

  /** Why names are in one set. */
  reasonsFor(set: string): string[] {
    const own = this.#reasons.filter(([key]) => this.#sets.find(key) === set).map(([, reason]) => reason);
    return [...new Set(own)];
  }

  /** Whether a further name is not its service's alone: of stacks that build one from one folder, the first has the folder. */
  isShared(fact: Fact, hint: NameHint): boolean {
    return this.#claims.isShared(fact, hint) || this.#namesakes.isOfFirst(fact, hint);
  }

  /** What is left of a name without the project's and without words that tell nothing. */
  stemOf(slug: string): string {
    const short = slug.replace(/-(?:service|services|server|svc|daemon|app)$/, '');
    return short.startsWith(`${this.#project}-`) ? short.slice(this.#project.length + 1) : short;
  }

  #join(fact: Fact): void {
    const keys: string[] = [];
    const [first] = fact.names;
    for (const hint of fact.names) {
      if (this.isShared(fact, hint)) continue;
      const key = this.#keyOf(hint, fact);
      if (key !== undefined) keys.push(key);
    }
    const folder = fact.names.find(({ from }) => from === 'directory')?.name;
    for (const key of folder === undefined ? [] : keys) addTo(this.#sources, key, folder!);
    // What a document calls a folder and a name is one; a variable's name is not one of the folder that it stands in.
    const joined = first?.from === 'variable' || first?.from === 'flag' ? [] : keys;
    for (const key of keys) {
      this.#sets.add(key);
      const [, slug] = /^name:([^@]+)@/.exec(key) ?? [];
      if (slug !== undefined) addTo(this.#scoped, slug, key);
    }
    for (const key of joined.slice(1)) {
      if (this.#sets.union(joined[0]!, key))
        this.#because(key, `${formatPlace(fact.place)} has ${fact.names.map(reasonOf).join(' and ')} together`);
    }
  }

  /** `ghcr.io/shop/shop/cart` in the project shop: made of this tree, so its container goes by the name of a folder. */
  #markBuilt(fact: Fact): void {
    if (fact.kind !== 'describes' || fact.what !== 'image') return;
    const own = fact.value.split('/').some((part) => part === this.#project || part.startsWith(`${this.#project}-`));
    const key = fact.names[0] && this.#keyOf(fact.names[0], fact);
    if (own && key !== undefined) this.#built.add(key);
  }

  #because(key: string, reason: string): void {
    this.#reasons.push([key, reason]);
  }

  /** `worker` of the project's own image, in a folder of one way to deploy it, is the worker of the tree. */
  #joinBuilt(): void {
    for (const key of this.#built) {
      const [, name] = /^(name:[^@]+@).+$/.exec(key) ?? [];
      const root = `${name}.`;
      if (name === undefined || root === key || !this.#sets.has(root)) continue;
      if (this.#sets.union(root, key)) this.#because(key, 'its image is one of this tree');
    }
  }

  /** A folder and a name that is just the folder's are one, where no second folder has it. */
  #joinFolders(folders: ReadonlySet<string>, composed: ReadonlySet<string>): void {
    const bySlug = new Map<string, string[]>();
    for (const folder of folders) {
      for (const slug of folderSlugs(folder, this.#project)) {
        const key = isGeneric(slug) ? slug : compact(slug);
        bySlug.set(key, [...(bySlug.get(key) ?? []), folder]);
      }
    }
    for (const key of this.#sets.keys()) {
      const [, slug = '', scope] = /^name:([^@]*)(?:@(.*))?$/.exec(key) ?? [];
      const sources = this.#sources.get(key);
      const everywhere = scope === undefined || scope === '.' || this.#built.has(key);
      const called = [slug, ...(this.#built.has(key) ? [compact(`${this.#project}-${slug}`)] : [])];
      const candidates = called
        .flatMap((name) => bySlug.get(name) ?? [])
        .filter((folder) => everywhere || isWithin(folder, scope))
        .filter((folder) => sources === undefined || [...sources].some((from) => isWithin(folder, from)));
      // The root is called as the project is: a folder that has the name of its own comes first.
      const inUse =
        candidates.length > 1
          ? candidates.filter((folder) => folder !== '.' && this.#sets.has(`folder:${folder}`))
          : candidates;
      const [only] = inUse;
      if (inUse.length !== 1 || only === undefined) continue;
      const folderKey = `folder:${only}`;
      // Another service of compose may be built from the folder: then it is not this one's.
      const built = this.#claims.builtFrom(only);
      if (built && composed.has(key) && !built.has(compact(slug))) continue;
      this.#sets.add(folderKey);
      if (this.#sets.union(folderKey, key))
        this.#because(key, `the folder ${only} is the only one that is called ${slug}`);
    }
  }

  /** Names that differ by the project's name or by the word "service" are one when they have one port, too. */
  #joinAlike(facts: readonly Fact[]): void {
    const byStem = new Map<string, Map<string, Set<number>>>();
    for (const fact of facts) {
      if (!isPortFact(fact) || fact.kind === 'internal' || fact.kind === 'refers') continue;
      for (const hint of fact.names) {
        const key = this.#keyOf(hint, fact);
        if (key === undefined || hint.from === 'directory') continue;
        const stem = this.stemOf(slugOf(hint.name));
        const keys = byStem.get(stem) ?? byStem.set(stem, new Map()).get(stem)!;
        const ports = keys.get(key) ?? keys.set(key, new Set()).get(key)!;
        ports.add(fact.port);
      }
    }
    const foldered = new Set(
      [...this.#sets.keys()].filter((key) => key.startsWith('folder:')).map((key) => this.#sets.find(key)),
    );
    for (const [stem, keys] of byStem) {
      if (keys.size < 2 || keys.size > 50) continue;
      const list = [...keys];
      for (const [index, [key, ports]] of list.entries()) {
        for (const [other, others] of list.slice(index + 1)) {
          const [port] = [...ports].filter((each) => others.has(each));
          const roots = [this.#sets.find(key), this.#sets.find(other)];
          if (port === undefined || roots[0] === roots[1] || roots.every((root) => foldered.has(root))) continue;
          // `web` of one folder and `web` of another are two, whatever port both of them have.
          if (keyScope(key) !== undefined && keyScope(other) !== undefined && keyScope(key) !== keyScope(other))
            continue;
          this.#sets.union(key, other);
          this.#because(other, `two names of ${stem} have one port, ${port}`);
        }
      }
    }
  }

  /**
   * What two hints have to have in common to be one at once. Generic names hold within the folder of their file, those of
   * several stacks within their stack.
   */
  #keyOf({ name, from }: NameHint, fact: Fact): string | undefined {
    if (from === 'directory') return `folder:${name}`;
    if (!definingSources.includes(from)) return undefined;
    const slug = slugOf(name);
    if (slug === '') return undefined;
    if (!isGeneric(slug) && !this.#claims.isManifold(slug)) {
      const scope = this.#namesakes.scopeOf(slug, fact);
      return `name:${compact(slug)}${scope === undefined ? '' : `@${scope}`}`;
    }
    return from === 'document' ? this.#genericOfDocument(slug) : `name:${slug}@${scopeOf(fact.place.file)}`;
  }

  /** A document's `postgres` is that of the tree where there is one, else one that documents alone know. */
  #genericOfDocument(slug: string): string {
    const defined = this.#scoped.get(slug);
    return defined?.size === 1 ? [...defined][0]! : `name:${slug}`;
  }
}

/** Where a name holds, when it does not hold in the whole tree. */
function keyScope(key: string): string | undefined {
  return /^name:[^@]*@(.*)$/.exec(key)?.[1];
}

function inDocument({ names }: Fact): boolean {
  return names.every(({ from }) => from === 'document' || from === 'directory');
}
