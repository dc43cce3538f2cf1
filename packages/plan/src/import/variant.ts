import { basename, dirname } from 'node:path/posix';

const IN_NAME =
  /(?:^|[._-])(prod(?:uction)?|dev(?:elopment)?|test(?:ing)?|stag(?:e|ing)|local|ci|e2e|preview|qa|uat|debug)(?=[._-]|$)/i;

/** Fewer words than in names: a folder called `preview` or `debug` may as well be that of a service. */
const FOLDER = /(?:^|\/)\.?(prod(?:uction)?|dev(?:elopment)?|stag(?:e|ing)|local|qa|uat|devcontainer)(?=\/|$)/gi;

/** The folder without the parts that are named for environments: `deploy/staging` and `deploy/prod` are one place. */
export function beyondVariants(folder: string): string {
  return (
    folder
      .replace(FOLDER, '')
      .replace(/\/{2,}/g, '/')
      .replace(/^\/|\/$/g, '') || '.'
  );
}

const FULL: Record<string, string> = { production: 'prod', development: 'dev', testing: 'test', stage: 'staging' };

/**
 * Which environment a file is for, by its name: `docker-compose.dev.yml` → dev, `.env.production` → prod; else by a folder
 * that is named for one: `deploy/staging/compose.yaml`. Two variants of one service may well have different ports.
 *
 * @param path or the name alone
 * @returns `undefined` for a file that holds for all
 */
export function variantOf(path: string): string | undefined {
  const folder = dirname(path);
  const word = IN_NAME.exec(basename(path))?.[1] ?? [...folder.matchAll(FOLDER)].at(-1)?.[1];
  const lower = word?.toLowerCase();
  return lower === undefined ? undefined : (FULL[lower] ?? lower);
}
