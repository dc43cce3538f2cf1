import { realpathSync, statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { McpServer, ServerContext } from '@modelcontextprotocol/server';
import { type Worktree, worktreeAt } from '@portolan/client/working-copy';
import { PortolanError } from '@portolan/model';
import { z } from 'zod';
import { clientSelf } from './client-self.ts';
import { quoted } from './plain.ts';

/** What a call says of where it works. */
export interface Place {
  /** A directory, by the call itself. */
  readonly workspace?: string | undefined;
  readonly project?: string | undefined;
  /** With one named, the working copy decides nothing but who asks. */
  readonly instance?: number | undefined;
}

export interface Chosen {
  readonly tree: Worktree | undefined;
  /** How it was chosen, where that has to be said. */
  readonly remark?: string | undefined;
}

/** Thrown where the client has to be asked for its roots before the call can go on: it then calls again with them. */
export class RootsWanted extends Error {}

const ROOTS_MAX = 100;
/** A client answers from memory. ms */
const ROOTS_TIMEOUT = 3_000;
const Roots = z.object({ roots: z.array(z.object({ uri: z.string().max(5_000) })) });

/**
 * Where the client of one connection works on this machine. A call may name its directory; else the client's roots count,
 * where it offers them; else the directory that this process was started in.
 */
export class Workplace {
  readonly #server: McpServer;
  readonly #directory: string;
  /** It offers roots and does not tell them, so it is not asked again. */
  #mute = false;

  constructor(server: McpServer, directory: string = process.cwd()) {
    this.#server = server;
    this.#directory = directory;
  }

  /** @throws PortolanError `invalid-request` when it is not clear which working copy is meant; RootsWanted */
  async treeOf(context: ServerContext, place: Place): Promise<Chosen> {
    const { workspace } = place;
    if (workspace !== undefined) {
      const named = isAbsolute(workspace) ? real(workspace) : undefined;
      if (named !== undefined) return { tree: worktreeAt(named) };
      throw new PortolanError(
        'invalid-request',
        `workspace: ${quoted(workspace)} is not the absolute path of a directory on this machine.`,
      );
    }
    const roots = (await this.#roots(context)).flatMap((root) => real(root) ?? []);
    if (roots.length > 0) return treeAmong(roots, place);
    const own = real(this.#directory);
    if (own !== undefined) return { tree: worktreeAt(own) };
    throw new PortolanError(
      'invalid-request',
      `The directory that this server was started in, ${quoted(this.#directory)}, is gone. Name your working copy: workspace.`,
    );
  }

  /** Directories; none when the client does not offer them, or offers them and does not tell. */
  async #roots(context: ServerContext): Promise<string[]> {
    const { offersRoots, modern } = clientSelf(this.#server, context);
    const { inputResponses } = context.mcpReq;
    if (!offersRoots || this.#mute) return [];
    if (inputResponses) return directoriesOf(inputResponses[ROOTS]);
    if (modern) throw new RootsWanted();
    try {
      return directoriesOf(await this.#server.server.listRoots(undefined, { timeout: ROOTS_TIMEOUT }));
    } catch {
      this.#mute = true;
      return [];
    }
  }
}

/** The name of the question for them. */
export const ROOTS = 'roots';

function directoriesOf(answer: unknown): string[] {
  const { data } = Roots.safeParse(answer);
  return (data?.roots ?? []).slice(0, ROOTS_MAX).flatMap(({ uri }) => {
    try {
      return [fileURLToPath(uri)];
    } catch {
      return [];
    }
  });
}

/** @returns `undefined` when it is no directory */
function real(directory: string): string | undefined {
  try {
    const path = realpathSync(directory);
    return statSync(path).isDirectory() ? path : undefined;
  } catch {
    return undefined;
  }
}

/** Of several working copies, the one whose repository is the project. @throws PortolanError when that does not tell */
function treeAmong(roots: readonly string[], { project, instance }: Place): Chosen {
  const trees = [...new Map(roots.flatMap((root) => keyed(worktreeAt(root)))).values()];
  if (trees.length < 2) return { tree: trees[0] };
  const meant = trees.filter(({ repository }) => repository === project);
  // With an instance named, it does not matter much which it is.
  const tree = meant.length === 1 ? meant[0] : instance === undefined ? undefined : trees[0];
  if (tree) return { tree, remark: `Of the client's roots, ${quoted(tree.root)} was taken.` };
  const named = trees.map(({ root }) => quoted(root)).join(', ');
  throw new PortolanError(
    'invalid-request',
    `The client has several working copies open: ${named}. Say which one this is for: workspace.`,
  );
}

function keyed(tree: Worktree | undefined): [string, Worktree][] {
  return tree ? [[tree.root, tree]] : [];
}
