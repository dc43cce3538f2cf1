import { posix } from 'node:path';
import { addTo } from '@portolan/model';
import { type Fact, isPortFact, type NameHint, type Refers } from '../fact.ts';
import { NameBonds } from './name-bond.ts';
import { reasonOf } from './name-hint.ts';
import { groupsOf, type ServiceGroup } from './service-group.ts';
import { compact, isGeneric, slugOf, tellingParts } from './service-name.ts';
import { scopeOf } from './variant.ts';

/** Whose each fact is, by its names. */
export class Identities {
  readonly #bonds: NameBonds;
  readonly #groups: ReadonlyMap<string, ServiceGroup>;
  readonly #bySlug = new Map<string, Set<ServiceGroup>>();
  readonly #byPort = new Map<number, Set<ServiceGroup>>();

  /** @param homes folders that have a package or an image of their own */
  constructor(facts: readonly Fact[], { project: name, homes }: { project: string; homes: readonly string[] }) {
    const project = slugOf(name);
    // A diagram's arrow may lead from somebody who is no service of the plan.
    const defining = facts.filter(
      ({ sure, names, kind }) => sure !== 'unsure' && names.length > 0 && kind !== 'depends',
    );
    this.#bonds = new NameBonds(facts, defining, { project, homes });
    this.#groups = groupsOf(defining, this.#bonds, project);
    for (const group of this.#groups.values()) {
      for (const slug of new Set([...group.aliases.keys()].map(compact))) addTo(this.#bySlug, slug, group);
      for (const port of group.main) addTo(this.#byPort, port, group);
    }
  }

  services(): ServiceGroup[] {
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

  #find(hints: readonly NameHint[], fact: Fact): { group: ServiceGroup; reason: string } | undefined {
    for (const hint of hints) {
      const group = this.#groupOf(hint, fact);
      if (group) return { group, reason: reasonOf(hint) };
    }
    return undefined;
  }

  #groupOf(hint: NameHint, fact: Fact): ServiceGroup | undefined {
    const set = this.#bonds.setOf(hint, fact);
    const known = set === undefined ? undefined : this.#groups.get(set);
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
    const stem = this.#bonds.stemOf(slug);
    const alike = [...(this.#byPort.get(fact.port) ?? [])].filter(({ aliases }) =>
      [...aliases.keys()].some((alias) => this.#bonds.stemOf(alias) === stem),
    );
    return alike.length === 1 ? alike[0] : undefined;
  }
}

/** The one that is defined in the folder of the file, or in the nearest above it. */
function nearest(candidates: readonly ServiceGroup[], folder: string): ServiceGroup | undefined {
  for (let at = folder; ; at = posix.dirname(at)) {
    const here = candidates.filter(({ scopes, directory }) => scopes.has(at) || directory === at);
    if (here.length > 0) return here.length === 1 ? here[0] : undefined;
    if (at === '.' || at === '/') return undefined;
  }
}
