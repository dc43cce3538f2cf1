import { posix } from 'node:path';
import { type Fact, formatPlace, isPortFact, type NameHint, type NameSource, type Refers } from '../fact.ts';
import { Claims } from './claims.ts';
import { DisjointSets } from './disjoint-sets.ts';
import { Namesakes } from './namesake.ts';
import { compact, isGeneric, siteOf, slugOf, tellingParts } from './service-name.ts';
import { scopeOf } from './variant.ts';

/** Sources that define a service; the others only speak of one. The first of them names it best. */
const DEFINING: readonly NameSource[] = [
  'compose',
  'pm2',
  'kubernetes',
  'unit',
  'procfile',
  'process',
  'directory',
  'package',
  'container',
  'image',
  'address',
  'document',
];

interface Group {
  name: string;
  /** Others are called so, too: the folder around it stands in front of its name. */
  qualified: boolean;
  directory?: string;
  /** Each spelling, by its slug. */
  aliases: Map<string, string>;
  /** Those that a file gives it; the others are only parts of its folder's path. */
  told: ReadonlySet<string>;
  reasons: string[];
  /** Ports that it binds or is said to have. */
  ports: Set<number>;
  /** Of these, those that it binds; where nothing binds one, those that it is said to have. */
  main: Set<number>;
  /** Folders of the files that define it. */
  scopes: Set<string>;
}

/** Which names mean one service, and so whose each fact is. */
export class Identities {
  readonly #project: string;
  readonly #sets = new DisjointSets();
  readonly #groups = new Map<string, Group>();
  readonly #bySlug = new Map<string, Set<Group>>();
  readonly #byPort = new Map<number, Set<Group>>();
  readonly #claims: Claims;
  /** Keys of containers whose image is one of the project's own. */
  readonly #built = new Set<string>();
  /** Keys of generic names, by the name. */
  readonly #scoped = new Map<string, Set<string>>();
  /** Folders that a file says a name is built from. */
  readonly #sources = new Map<string, Set<string>>();
  readonly #namesakes: Namesakes;

  constructor(facts: readonly Fact[], { project, homes }: { project: string; homes: readonly string[] }) {
    this.#project = slugOf(project);
    this.#namesakes = new Namesakes(facts);
    // A diagram's arrow may lead from somebody who is no service of the plan.
    const defining = facts.filter(
      ({ sure, names, kind }) => sure !== 'unsure' && names.length > 0 && kind !== 'depends',
    );
    this.#claims = new Claims(defining, (slug) => this.#stemOf(slug));
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
    this.#draw(defining);
  }

