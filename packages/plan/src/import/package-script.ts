import { posix } from 'node:path';
import type { Fact, NameHint } from '../fact.ts';
import { addressesIn } from './address-text.ts';
import { type CommandPort, commandPorts } from './command-line.ts';
import { reference } from './dotenv.ts';
import type { Importer, Note, Surroundings } from './importer.ts';
import { entryOf, jsonLiteral, textOf } from './literal-tree.ts';
import type { SourceFile } from './source-file.ts';
import { variantOf } from './variant.ts';

/** `package.json`: the ports in its scripts. */
export const packageScript: Importer = {
  name: 'package',
  matches: (path) => /(?:^|\/)package\.json$/.test(path),
  sizeMax: 1 << 20,
  read: (file, around) => {
    const notes: Note[] = [];
    return { facts: [...scripts(file, around, notes)], notes };
  },
};

function* scripts(file: SourceFile, around: Surroundings, notes: Note[]): Generator<Fact> {
  const manifest = jsonLiteral(file);
  if (manifest.type === 'unknown') notes.push({ place: file.place(manifest.offset), text: manifest.why });
  if (manifest.type !== 'object') return;
  const name = textOf(entryOf(manifest, 'name'));
  const own: NameHint[] = [
    { name: file.directory, from: 'directory' },
    ...(name ? [{ name, from: 'package' as const }] : []),
  ];
  yield { kind: 'named', place: file.place(0), importer: 'package', names: own, sure: 'certain' };
  const workspace = entryOf(manifest, 'workspaces') !== undefined;
  const list = entryOf(manifest, 'scripts');
  for (const { key, value } of list?.type === 'object' ? list.entries : []) {
    if (value.type !== 'text' || value.text.length > 20_000) continue;
    const test = isOfTest(key);
    for (const port of commandPorts(value.text)) {
      if (test && port.role === 'binds') continue;
      const named = namesIn(file, around, key, port);
      const names = named.length > 0 || workspace ? named : own;
      const about = {
        names,
        ...(/^storybook/.test(key) ? { label: 'storybook' } : {}),
        ...(port.dev ? { variant: 'dev' } : {}),
        ...variantOfScript(key),
      };
      for (const fact of fromCommand(
        file,
        { ...port, offset: value.offset + port.offset },
        'package',
        'script',
        about,
      )) {
        const unnamed = names.length === 0 && fact.kind === 'binds';
        yield unnamed
          ? {
              ...fact,
              sure: 'unsure',
              why: `which service the script "${key}" of the whole workspace starts is not known`,
            }
          : fact;
      }
    }
    for (const address of addressesIn(value.text)) yield reference(file, value.offset, address, '', own, 'package');
  }
}

/** A port of a command line as a fact. Shared by all formats that hold command lines. */
export function* fromCommand(
  file: SourceFile,
  { port, offset, length, role, label, variable, inside, why }: CommandPort,
  importer: string,
  by: 'script' | 'procfile' | 'unit',
  about: { names: NameHint[]; label?: string; variant?: string },
): Generator<Fact> {
  const sure = why ? ('likely' as const) : ('certain' as const);
  const shared = {
    place: file.place(offset, length),
    importer,
    port,
    protocol: 'tcp' as const,
    sure,
    ...(why ? { why } : {}),
  };
  if (role === 'refers') {
    yield { kind: 'refers', ...shared, names: [], by: about.names, host: 'localhost', scope: 'host' };
    return;
  }
  yield {
    kind: 'binds',
    by,
    ...shared,
    ...about,
    ...(label ? { label } : {}),
    ...(variable ? { variable } : {}),
    ...(inside === undefined ? {} : { inside }),
  };
}

/** Whom a script of a workspace's root is for: the folder that it goes to, what it filters, or the end of `dev:api`. */
function namesIn(
  file: SourceFile,
  around: Surroundings,
  key: string,
  { folder, name, paths = [] }: CommandPort,
): NameHint[] {
  const names: NameHint[] = [];
  if (name) names.push({ name, from: 'container' });
  if (folder !== undefined) {
    const path = posix.normalize(posix.join(file.directory, folder)).replace(/\/$/, '');
    // A folder of its own sources, as in `email dev --dir src/templates`, is no other service's.
    const within = path.startsWith(`${file.directory}/`) && around.home(path) === file.directory;
    if (!within && !path.startsWith('..') && !/^(\/|~)|\$/.test(folder)) names.push({ name: path, from: 'directory' });
  }
  const started = names.length === 0 ? homeOfPaths(paths, file.directory, around) : undefined;
  if (started !== undefined) names.push({ name: started, from: 'directory' });
  const suffix = /^(?:dev|start|serve|run|preview)[:-]([\w-]+)$/.exec(key)?.[1];
  if (suffix && names.length === 0 && variantOf(suffix) === undefined) names.push({ name: suffix, from: 'flag' });
  return names;
}

/**
 * The one folder with a package or an image of its own that the paths of a command lead into.
 *
 * @param base what they are relative to; a home that lies around it is none of theirs
 */
export function homeOfPaths(paths: readonly string[], base: string, around: Surroundings): string | undefined {
  const homes = new Set(
    paths.flatMap((path) => {
      const home = around.home(posix.normalize(posix.join(base, path)).replace(/\/$/, ''));
      return home === undefined || home === '.' || home === around.home(base) ? [] : [home];
    }),
  );
  const [only, ...others] = homes;
  return others.length === 0 ? only : undefined;
}

/** Tests start servers of their own for a moment. */
function isOfTest(key: string): boolean {
  return /^(?:pre|post)?(?:test|e2e|cypress|playwright|lint|bench)\b/.test(key);
}

/** Which environment a script is for, by its name: `dev:web` → dev, `docker-start` → docker. */
export function variantOfScript(key: string): { variant?: string } {
  const variant = variantOf(key.replaceAll(':', '-')) ?? (/\bdocker\b/.test(key) ? 'docker' : undefined);
  return variant ? { variant } : {};
}
