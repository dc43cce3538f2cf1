import { isUnknownProject, type ReserveInput } from '@portolan/model';
import { type BindOptions, bindPort } from './listen.ts';
import type { Reserved } from './reserved.ts';
import { worktreeAt } from './working-copy/worktree.ts';

export interface FreePortOptions
  extends Omit<BindOptions, 'override'>,
    Pick<ReserveInput, 'preferred' | 'range' | 'ttl'> {
  /** `PORTOLAN_PROJECT` unless given, else the name of the git repository, else `anonymous`. */
  project?: string;
}

/** What all free ports are called: each is an instance of its own. */
const SERVICE = 'free-port';
const NOBODY = 'anonymous';

/**
 * Any port that can be bound here and that nobody else in the fleet has, with no name to think of: `const { port } = await
 * freePort()`. Each call has its own. It is given back on dispose, and when the process ends.
 *
 * @throws PortolanError as `bindPort`
 */
export function freePort(options: FreePortOptions = {}): Promise<Reserved> {
  const { project = ownProject(), preferred, range, ttl, ...rest } = options;
  const wish = { preferred, range, ...(ttl !== undefined && { ttl }) };
  return bindPort({ project, service: SERVICE, instance: 'auto', ...wish }, { ...rest, override: false });
}

function ownProject(): string {
  const { PORTOLAN_PROJECT: named } = process.env;
  if (named) return named;
  const repository = worktreeAt(process.cwd())?.repository ?? '';
  const name = repository
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/g, '')
    .slice(0, 63);
  return name === '' || isUnknownProject(name) ? NOBODY : name;
}
