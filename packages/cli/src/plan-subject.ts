import { existsSync, realpathSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { allItems } from '@portolan/client';
import { type Listener, likeness, PortolanError, parseServiceId, serviceId } from '@portolan/model';
import type { Live, Manifest, Subject, Survey } from '@portolan/plan';
import type { Command } from 'commander';
import { recover } from './plan-write.ts';
import { clientOf, collect, type RemoteOptions } from './remote.ts';
import { redraw } from './terminal.ts';

export interface PlanOptions extends RemoteOptions {
  file?: string[];
  live?: boolean;
}

export const MANIFEST = 'portolan.yaml';
/** How often a person at a terminal is told how far the reading is, ms. */
const PROGRESS_EVERY = 200;

/** Gives a command the arguments and options of all that read a plan and its files. */
export function planned(command: Command): Command {
  return command
    .argument('[paths...]', 'files and folders to read (default: this folder)')
    .option(
      '-f, --file <manifest>',
      `the plan; may stand several times (default: ${MANIFEST} of the folders, else drafted from the files)`,
      collect,
    )
    .option('--live', 'ask a coordinator what is promised and seen, too')
    .option(
      '--url <url>',
      'coordinator (default: PORTOLAN_URL, else that of your "portolan up", else http://127.0.0.1:7678)',
    )
    .option('--token <token>', 'token; better in PORTOLAN_TOKEN, where other users cannot see it');
}

export interface Loaded {
  readonly survey: Survey;
  readonly subject: Subject;
  /** Of the manifests, from the root of the survey on; none when it was drafted. */
  readonly manifests: readonly string[];
  /** What the caller named to be read. */
  readonly named: readonly string[];
}

/**
 * Reads the files and the plan, and the fleet when that is wanted. What an interrupted write left half-done is ended first.
 *
 * @throws PortolanError `not-found`, `invalid-request` for a manifest that is none, `unreachable`
 */
export async function subjectOf(paths: readonly string[], { file, live, ...remote }: PlanOptions): Promise<Loaded> {
  const { parseManifest, subjectFrom, survey } = await import('@portolan/plan');
  recover();
  const read = paths.length > 0 ? paths : ['.'];
  const manifests = file ?? manifestsOf(read);
  const texts = await Promise.all(manifests.map(async (path) => ({ path, text: await textOf(path) })));
  // Read once to know the project and what it leaves out, and again when the root is known that places are told from.
  const parsed = texts.map(({ path, text }) => ({ path, manifest: parseManifest(text, path).manifest }));
  const first = parsed[0]?.manifest;
  const beside = parsed.filter((each) => isBeside(each, read)).map(({ path }) => path);
  const progress = progressLine();
  const surveyed = survey(read, {
    manifests: manifests.filter((path) => !beside.includes(path)),
    beside,
    ...(first && { project: first.project, ignore: first.ignore }),
    progress: progress.tell,
  });
  progress.end();
  const written = texts.map(({ path, text }) => {
    const inside = inTree(surveyed.root, path);
    return { ...parseManifest(text, inside), path: inside };
  });
  const fleet = live ? await fleetOf(remote) : undefined;
  return {
    survey: surveyed,
    subject: subjectFrom(surveyed, written, fleet),
    manifests: written.map(({ path }) => path),
    named: [...read, ...(file ?? [])],
  };
}

/** Whether a manifest lies elsewhere than the files that are read, and all the same speaks of nothing but them. */
function isBeside({ path, manifest }: { path: string; manifest: Manifest }, read: readonly string[]): boolean {
  const folders = read.map((each) => resolve(each));
  const isRead = (each: string) => folders.some((folder) => each === folder || each.startsWith(folder + sep));
  const places = Object.values(manifest.services).flatMap(({ directory, files }) => [directory ?? [], files].flat());
  const folder = dirname(resolve(path));
  return !isRead(folder) && places.length > 0 && places.every((place) => isRead(resolve(folder, place)));
}

/** A path as the survey tells it: from its root on, parted by `/`. */
export function inTree(root: string, path: string): string {
  const absolute = resolve(path);
  const real = existsSync(dirname(absolute)) ? join(realpathSync(dirname(absolute)), basename(absolute)) : absolute;
  return relative(root, real).split(sep).join('/');
}

/** Ports that others have by the fleet's word: nobody is moved onto them. */
export function portsInUse({ live, manifest }: Subject): Set<number> {
  const names = new Set(Object.entries(manifest.services).flatMap(([name, { aliases }]) => [name, ...aliases]));
  const isOwn = (identity: NonNullable<Listener['identity']>) => {
    const { project, service } = parseServiceId(identity.service);
    const { project: own } = manifest;
    return (
      project === own || (names.has(service) && likeness(identity, serviceId({ project: own, service })) !== 'other')
    );
  };
  const ports = new Set<number>();
  for (const { endpoint, port } of live?.assignments ?? []) if (endpoint.project !== manifest.project) ports.add(port);
  for (const { identity, port } of live?.listeners ?? []) if (!identity || !isOwn(identity)) ports.add(port);
  return ports;
}

function manifestsOf(paths: readonly string[]): string[] {
  const folders = paths.map((path) =>
    statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : dirname(path),
  );
  return [...new Set(folders.map((folder) => join(folder, MANIFEST)))].filter((path) => existsSync(path));
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const why = missing ? `there is no such file; "portolan import -o ${path}" drafts one` : (error as Error).message;
    throw new PortolanError('not-found', `The plan ${path} cannot be read: ${why}`, { path });
  }
}

async function fleetOf(remote: RemoteOptions): Promise<Live> {
  const client = await clientOf(remote);
  const [hosts, listeners, assignments, services] = await Promise.all([
    allItems((query) => client.hosts(query), { consistent: true }),
    allItems((query) => client.listeners(query), {}),
    allItems((query) => client.assignments(query), {}),
    allItems((query) => client.services(query), {}),
  ]);
  return { hosts, listeners, assignments, health: services.flatMap(({ health }) => health) };
}

/** For a person at a terminal, on stderr; nothing in a pipe. */
export function progressLine(): { tell: (state: { found: number; read: number }) => void; end: () => void } {
  let last = performance.now();
  let shown = false;
  return {
    tell: ({ found, read }) => {
      if (!process.stderr.isTTY || performance.now() - last < PROGRESS_EVERY) return;
      last = performance.now();
      shown = true;
      redraw(`${read > 0 ? `${read} of ` : ''}${found} files`);
    },
    end: () => {
      if (shown) redraw('');
    },
  };
}
