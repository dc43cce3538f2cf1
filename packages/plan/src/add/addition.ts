import { posix } from 'node:path';
import { Name, PortolanError } from '@portolan/model';
import { chartOf, type Subject } from '../check/chart.ts';
import type { FileChange } from '../edit/change.ts';
import type { Edit } from '../edit/splice.ts';
import { splice } from '../edit/splice.ts';
import type { Place } from '../fact.ts';
import { choosePort } from './choice.ts';
import {
  blockAfter,
  elementAfter,
  type Insertion,
  itemAfter,
  lineAfter,
  rowAmong,
  type Substitution,
  substituted,
} from './copy.ts';
import { manifestWith } from './manifest-entry.ts';
import { type Pattern, patternFor } from './pattern.ts';

/** A service to be added to a plan. */
export interface NewService {
  readonly name: string;
  readonly port?: number | undefined;
  /** Name of a range. */
  readonly range?: string | undefined;
  /** A service after whose manner it is written down. */
  readonly like?: string | undefined;
  readonly description?: string | undefined;
  readonly runtime?: string | undefined;
  readonly status?: 'required' | 'optional' | undefined;
  readonly needs: readonly string[];
  readonly internalOnly?: boolean | undefined;
}

export interface Addition {
  readonly port: number;
  readonly range: string | null;
  readonly why: string;
  /** The service after whose manner it is written. */
  readonly like: string | null;
  readonly changes: readonly FileChange[];
  /** Files where the other one stands, and which are left to the reader. */
  readonly lookAt: readonly string[];
}

/** What of a compose service is its own, and not to be copied. */
const OWN_KEYS = [
  'depends_on',
  'volumes',
  'secrets',
  'configs',
  'env_file',
  'container_name',
  'command',
  'entrypoint',
  'labels',
  'links',
  'devices',
  'hostname',
  'extra_hosts',
];

/**
 * Chooses the port of a new service and writes it into the plan, and into the files that tell of services like it, in
 * their manner.
 *
 * @param manifestFile the plan to write it into, from the root on
 * @param read gives the text of a file, `null` when there is none
 * @param avoid ports that others are seen on or were promised
 * @throws PortolanError `invalid-request`, and those of `choosePort`
 */
export function addService(
  subject: Subject,
  wanted: NewService,
  manifestFile: string,
  read: (file: string) => string | null,
  avoid: ReadonlySet<number>,
): Addition {
  const chart = chartOf(subject);
  const { name } = wanted;
  const parsed = Name.safeParse(name);
  if (!parsed.success)
    throw new PortolanError('invalid-request', `"${name}" will not do: ${parsed.error.issues[0]?.message}`);
  if (name in chart.manifest.services)
    throw new PortolanError('invalid-request', `${name} is in the plan already`, { name });
  if (wanted.like !== undefined && !(wanted.like in chart.manifest.services)) {
    throw new PortolanError('invalid-request', `There is no service ${wanted.like} in the plan to be like`, {
      like: wanted.like,
    });
  }
  const { port, range, why } = choosePort(chart, wanted, avoid);
  const pattern = patternFor(chart, port, range, wanted.like);
  // What files have of it already is not to be written a second time.
  const isThere = chart.ofService(name).length > 0;
  const written = pattern && !isThere ? entriesLike(pattern, { ...wanted, port }, read) : { changes: [], lookAt: [] };
  const text = read(manifestFile);
  if (text === null)
    throw new PortolanError('not-found', `${manifestFile} is not there any more`, { file: manifestFile });
  const after = manifestWith(text, manifestFile, { ...wanted, port, range }, pattern?.endpoint);
  return {
    port,
    range,
    why,
    like: pattern?.endpoint.service ?? null,
    changes: [{ file: manifestFile, before: text, after }, ...written.changes],
    lookAt: written.lookAt,
  };
}

function entriesLike(
  pattern: Pattern,
  { name, port, description, runtime }: NewService & { port: number },
  read: (file: string) => string | null,
): { changes: FileChange[]; lookAt: string[] } {
  const { endpoint, shared, own, named } = pattern;
  const from: Substitution = {
    name: endpoint.service,
    port: endpoint.port!,
    description: endpoint.of.description,
    runtime: endpoint.of.runtime,
  };
  const to: Substitution = { name, port, description, runtime };
  const changes: FileChange[] = [];
  const lookAt = new Set<string>();
  for (const [file, places] of Map.groupBy(shared, ({ place }) => place.file)) {
    const text = read(file);
    if (text === null) continue;
    const insertions = new Map<number, Insertion>();
    for (const each of places) {
      const keys = named.filter((key) => key.file === file);
      const insertion = insertionFor(text, each, keys, from, to);
      if (insertion) insertions.set(insertion.offset, insertion);
      if (!insertion || /^\s*image:/m.test(insertion.text)) lookAt.add(file);
    }
    const edits: Edit[] = Array.from(insertions.values(), ({ offset, text: replacement }) => ({
      file,
      offset,
      expected: '',
      replacement,
    }));
    if (edits.length > 0) changes.push({ file, before: text, after: splice(text, edits) });
  }
  const environment = ownEnvironment(endpoint.of.directory, own, from, to, read);
  if (environment) changes.push(environment);
  return { changes, lookAt: [...lookAt] };
}

function insertionFor(
  text: string,
  { place, importer }: { place: Place; importer: string },
  keys: readonly Place[],
  from: Substitution,
  to: Substitution,
): Insertion | undefined {
  switch (importer) {
    case 'markdown':
      return rowAmong(text, place.offset, from, to);
    case 'compose': {
      const key = keys.filter(({ offset }) => offset <= place.offset).at(-1);
      return key && blockAfter(text, key.offset, from, to, OWN_KEYS);
    }
    case 'prometheus':
      return itemAfter(text, place.offset, from, to);
    case 'pm2':
      return elementAfter(text, place.offset, from, to);
    case 'env':
    case 'procfile':
      return lineAfter(text, place.offset, from, to);
    default:
      return undefined;
  }
}

/** The example of its environment, with the lines of its port alone, when services like it have one each. */
function ownEnvironment(
  directory: string | undefined,
  own: Pattern['own'],
  from: Substitution,
  to: Substitution,
  read: (file: string) => string | null,
): FileChange | undefined {
  const example = own.find(
    ({ importer, place }) => importer === 'env' && /example|sample|template/.test(posix.basename(place.file)),
  );
  if (!example || directory === undefined || posix.basename(directory) !== from.name) return undefined;
  const file = example.place.file.replace(directory, posix.join(posix.dirname(directory), to.name));
  const text = read(example.place.file);
  if (file === example.place.file || text === null || read(file) !== null) return undefined;
  const lines = text
    .split(/\r?\n/)
    .filter((line) => new RegExp(`^\\s*(?:export\\s+)?\\w*PORT\\w*\\s*=\\s*["']?${from.port}\\b`).test(line));
  return { file, before: null, after: `${lines.map((line) => substituted(line, from, to)).join('\n')}\n` };
}
