import { hostname } from 'node:os';
import type { McpServer, ServerContext } from '@modelcontextprotocol/server';
import type { Worktree } from '@portolan/client/working-copy';
import { holderIn, worksIn } from '@portolan/client/working-copy';
import { clientSelf } from './client-self.ts';
import { plain } from './plain.ts';
import type { Place, Workplace } from './workplace.ts';

const NAME_MAX = 64;

/** Who calls a tool. */
export interface Caller {
  /** The program, and the machine if it is this one: `claude-code@vm`. */
  readonly name: string;
  /** The same with the working copy that it works in: `claude-code@vm:/srv/shop`. */
  readonly holder: string;
  /** `undefined` outside of a git repository, and over HTTP. */
  readonly tree: Worktree | undefined;
  /** How the working copy was chosen, where that has to be said. */
  readonly remark: string | undefined;
}

/** @param workplace where it works; over HTTP nobody knows */
export async function callerOf(
  server: McpServer,
  context: ServerContext,
  workplace: Workplace | undefined,
  place: Place,
): Promise<Caller> {
  const program = programOf(server, context);
  if (!workplace) return { name: program, holder: program, tree: undefined, remark: undefined };
  const { tree, remark } = await workplace.treeOf(context, place);
  const name = `${program}@${hostname()}`;
  return { name, holder: tree ? holderIn(name, tree.root) : name, tree, remark };
}

/** Whether it is the caller who holds something, or another program in the caller's working copy. */
export function isOwn({ holder, tree }: Caller, held: string | undefined): boolean {
  return held === holder || (tree !== undefined && worksIn(held, tree.root));
}

/** Without what has a meaning in a holder. */
function programOf(server: McpServer, context: ServerContext): string {
  const told = clientSelf(server, context).name ?? '';
  const cleaned = plain(told.slice(0, 10 * NAME_MAX)).replace(/[\s@:]+/g, '-');
  return cleaned.replace(/^-+/, '').slice(0, NAME_MAX).replace(/-+$/, '') || 'mcp';
}
