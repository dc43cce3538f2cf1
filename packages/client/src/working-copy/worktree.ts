import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

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
  for (let at = resolve(directory); ; at = dirname(at)) {
    const mark = join(at, '.git');
    if (existsSync(mark)) {
      const root = realpathSync(at);
      const repository = linkedTo(mark, root);
      return { root, repository: repository ?? basename(root), linked: repository !== undefined };
    }
    if (dirname(at) === at) return undefined;
  }
}

/**
 * In a linked worktree `.git` is a file that names a directory with a file `commondir`; in a submodule it is a file, too,
 * but without that.
 *
 * @see gitrepository-layout(5)
 */
function linkedTo(mark: string, root: string): string | undefined {
  if (!statSync(mark).isFile()) return undefined;
  const [, own] = /^gitdir: (.+)$/m.exec(readFileSync(mark, 'utf8')) ?? [];
  if (!own) return undefined;
  const directory = resolve(root, own);
  const pointer = join(directory, 'commondir');
  if (!existsSync(pointer)) return undefined;
  const common = resolve(directory, readFileSync(pointer, 'utf8').trim());
  return basename(common) === '.git' ? basename(dirname(common)) : basename(common).replace(/\.git$/, '');
}