  services(): Group[] {
    return [...this.#groups.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Whom a fact's names name. */
  byName(fact: Fact): { name: string } | undefined {
    return this.#find(fact.names, fact)?.group;
  }

  /** Those that have a port. */
  byPort(port: number): readonly { name: string; qualified: boolean }[] {
    return [...(this.#byPort.get(port) ?? [])];
  }

  /** The fact with its service, where one can be told. */
  attach(fact: Fact): Fact {
    if (fact.kind === 'binds' && fact.names[0]?.from === 'variable') return this.#ofVariable(fact);
    const found = this.#find(fact.names, fact);
    const attached = found ? { ...fact, service: found.group.name, reason: found.reason } : fact;
    if (attached.kind === 'depends') {
      const on = this.#find(attached.on, fact)?.group.name;
      return on === undefined ? attached : { ...attached, onService: on };
    }
    if (attached.kind === 'pair') {
      const other = this.#find(attached.other, fact)?.group.name;
      return other === undefined ? attached : { ...attached, otherService: other };
    }
    if (attached.kind === 'states' && !found && fact.names[0]?.from === 'heading') {
      return { ...attached, sure: 'unsure', why: `no service that is known here is called "${fact.names[0].name}"` };
    }
    if (attached.kind === 'refers') return found ? attached : this.#byItsPort(attached);
    return attached;
  }

  /** `MANA_SYNC_PORT`: of the service that it names; in another's file it is a reference to it. */
  #ofVariable(fact: Extract<Fact, { kind: 'binds' }>): Fact {
    const [variable, ...others] = fact.names;
    const named = this.#find([variable!], fact);
    const own = this.#find(others, fact);
    const ownFolder = others.find(({ from }) => from === 'directory')?.name;
    if (named && (!own || own.group === named.group || ownFolder === '.')) {
      return { ...fact, service: named.group.name, reason: named.reason };
    }
    if (named) {
      const { kind: _kind, by: _by, fallback: _fallback, inside: _inside, ...rest } = fact;
      const refers: Refers = {
        ...rest,
        kind: 'refers',
        host: '',
        scope: 'unknown',
        by: others,
        service: named.group.name,
        reason: named.reason,
      };
      return refers;
    }
    const label = slugOf(variable!.name);
    const alone = this.#groups.size === 1;
    if (own && (alone || (ownFolder !== '.' && (fact.by === 'pm2' || fact.by === 'compose')))) {
      return { ...fact, label: fact.label ?? label, service: own.group.name, reason: own.reason };
    }
    const why = `${fact.variable ?? variable!.name} names no service that is known here: it may be its own further port or somebody else's`;
    return {
      ...fact,
      label: fact.label ?? label,
      sure: 'unsure',
      why,
      ...(own ? { service: own.group.name, reason: own.reason } : {}),
    };
  }

  /** An address on this host leads to whoever has that port, when there is just one. */
  #byItsPort(fact: Refers): Fact {
    const [group, other] = fact.scope === 'network' ? [] : this.byPort(fact.port);
    return group === undefined || other
      ? fact
      : { ...fact, service: group.name, reason: `nobody else has port ${fact.port}`, byPort: true };
  }

  #find(hints: readonly NameHint[], fact: Fact): { group: Group; reason: string } | undefined {
    for (const hint of hints) {
      const group = this.#groupOf(hint, fact);
      if (group) return { group, reason: reasonOf(hint) };
    }
    return undefined;
  }

  #groupOf(hint: NameHint, fact: Fact): Group | undefined {
    const key = this.#keyOf(hint, fact);
    const known = key === undefined ? undefined : this.#groups.get(this.#sets.find(key));
    if (known) return known;
    const slug = hint.from === 'directory' ? slugOf(tellingParts(hint.name).join('-')) : slugOf(hint.name);
    const folder = scopeOf(fact.place.file);
    const candidates = [...(this.#bySlug.get(compact(slug)) ?? [])];
    if (candidates.length > 1 && isPortFact(fact)) {
      const same = candidates.filter(({ ports }) => ports.has(fact.port));
      if (same.length === 1) return same[0];
    }
    if (candidates.length > 1) return nearest(candidates, folder);
    if (candidates.length === 1) {
      // `api` names the only one of that name, unless a file elsewhere in the tree means its own.
      const weak = hint.from === 'variable' || hint.from === 'upstream';
      const [only] = candidates;
      const meant =
        !weak || !isGeneric(slug) || only!.scopes.has(folder) || (isPortFact(fact) && only!.ports.has(fact.port));
      return meant ? only : undefined;
    }
    if (!isPortFact(fact)) return undefined;
    const stem = this.#stemOf(slug);
    const alike = [...(this.#byPort.get(fact.port) ?? [])].filter(({ aliases }) =>
      [...aliases.keys()].some((alias) => this.#stemOf(alias) === stem),
    );
    return alike.length === 1 ? alike[0] : undefined;
  }

  /** Whether a further name is not its service's alone: of stacks that build one from one folder, the first has the folder. */
  #isShared(fact: Fact, hint: NameHint): boolean {
    return this.#claims.isShared(fact, hint) || this.#namesakes.isOfFirst(fact, hint);
  }

  #join(fact: Fact): void {
    const keys: string[] = [];
    const [first] = fact.names;
    for (const hint of fact.names) {
      if (this.#isShared(fact, hint)) continue;
      const key = this.#keyOf(hint, fact);
      if (key !== undefined) keys.push(key);
    }
    const folder = fact.names.find(({ from }) => from === 'directory')?.name;
    for (const key of folder === undefined ? [] : keys)
      this.#sources.set(key, (this.#sources.get(key) ?? new Set()).add(folder!));
    // What a document calls a folder and a name is one; a variable's name is not one of the folder that it stands in.
    const joined = first?.from === 'variable' || first?.from === 'flag' ? [] : keys;
    for (const key of keys) {
      this.#sets.add(key);
      const [, slug] = /^name:([^@]+)@/.exec(key) ?? [];
      if (slug !== undefined) this.#scoped.set(slug, (this.#scoped.get(slug) ?? new Set()).add(key));
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

  readonly #reasons: [key: string, reason: string][] = [];

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
        const stem = this.#stemOf(slugOf(hint.name));
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

  /** Gives each set of names its group, and its name in the manifest. */
  #draw(facts: readonly Fact[]): void {
    const spoken = new Map<
      string,
      { hints: NameHint[]; ports: Set<number>; bound: Set<number>; scopes: Set<string> }
    >();
    for (const fact of facts) {
      if (fact.names[0]?.from === 'variable') continue;
      for (const hint of fact.names) {
        const key = this.#keyOf(hint, fact);
        if (key === undefined || !this.#sets.has(key)) continue;
        const root = this.#sets.find(key);
        const group =
          spoken.get(root) ??
          spoken.set(root, { hints: [], ports: new Set(), bound: new Set(), scopes: new Set() }).get(root)!;
        if (!group.hints.some(({ name, from }) => name === hint.name && from === hint.from)) group.hints.push(hint);
        if (this.#isShared(fact, hint)) continue;
        group.scopes.add(scopeOf(fact.place.file));
        if (fact.kind === 'binds' || fact.kind === 'states') group.ports.add(fact.port);
        if (fact.kind === 'binds') group.bound.add(fact.port);
      }
    }
    for (const key of this.#sets.keys()) {
      // A folder that only its name ties to a service is its folder all the same.
      const root = this.#sets.find(key);
      const folder = /^folder:(.*)$/.exec(key)?.[1];
      const group = spoken.get(root);
      if (folder !== undefined && group && !group.hints.some(({ from }) => from === 'directory'))
        group.hints.push({ name: folder, from: 'directory' });
    }
    const wanted = Map.groupBy(spoken.values(), ({ hints }) => this.#bestName(hints));
    const taken = new Set<string>();
    for (const [root, speech] of spoken) {
      const { hints, ports, bound, scopes } = speech;
      const folders = foldersOf(hints);
      const best = this.#bestName(hints);
      const rivals = wanted.get(best)!.filter((each) => each !== speech);
      const name = unique(best, taken, aroundOf(speech), rivals.map(aroundOf));
      taken.add(name);
      const aliases = new Map<string, string>([[name, name]]);
      for (const { name: alias, from } of hints) {
        if (from !== 'directory') aliases.set(slugOf(alias), alias);
        if (from === 'package') aliases.set(slugOf(alias.replace(/^@/, '').replaceAll('/', '-')), alias);
      }
      const told = new Set(aliases.values());
      for (const folder of folders) for (const slug of folderSlugs(folder, this.#project)) aliases.set(slug, slug);
      const reasons = this.#reasons.filter(([key]) => this.#sets.find(key) === root).map(([, reason]) => reason);
      const group: Group = {
        name,
        qualified: name !== best,
        aliases,
        told,
        reasons: [...new Set(reasons)],
        ports,
        main: bound.size > 0 ? bound : ports,
        scopes,
        ...(folders[0] === undefined ? {} : { directory: folders[0] }),
      };
      this.#groups.set(root, group);
      for (const slug of new Set([...aliases.keys()].map(compact)))
        this.#bySlug.set(slug, (this.#bySlug.get(slug) ?? new Set()).add(group));
      for (const port of group.main) this.#byPort.set(port, (this.#byPort.get(port) ?? new Set()).add(group));
    }
  }

  #bestName(hints: readonly NameHint[]): string {
    const ranked = hints
      .map(({ name, from }) => ({
        from,
        slug: from === 'directory' ? slugOf(folderName(name) || this.#project) : slugOf(name),
      }))
      .filter(({ slug }) => slug !== '')
      .sort((a, b) => DEFINING.indexOf(a.from) - DEFINING.indexOf(b.from));
    const telling = ranked.find(({ slug, from }) => from !== 'document' && from !== 'address' && !isGeneric(slug));
    return (telling ?? ranked[0])?.slug ?? 'service';
  }

  /**
   * What two hints have to have in common to be one at once. Generic names hold within the folder of their file, those of
   * several stacks within their stack.
   */
  #keyOf({ name, from }: NameHint, fact: Fact): string | undefined {
    if (from === 'directory') return `folder:${name}`;
    if (!DEFINING.includes(from)) return undefined;
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

  #stemOf(slug: string): string {
    const short = slug.replace(/-(?:service|services|server|svc|daemon|app)$/, '');
    return short.startsWith(`${this.#project}-`) ? short.slice(this.#project.length + 1) : short;
  }
}

/** Where a name holds, when it does not hold in the whole tree. */
function keyScope(key: string): string | undefined {
  return /^name:[^@]*@(.*)$/.exec(key)?.[1];
}

function isWithin(folder: string, around: string): boolean {
  return around === '.' || folder === around || folder.startsWith(`${around}/`);
}

function inDocument({ names }: Fact): boolean {
  return names.every(({ from }) => from === 'document' || from === 'directory');
}

function reasonOf({ name, from }: NameHint): string {
  const words: Record<NameSource, string> = {
    compose: 'compose service',
    container: 'container',
    directory: 'folder',
    package: 'package',
    pm2: 'PM2 process',
    procfile: 'Procfile entry',
    process: 'process',
    unit: 'unit',
    kubernetes: 'Kubernetes object',
    address: 'Kubernetes Service',
    target: 'target',
    upstream: 'upstream',
    host: 'host name',
    variable: 'variable',
    document: 'name',
    heading: 'title',
    image: 'image',
    flag: 'script',
  };
  return `${words[from]} ${name}`;
}

/** The name that a folder gives: that of its last part, or of all telling parts where that alone tells nothing. */
function folderName(folder: string): string {
  const parts = tellingParts(folder);
  const last = parts.at(-1) ?? '';
  return isGeneric(slugOf(last)) ? parts.slice(-2).join('-') : last;
}

function folderSlugs(folder: string, project: string): Set<string> {
  const parts = tellingParts(folder);
  if (parts.length === 0) return new Set([project]);
  return new Set(
    [slugOf(parts.at(-1)!), slugOf(parts.slice(-2).join('-')), slugOf(parts.join('-'))].filter((slug) => slug !== ''),
  );
}

/** The one that is defined in the folder of the file, or in the nearest above it. */
function nearest(candidates: readonly Group[], folder: string): Group | undefined {
  for (let at = folder; ; at = posix.dirname(at)) {
    const here = candidates.filter(({ scopes, directory }) => scopes.has(at) || directory === at);
    if (here.length > 0) return here.length === 1 ? here[0] : undefined;
    if (at === '.' || at === '/') return undefined;
  }
}

function foldersOf(hints: readonly NameHint[]): string[] {
  const folders = hints.filter(({ from }) => from === 'directory').map(({ name }) => name);
  return folders.sort((a, b) => a.length - b.length);
}

/** The folder that its own stands in, or that the file which defines it stands in, without what is for starting things. */
function aroundOf({ hints, scopes }: { hints: readonly NameHint[]; scopes: ReadonlySet<string> }): string[] {
  const [folder] = foldersOf(hints);
  return tellingParts(siteOf(folder === undefined ? [...scopes].sort()[0]! : posix.dirname(folder)));
}

/** Several that want one name each have that of the folder around them in front of it: as little of it as tells them apart. */
function unique(
  name: string,
  taken: ReadonlySet<string>,
  around: readonly string[],
  rivals: readonly (readonly string[])[],
): string {
  if (!taken.has(name) && rivals.length === 0) return name;
  const ends = around.map((_, index) => around.slice(-index - 1).join('-'));
  const telling = ends.findIndex((end, index) => rivals.every((rival) => rival.slice(-index - 1).join('-') !== end));
  const qualified = slugOf(`${ends.at(telling) ?? ''}-${name}`) || name;
  for (let count = 1; ; count++) {
    const candidate = count === 1 ? qualified : `${qualified.slice(0, 58)}-${count}`;
    if (!taken.has(candidate)) return candidate;
  }
}
