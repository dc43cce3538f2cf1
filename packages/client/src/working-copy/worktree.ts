import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { readSmallFile } from './small-file.ts';

/** The checked-out tree of a git repository that a directory lies in. */
export interface Worktree {
  /** Its top directory, without symbolic links. */
  root: string;
  /** The name of the repository: of the directory of its main worktree, also seen from a linked one. */
  repository: string;
  /** Whether `git worktree add` made it. */
  linked: boolean;
}

/** @returns `undefined` outside of a git repository */
export function worktreeAt(directory: string): Worktree | undefined {
  return treeAround(real(directory));
}

/**
 * The same for a directory that has no symbolic links in its path, and follows none. Nothing outside of the directory and
 * those above it is looked at: whose they are need not be trusted.
 */
export function treeAround(directory: string): Worktree | undefined {
  for (let at = directory; ; at = dirname(at)) {
    const mark = join(at, '.git');
    const kind = kindOf(mark);
    if (kind) {
      const repository = kind === 'file' ? linkedTo(mark, at) : undefined;
      return { root: at, repository: repository ?? basename(at), linked: repository !== undefined };
    }
    if (dirname(at) === at) return undefined;
  }
}

function kindOf(path: string): 'file' | 'other' | undefined {
  try {
    const found = lstatSync(path);
    if (found.isFile()) return 'file';
    return found.isDirectory() || found.isSymbolicLink() ? 'other' : undefined;
  } catch {
    return undefined;
  }
}

/**
 * In a linked worktree `.git` is a file that names the directory `worktrees/<id>` of its repository's. In a submodule it is
 * a file, too, which names one below `modules`.
 *
 * @see gitrepository-layout(5)
 */
function linkedTo(mark: string, root: string): string | undefined {
  const [, own] = /^gitdir: (.+)$/m.exec(readSmallFile(mark) ?? '') ?? [];
  if (!own) return undefined;
  const kept = dirname(resolve(root, own));
  if (basename(kept) !== 'worktrees') return undefined;
  const common = dirname(kept);
  const repository = basename(common) === '.git' ? basename(dirname(common)) : basename(common).replace(/\.git$/, '');
  return repository || undefined;
}

function real(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return resolve(directory);
  }
}
