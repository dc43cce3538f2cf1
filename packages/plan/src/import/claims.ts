import { posix } from 'node:path';
import { addTo } from '@portolan/model';
import { type Fact, isPortFact, type NameHint } from '../fact.ts';
import { isWithin } from './folder.ts';
import { compact, slugOf } from './service-name.ts';

/** Names and folders that several services of a tree go by, and that so tell less than others which one is meant. */
export class Claims {
  /** Further names that are not a service's alone: what names it first, then the further name. */
  readonly #shared = new Set<string>();
  readonly #built = new Map<string, Set<string>>();
  readonly #manifold = new Set<string>();

  readonly #stemOf: (slug: string) => string;

  /** @param stemOf what is left of a name without words that tell nothing */
  constructor(facts: readonly Fact[], stemOf: (slug: string) => string) {
    this.#stemOf = stemOf;
    this.#claimOwn(facts);
    this.#claimFolders(facts);
    this.#claimNames(facts);
  }

  /** Whether a further name of a fact is not its service's alone. */
  isShared({ names: [first] }: Fact, hint: NameHint): boolean {
    return hint !== first && this.#shared.has(`${first!.from} ${slugOf(first!.name)} ${hint.name}`);
  }

  /** Whether files of different folders give a name to services of their own: it holds within each folder then. */
  isManifold(slug: string): boolean {
    return this.#manifold.has(compact(slug));
  }

  /** Names of the services, without hyphens, that compose builds from a folder. */
  builtFrom(folder: string): ReadonlySet<string> | undefined {
    return this.#built.get(folder);
  }

  /** A name by which files of two folders start what lies below each, as examples beside one another do. */
  #claimOwn(facts: readonly Fact[]): void {
    const starters = new Map<string, Set<string>>();
    for (const { names, place } of facts) {
      const [first] = names;
      const at = posix.dirname(place.file);
      const own = names.some(({ from, name }) => from === 'directory' && isWithin(name, at));
      if (!own || at === '.' || (first!.from !== 'compose' && first!.from !== 'process')) continue;
      const name = compact(slugOf(first!.name));
      addTo(starters, name, at);
    }
    for (const [name, folders] of starters) {
      const list = [...folders];
      if (list.some((one) => list.some((other) => !isWithin(one, other) && !isWithin(other, one))))
        this.#manifold.add(name);
    }
  }

  /** Folders that two services of one kind of file are built from belong to the one that has ports, or is called so. */
  #claimFolders(facts: readonly Fact[]): void {
    const claims = new Map<string, Map<string, { slugs: Set<string>; ports: boolean }>>();
    const nested = facts.some(({ names }) => names.some(({ name, from }) => from === 'directory' && name !== '.'));
    for (const fact of facts) {
      const [first] = fact.names;
      const folder = fact.names.find(({ from }) => from === 'directory')?.name;
      if (
        folder === undefined ||
        !first ||
        first.from === 'directory' ||
        first.from === 'variable' ||
        first.from === 'document'
      )
        continue;
      if (folder === '.' && nested && first.from !== 'package')
        this.#shared.add(`${first.from} ${slugOf(first.name)} .`);
      if (first.from === 'compose') addTo(this.#built, folder, compact(slugOf(first.name)));
      const claim = `${first.from} ${folder}`;
      const stems = claims.get(claim) ?? claims.set(claim, new Map()).get(claim)!;
      // `shop-api` of one file and `api` of another, built from one folder, are one.
      const slug = slugOf(first.name);
      const stem = this.#stemOf(slug);
      const claimant = stems.get(stem) ?? stems.set(stem, { slugs: new Set(), ports: false }).get(stem)!;
      claimant.slugs.add(slug);
      claimant.ports ||= isPortFact(fact);
    }
    for (const [claim, stems] of claims) {
      if (stems.size < 2) continue;
      const [from, ...rest] = claim.split(' ');
      const folder = rest.join(' ');
      const withPorts = [...stems.values()].filter(({ ports }) => ports);
      const called = [...stems.values()].find(
        ({ slugs }) => slugs.has(slugOf(posix.basename(folder))) || slugs.has('web'),
      );
      const owner = withPorts.length === 1 ? withPorts[0] : called;
      for (const claimant of stems.values())
        if (claimant !== owner) for (const slug of claimant.slugs) this.#shared.add(`${from} ${slug} ${folder}`);
    }
  }

  /**
   * A label that several workloads have is that of all of them together, unless one is called so; a package's name that
   * several folders have is none of a single service.
   */
  #claimNames(facts: readonly Fact[]): void {
    const bearers = new Map<string, Set<string>>();
    for (const { names } of facts) {
      const [first, ...others] = names;
      for (const { name, from } of others) {
        const label = from === 'kubernetes' && first!.from === 'kubernetes';
        if (!label && !(from === 'package' && first!.from === 'directory')) continue;
        addTo(bearers, name, `${first!.from} ${slugOf(first!.name)}`);
      }
    }
    for (const [name, those] of bearers) {
      if (those.size > 1) for (const bearer of those) this.#shared.add(`${bearer} ${name}`);
    }
  }
}
