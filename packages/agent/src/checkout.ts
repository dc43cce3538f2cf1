import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { nameFrom, type OwnProject, projectAt, serviceNameAt } from '@portolan/client/working-copy';
import { isUnknownProject } from '@portolan/model';

/** What is known of a process that says where it runs. */
export interface Whereabouts {
  readonly cwd: string | null;
  /** The file that an interpreter runs, as it was written. */
  readonly script: string | null;
  /** PORTOLAN_PROJECT in its environment. */
  readonly project: string | null;
  /** Home directory of its user. */
  readonly home: string | null;
}

/** The project that a process runs in, as `portolan run` in the same directory would call it. */
export interface Checkout {
  readonly project: string;
  /** Nobody said so: it is the name that the repository's directory has. */
  readonly guess: boolean;
  /** What says so, for a person. */
  readonly told: string;
  /** The folder of the tree that the process is about; `null` when it runs in none. */
  readonly folder: string | null;
  /** What the folder's package, or the folder itself, is called. */
  readonly service: string | null;
}

/** Directories that are laid out alike in every project. */
export const LAYOUT =
  /^(?:src|dist|build|out|lib|bin|app|server|public|current|release|debug|target|\.next|\.output|tmp|home|root|srv|opt|usr|var)$/i;

/** Files of libraries, which say nothing of whom they work for. */
export const LIBRARY = /(?:^|\/)(?:node_modules|site-packages|dist-packages|\.venv|gems)\/|^\/usr\//;

/** Trees of no project: people keep their settings in git, too, as `/etc` or their homes. */
const NO_PROJECT = new Set(
  '/ /dev/shm /etc /home /media /mnt /opt /root /run /srv /tmp /usr /usr/local /var /var/lib /var/tmp /var/www'.split(
    ' ',
  ),
);
const HOME = /^\/(?:home|Users|export\/home|usr\/home|var\/home)\/[^/]+$/;

/** A look into a directory holds for so long, ms: many processes may be started in one. */
const REMEMBERED_FOR = 30_000;
const REMEMBERED_MAX = 1_000;

/**
 * Looks for the checkout that the working directory of a process lies in. The directory may be anybody's: see
 * `readSmallFile` for how it is read.
 */
export function checkoutOf({ cwd, script, project, home }: Whereabouts): Checkout | null {
  const found = cwd === null || isGone(cwd) ? null : projects.of(cwd, () => treeProject(cwd));
  const own = found?.tree && (found.tree.root === home ? null : found);
  const said = project === null ? undefined : nameFrom(project);
  const name = said ?? (own ? nameFrom(own.project) : undefined);
  if (name === undefined || isUnknownProject(name)) return null;
  if (!own?.tree || cwd === null)
    return { project: name, guess: false, told: 'PORTOLAN_PROJECT', folder: null, service: null };
  const { root, linked, repository } = own.tree;
  const folder = folderOf(cwd, script, root);
  const tree = linked ? `git worktree ${root} of ${repository}` : `git repository ${root}`;
  const told = { environment: 'PORTOLAN_PROJECT', manifest: `${root}/portolan.yaml`, repository: tree };
  const by = said === undefined ? own.by : 'environment';
  return {
    project: name,
    guess: by === 'repository',
    told: linked && by !== 'repository' ? `${told[by]}, ${tree}` : told[by],
    folder,
    service: names.of(folder, () => nameFrom(serviceNameAt(folder, own.tree)) ?? null),
  };
}

/** The directory of the script, where that is within the tree, but for such as `src`: there the working directory counts. */
function folderOf(cwd: string, script: string | null, root: string): string {
  if (!script?.includes('/') || LIBRARY.test(resolve(cwd, script))) return cwd;
  let at = dirname(resolve(cwd, script));
  if (at !== root && !at.startsWith(`${root}/`)) return cwd;
  while (at !== cwd && at !== root && LAYOUT.test(basename(at))) at = dirname(at);
  return at;
}

function treeProject(cwd: string): OwnProject | null {
  const found = projectAt(cwd, {});
  const root = found?.tree?.root;
  return found === undefined || root === undefined || NO_PROJECT.has(root) || HOME.test(root) ? null : found;
}

function isGone(cwd: string): boolean {
  return cwd.endsWith(' (deleted)');
}

/** Where a server that is gone would keep whoever looks waiting. */
const REMOTE =
  /^(?:nfs\d?|cifs|smb\d?|smbfs|ncpfs|afs|ceph|glusterfs|lustre|fuse\.(?:sshfs|glusterfs|ceph|s3fs|rclone)|autofs)$/;

function isRemote(directory: string): boolean {
  let text: string;
  try {
    text = readFileSync('/proc/self/mountinfo', 'utf8');
  } catch {
    return false;
  }
  let closest = { at: '', type: '' };
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const at = (before.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, code) => String.fromCharCode(parseInt(code, 8)));
    const holds = at !== '' && (at === '/' || directory === at || directory.startsWith(`${at}/`));
    // Of several mounts on one directory the last one is seen.
    if (holds && at.length >= closest.at.length) closest = { at, type: after.split(' ')[0] ?? '' };
  }
  return REMOTE.test(closest.type);
}

/**
 * Whether the working directory of a process is the directory that its path means to this agent: it is not in a container,
 * nor in a mount of its own.
 */
export function sharesFiles(pid: number, cwd: string): boolean {
  if (isRemote(cwd)) return false;
  try {
    const [its, here] = [statSync(`/proc/${pid}/cwd`), statSync(cwd)];
    return its.dev === here.dev && its.ino === here.ino;
  } catch {
    return false;
  }
}

class Remembered<T> {
  readonly #known = new Map<string, { readonly value: T; readonly until: number }>();

  of(path: string, look: () => T): T {
    const now = performance.now();
    const known = this.#known.get(path);
    if (known && known.until > now) return known.value;
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear();
    const value = look();
    this.#known.set(path, { value, until: now + REMEMBERED_FOR });
    return value;
  }
}

const projects = new Remembered<OwnProject | null>();
const names = new Remembered<string | null>();
