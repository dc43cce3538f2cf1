import { posix } from 'node:path';
import { type Fact, isPortFact, type NameHint } from '../fact.ts';
import { compact, siteOf, slugOf } from './service-name.ts';
import { beyondVariants } from './variant.ts';

/** Compose files that speak of one and the same service, by a folder that stands for all of theirs. */
interface Stack {
  scope: string;
  folders: Set<string>;
  ports: Set<number>;
}

/**
 * Compose files of different folders are different stacks, and a `grafana` of the one need not be that of the other. They
 * are one as long as they have a port in common, or their folders are those of environments of one place; where they publish
 * nothing but different ports, each stack has its own.
 */
export class Namesakes {
  readonly #stacks = new Map<string, Stack[]>();
  /** Names with their stack and a folder that it builds them from. */
  readonly #built = new Set<string>();

  constructor(facts: readonly Fact[]) {
    const published = new Map<string, Map<string, Set<number>>>();
    for (const fact of facts) {
      if (fact.kind !== 'binds' || fact.importer !== 'compose' || fact.sure === 'unsure') continue;
      for (const { name, from } of fact.names) {
        const slug = slugOf(name);
        if (from !== 'compose') continue;
        const folders = published.get(compact(slug)) ?? published.set(compact(slug), new Map()).get(compact(slug))!;
        const folder = posix.dirname(fact.place.file);
        folders.set(folder, (folders.get(folder) ?? new Set()).add(fact.port));
      }
    }
    for (const [name, folders] of published) {
      const stacks = stacksOf(folders);
      if (stacks.length > 1) this.#stacks.set(name, stacks);
    }
    for (const fact of facts) {
      const [first, ...others] = fact.names;
      if (first?.from !== 'compose') continue;
      const name = compact(slugOf(first.name));
      for (const each of others)
        if (each.from === 'directory') this.#built.add(`${name} ${this.scopeOf(name, fact)} ${each.name}`);
    }
  }

  /** Whether the folder that a further stack builds a service from is built by the first of its stacks, too. */
  isOfFirst(fact: Fact, { name: folder, from }: NameHint): boolean {
    const [first] = fact.names;
    if (from !== 'directory' || first?.from !== 'compose') return false;
    const name = compact(slugOf(first.name));
    const stack = this.#stacks.get(name)?.[0]?.scope;
    return stack !== this.scopeOf(name, fact) && this.#built.has(`${name} ${stack} ${folder}`);
  }

  /** @returns the folder whose service of that name a fact means; `undefined` where the whole tree has but one */
  scopeOf(slug: string, fact: Fact): string | undefined {
    const stacks = this.#stacks.get(compact(slug));
    if (!stacks) return undefined;
    const folder = posix.dirname(fact.place.file);
    for (let at = folder; ; at = posix.dirname(at)) {
      const here = stacks.find(({ folders }) => folders.has(at));
      if (here) return here.scope;
      if (at === '.' || at === '/' || at === '..') break;
    }
    const own = isPortFact(fact) ? stacks.filter(({ ports }) => ports.has(fact.port)) : [];
    return own.length === 1 ? own[0]!.scope : stacks[0]!.scope;
  }
}

/** Those nearest to the root first. */
function stacksOf(folders: ReadonlyMap<string, ReadonlySet<number>>): Stack[] {
  const stacks: Stack[] = [];
  for (const [folder, ports] of [...folders].sort(([a], [b]) => depth(a) - depth(b) || (a < b ? -1 : 1))) {
    const same = stacks.find(
      (stack) => [...ports].some((port) => stack.ports.has(port)) || placeOf(stack.scope) === placeOf(folder),
    );
    if (!same) {
      stacks.push({ scope: folder, folders: new Set([folder]), ports: new Set(ports) });
      continue;
    }
    same.folders.add(folder);
    for (const port of ports) same.ports.add(port);
  }
  return stacks;
}

function depth(folder: string): number {
  return folder === '.' ? 0 : folder.split('/').length;
}

/** What folders of several environments are about: `deploy/prod` and `deploy/staging`, or `.devcontainer` and the root. */
function placeOf(folder: string): string {
  return siteOf(beyondVariants(folder));
}
