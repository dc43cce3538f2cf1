import { basename, dirname, join } from 'node:path';
import { Name } from '@portolan/model';
import { readSmallFile } from './small-file.ts';
import { treeAround, type Worktree } from './worktree.ts';

/** Which project a directory is of, and how that is known. */
export interface OwnProject {
  readonly project: string;
  /** `repository`: nobody said so, it is the name of the repository's directory. */
  readonly by: 'environment' | 'manifest' | 'repository';
  readonly tree: Worktree | undefined;
}

/** What a team calls its plan, at the top of its tree. */
const MANIFEST = 'portolan.yaml';

/**
 * The project of a directory: PORTOLAN_PROJECT, else the one that the manifest at the top of its tree names, else the
 * repository.
 *
 * @param directory without symbolic links, as `process.cwd()` gives it
 * @returns `undefined` outside of a repository, where PORTOLAN_PROJECT is not set
 */
export function projectAt(directory: string, environment: { PORTOLAN_PROJECT?: string }): OwnProject | undefined {
  const tree = treeAround(directory);
  if (environment.PORTOLAN_PROJECT) return { project: environment.PORTOLAN_PROJECT, by: 'environment', tree };
  if (!tree) return undefined;
  const planned = plannedProject(tree.root);
  if (planned) return { project: planned, by: 'manifest', tree };
  return { project: tree.repository, by: 'repository', tree };
}

/**
 * The name of the service that a directory is about: that in the nearest package.json of its tree, else that of the
 * directory, at the top of a tree that of the repository.
 */
export function serviceNameAt(directory: string, tree: Worktree | undefined): string {
  return packageName(directory, tree) ?? (tree?.root === directory ? tree.repository : basename(directory));
}

/** Brings what a package or a directory is called into the form of a `Name`: `@shop/web app` → `web-app`. */
export function nameFrom(text: string): string | undefined {
  const name = text
    .replace(/^@[^/]*\//, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/g, '')
    .slice(0, 63);
  return Name.safeParse(name).data;
}

/** By its line alone: a parser of YAML is no part of the SDK, and the text may be anybody's. */
function plannedProject(root: string): string | undefined {
  const line = /^project:[ \t]+(["']?)([A-Za-z0-9._-]{1,63})\1[ \t]*(?:#.*)?$/m;
  return Name.safeParse(line.exec(readSmallFile(join(root, MANIFEST)) ?? '')?.[2]).data;
}

/** Not from beyond the tree: what lies there is somebody else's. */
function packageName(directory: string, tree: Worktree | undefined): string | undefined {
  for (let at = directory; ; at = dirname(at)) {
    const name = nameIn(readSmallFile(join(at, 'package.json')));
    if (name) return name;
    if (at === (tree?.root ?? directory) || dirname(at) === at) return undefined;
  }
}

function nameIn(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    const { name } = JSON.parse(text) as { name?: unknown };
    return typeof name === 'string' ? name : undefined;
  } catch {
    return undefined;
  }
}
