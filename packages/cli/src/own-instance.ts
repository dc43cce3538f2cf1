import { realpathSync } from 'node:fs';
import { claimInstance, instanceOf, projectAt } from '@portolan/client/working-copy';

/**
 * The instance that is meant in this directory where none is named: its own in a linked worktree of the project's repository,
 * which is given one when it has none yet, and wherever `portolan run` gave the tree one; else the first.
 */
export async function ownInstance(project: string, directory = process.cwd()): Promise<number> {
  const { tree, project: own } = projectAt(realpathSync(directory), process.env) ?? {};
  const known = tree && (await instanceOf(project, tree.root));
  if (known !== undefined) return known;
  return tree?.linked && own === project ? claimInstance(project, tree.root) : 1;
}
