import { type Fact, formatPlace, isPortFact } from '../fact.ts';
import type { Identities } from './identity.ts';
import { slugOf } from './service-name.ts';

/**
 * Documents call services by names of their own: "Auth API", "Frontend". Such a name, which no other file has, is taken
 * for the service that has its port, when one word of both is the same and the document has not both as two services. When
 * no word is, it is not known who is meant; what is said of it is unsure then.
 *
 * @param files what files other than documents tell
 * @param project whose name in front of services' names tells nothing
 */
export function settleDocumentNames(facts: readonly Fact[], files: Identities, project: string): Fact[] {
  const namesakes = new Set<string>();
  for (const fact of facts) {
    const known = isOfDocument(fact) ? files.byName(fact)?.name : undefined;
    if (known !== undefined) namesakes.add(`${fact.place.file} ${known}`);
  }
  const strange = facts.filter(
    (fact) => isOfDocument(fact) && fact.kind === 'states' && !fact.planned && !files.byName(fact),
  );
  const settled = new Map<string, Verdict>();
  for (const fact of strange) {
    const key = keyOf(fact);
    const [owner, ...rivals] = isPortFact(fact) ? files.byPort(fact.port) : [];
    const before = settled.get(key);
    if (owner && rivals.length > 0) {
      settled.set(key, { rivals: [owner, ...rivals].map(({ name }) => name), port: isPortFact(fact) ? fact.port : 0 });
      continue;
    }
    // Of a service that the document has under its own name, only a part of that name is another one.
    const same =
      owner !== undefined &&
      (fact.sure === 'likely' ||
        !namesakes.has(`${fact.place.file} ${owner.name}`) ||
        isPart(fact.names[0]!.name, owner.name));
    const agreed =
      before === undefined || (typeof before === 'object' && 'owner' in before && before.owner === owner?.name);
    if (!same || !agreed) settled.set(key, 'other');
    else settled.set(key, { owner: owner.name, qualified: owner.qualified, port: isPortFact(fact) ? fact.port : 0 });
  }
  return facts.map((fact) => {
    const verdict = isOfDocument(fact) ? settled.get(keyOf(fact)) : undefined;
    if (verdict === undefined || fact.sure === 'unsure') return fact;
    if (verdict === 'other')
      return (
        otherwiseMeant(fact, files) ?? (fact.sure === 'certain' || isProper(fact.names[0]!.name) ? fact : doubted(fact))
      );
    const { port } = verdict;
    const name = fact.names[0]!.name;
    if ('rivals' in verdict) {
      const why = `no other file knows "${name}", and ${port} is the port of ${verdict.rivals.slice(0, 3).join(' and ')}: it may be another name for one of them`;
      return { ...fact, sure: 'unsure', why };
    }
    const { owner } = verdict;
    // A name that has its folder in front of it only tells whom the document means: as a name it is not written anywhere.
    if (sharesWord(name, owner, project))
      return verdict.qualified
        ? { ...fact, names: [{ name: owner, from: 'heading' }] }
        : { ...fact, names: [...fact.names, { name: owner, from: 'document' }] };
    if (fact.kind === 'states' && fact.sure === 'likely') {
      const { kind: _kind, planned: _planned, updated: _updated, health, ...rest } = fact;
      return {
        ...rest,
        names: [],
        kind: 'refers',
        host: 'localhost',
        scope: 'host',
        example: true,
        ...(health ? { health: true } : {}),
      };
    }
    const why = `no other file knows "${name}", and ${port} is the port of ${owner}: it may be another name for that`;
    return { ...fact, sure: 'unsure', why };
  });
}

/** Whom a name of a document means: one that has its port, one of several that do, or somebody whom no other file knows. */
type Verdict = { owner: string; qualified: boolean; port: number } | { rivals: string[]; port: number } | 'other';

/** A fact with a name that no other file has, where that may well mean a service that one has. */
function otherwiseMeant(fact: Fact, files: Identities): Fact | undefined {
  if (!isPortFact(fact) || fact.sure === 'certain') return undefined;
  const { name } = fact.names[0]!;
  const [only, ...others] = files.services().filter((service) => service.main.size > 0 && isBut(name, service.name));
  if (!only || others.length > 0 || fact.kind !== 'states' || fact.planned) return undefined;
  const why = `"${name}" may be ${only.name}, which has ${[...only.main].join(' and ')}: if it is, ${fact.port} is wrong`;
  return { ...fact, names: [...fact.names, { name: only.name, from: 'document' }], sure: 'unsure', why };
}

function isOfDocument(fact: Fact): boolean {
  return fact.importer === 'markdown' && fact.names.length > 0 && fact.names.every(({ from }) => from === 'document');
}

function keyOf({ place, names }: Fact): string {
  return `${place.file} ${slugOf(names[0]!.name)}`;
}

/** A name that is written as one: `mana-auth`, `Grafana`. What stands in a sentence otherwise may be any words. */
function isProper(name: string): boolean {
  return (/^[A-Z]/.test(name) && !/\s[a-z]+\s/.test(name)) || (/[-_\d]/.test(name) && !/\s/.test(name));
}

function doubted(fact: Fact): Fact {
  return { ...fact, sure: 'unsure', why: `"${fact.names[0]!.name}" in ${formatPlace(fact.place)} may be no name` };
}

/** Words of names that tell nothing. */
const PLAIN = new Set(
  'service services server app api web ui frontend backend the dev local main http test site client db'.split(' '),
);

/** Words that name a page of a service rather than another service. */
const PAGES = new Set('dashboard dashboards console page pages interface'.split(' '));

/** Whether two names are the same but for plain words. */
function isBut(name: string, service: string): boolean {
  const telling = (each: string) =>
    slugOf(each)
      .split('-')
      .filter((word) => !PLAIN.has(word) && !PAGES.has(word))
      .sort()
      .join(' ');
  return telling(name) !== '' && telling(name) === telling(service);
}

function isPart(name: string, of: string): boolean {
  const whole = new Set(slugOf(of).split('-'));
  return slugOf(name)
    .split('-')
    .every((word) => whole.has(word));
}

function sharesWord(a: string, b: string, project: string): boolean {
  const telling = (name: string) =>
    slugOf(name)
      .split('-')
      .filter((word) => word.length > 1 && !PLAIN.has(word) && word !== slugOf(project));
  const words = new Set(telling(a));
  return telling(b).some((word) => words.has(word));
}
