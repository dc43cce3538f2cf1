import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { PortolanError } from '@portolan/model';
import ignore, { type Ignore } from 'ignore';
import type { Note } from './importer.ts';

export interface WalkedFile {
  /** Relative to the root, parted by `/`. */
  path: string;
  size: number;
  /** Named by the caller itself, so it is read whatever its name is. */
  named: boolean;
}

export interface Walk {
  /** Absolute. */
  root: string;
  files: WalkedFile[];
  notes: Note[];
}

/** Folders of others' code and of what tools make; passed over whether or not a .gitignore names them. */
const PASSED = new Set(
  (
    '.git .hg .svn node_modules bower_components vendor third_party dist build out target coverage .next .nuxt .output ' +
    '.svelte-kit .turbo .cache .parcel-cache .venv venv __pycache__ .tox .mypy_cache .pytest_cache .gradle .terraform ' +
    '.idea .vs Pods DerivedData obj .yarn .pnpm-store site-packages'
  ).split(' '),
);

/** More files than any tree that people wrote by hand has. */
const FILES_MAX = 500_000;

/**
 * The files below the given paths, in the order of their names, without what .gitignore files leave out. Symbolic links
 * are not followed: what they lead to is in the tree itself or not ours. The root is the deepest folder above all paths.
 *
 * @param extra further patterns to leave out, as in a .gitignore at the root
 * @throws PortolanError `not-found` for a path that is not there, `too-large` for a tree that nobody wrote
 */
export function walk(
  paths: readonly string[],
  extra: readonly string[] = [],
  progress: (files: number) => void = () => {},
): Walk {
  const starts = paths.map(resolved);
  const root = starts.map(({ path, folder }) => (folder ? path : dirname(path))).reduce(sharedFolder);
  const found = new Map<string, WalkedFile>();
  const notes: Note[] = [];
  for (const { path, folder } of starts) {
    if (!folder) {
      const name = inTree(root, path);
      found.set(name, { path: name, size: statSync(path).size, named: true });
      continue;
    }
    const rules = rulesAbove(path);
    rules.push({ base: root, matcher: ignore().add(extra.filter(isQuick)) });
    descend(root, path, rules, found, notes, progress);
  }
  return { root, files: [...found.values()], notes };
}

function resolved(path: string): { path: string; folder: boolean } {
  try {
    const real = realpathSync(path);
    return { path: real, folder: statSync(real).isDirectory() };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const why = missing ? 'there is no such file or folder' : (error as Error).message;
    throw new PortolanError('not-found', `${path} cannot be read: ${why}`, { path });
  }
}

/** The deepest folder above both. */
export function sharedFolder(a: string, b: string): string {
  let shared = a;
  while (shared !== b && !b.startsWith(shared.endsWith(sep) ? shared : shared + sep)) shared = dirname(shared);
  return shared;
}

function inTree(root: string, path: string): string {
  return relative(root, path).split(sep).join('/');
}

/** The patterns of one .gitignore, which hold below its folder. */
interface Rules {
  base: string;
  matcher: Ignore;
}

/** Those of the folders above, up to the top of the git repository, and its `info/exclude`. */
function rulesAbove(folder: string): Rules[] {
  const above: Rules[] = [];
  for (let at = folder; ; at = dirname(at)) {
    if (at !== folder) above.unshift(...rulesOf(at, '.gitignore'));
    if (isThere(join(at, '.git'))) return [...rulesOf(at, '.git/info/exclude'), ...above];
    if (dirname(at) === at) return [];
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function rulesOf(base: string, file: string): Rules[] {
  try {
    if (lstatSync(join(base, file)).size > 1_000_000) return [];
    const patterns = readFileSync(join(base, file), 'utf8').split(/\r?\n/).filter(isQuick);
    return [{ base, matcher: ignore().add(patterns) }];
  } catch {
    // Most folders have none.
    return [];
  }
}

/** Patterns become regular expressions, which take for ever over many stars in one name: nobody means such a pattern. */
function isQuick(pattern: string): boolean {
  return pattern.length <= 1000 && pattern.split('/').every((part) => (part.match(/\*+/g)?.length ?? 0) <= 4);
}

function descend(
  root: string,
  start: string,
  above: Rules[],
  found: Map<string, WalkedFile>,
  notes: Note[],
  progress: (files: number) => void,
): void {
  const waiting: { folder: string; rules: Rules[] }[] = [{ folder: start, rules: above }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { folder, rules: outer } = next;
    let entries: import('node:fs').Dirent[];
    try {
      entries = readdirSync(folder, { withFileTypes: true });
    } catch (error) {
      notes.push({ place: { file: inTree(root, folder) }, text: `could not be read: ${(error as Error).message}` });
      continue;
    }
    // A Python environment, whatever it is called.
    if (entries.some(({ name }) => name === 'pyvenv.cfg')) continue;
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    const own = entries.some(({ name }) => name === '.gitignore') ? rulesOf(folder, '.gitignore') : [];
    const rules = own.length > 0 ? [...outer, ...own] : outer;
    const below: typeof waiting = [];
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (!PASSED.has(entry.name) && !ignored(rules, `${path}${sep}`)) below.push({ folder: path, rules });
      } else if (entry.isFile() && !ignored(rules, path)) {
        const size = lstatSync(path, { throwIfNoEntry: false })?.size;
        if (size === undefined) continue;
        const name = inTree(root, path);
        if (!found.has(name)) found.set(name, { path: name, size, named: false });
      }
    }
    waiting.push(...below.reverse());
    progress(found.size);
    if (found.size > FILES_MAX) {
      throw new PortolanError(
        'too-large',
        `There are more than ${FILES_MAX} files below ${start}: name the folders to import, or leave others out with a .gitignore`,
      );
    }
  }
}

/** The innermost .gitignore that has an opinion decides, as in git. */
function ignored(rules: readonly Rules[], path: string): boolean {
  for (let index = rules.length - 1; index >= 0; index--) {
    const { base, matcher } = rules[index]!;
    const name = relative(base, path).split(sep).join('/') + (path.endsWith(sep) ? '/' : '');
    if (name.startsWith('../') || name === '/') continue;
    const verdict = matcher.test(name);
    if (verdict.ignored) return true;
    if (verdict.unignored) return false;
  }
  return false;
}
