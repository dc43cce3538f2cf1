import { posix } from 'node:path';
import type { Fact, NameHint } from '../fact.ts';
import type { NameBonds } from './name-bond.ts';
import { definingSources, folderName, folderSlugs } from './name-hint.ts';
import { isGeneric, siteOf, slugOf, tellingParts } from './service-name.ts';
import { scopeOf } from './variant.ts';

/** A service, as the names and files of a tree make one. */
export interface ServiceGroup {
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

/** All that is said of one set of names. */
interface Speech {
  readonly hints: NameHint[];
  readonly ports: Set<number>;
  readonly bound: Set<number>;
  readonly scopes: Set<string>;
}

/**
 * The service of each set of names, with its name in the manifest.
 *
 * @param project as a slug
 * @returns by what stands for the set
 */
export function groupsOf(facts: readonly Fact[], bonds: NameBonds, project: string): Map<string, ServiceGroup> {
  const spoken = speechesOf(facts, bonds);
  const wanted = Map.groupBy(spoken.values(), ({ hints }) => bestName(hints, project));
  const taken = new Set<string>();
  const groups = new Map<string, ServiceGroup>();
  for (const [set, speech] of spoken) {
    const { hints, ports, bound, scopes } = speech;
    const folders = foldersOf(hints);
    const best = bestName(hints, project);
    const rivals = wanted.get(best)!.filter((each) => each !== speech);
    const name = unique(best, taken, aroundOf(speech), rivals.map(aroundOf));
    taken.add(name);
    const aliases = new Map<string, string>([[name, name]]);
    for (const { name: alias, from } of hints) {
      if (from !== 'directory') aliases.set(slugOf(alias), alias);
      if (from === 'package') aliases.set(slugOf(alias.replace(/^@/, '').replaceAll('/', '-')), alias);
    }
    const told = new Set(aliases.values());
    for (const folder of folders) for (const slug of folderSlugs(folder, project)) aliases.set(slug, slug);
    groups.set(set, {
      name,
      qualified: name !== best,
      aliases,
      told,
      reasons: bonds.reasonsFor(set),
      ports,
      main: bound.size > 0 ? bound : ports,
      scopes,
      ...(folders[0] === undefined ? {} : { directory: folders[0] }),
    });
  }
  return groups;
}

function speechesOf(facts: readonly Fact[], bonds: NameBonds): Map<string, Speech> {
  const spoken = new Map<string, Speech>();
  const begin = (set: string) => {
    const speech: Speech = { hints: [], ports: new Set(), bound: new Set(), scopes: new Set() };
    spoken.set(set, speech);
    return speech;
  };
  for (const fact of facts) {
    if (fact.names[0]?.from === 'variable') continue;
    for (const hint of fact.names) {
      const set = bonds.setOf(hint, fact);
      if (set === undefined) continue;
      const { hints, ports, bound, scopes } = spoken.get(set) ?? begin(set);
      if (!hints.some(({ name, from }) => name === hint.name && from === hint.from)) hints.push(hint);
      if (bonds.isShared(fact, hint)) continue;
      scopes.add(scopeOf(fact.place.file));
      if (fact.kind === 'binds' || fact.kind === 'states') ports.add(fact.port);
      if (fact.kind === 'binds') bound.add(fact.port);
    }
  }
  // A folder that only its name ties to a service is its folder all the same.
  for (const { folder, set } of bonds.folders()) {
    const hints = spoken.get(set)?.hints;
    if (hints && !hints.some(({ from }) => from === 'directory')) hints.push({ name: folder, from: 'directory' });
  }
  return spoken;
}

function bestName(hints: readonly NameHint[], project: string): string {
  const ranked = hints
    .map(({ name, from }) => ({
      from,
      slug: from === 'directory' ? slugOf(folderName(name) || project) : slugOf(name),
    }))
    .filter(({ slug }) => slug !== '')
    .sort((a, b) => definingSources.indexOf(a.from) - definingSources.indexOf(b.from));
  const telling = ranked.find(({ slug, from }) => from !== 'document' && from !== 'address' && !isGeneric(slug));
  return (telling ?? ranked[0])?.slug ?? 'service';
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
