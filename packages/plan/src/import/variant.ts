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

/** Folders that are called so and no more hold what is for one environment. */
const ENVIRONMENT = /^(?:prod(?:uction)?|dev(?:elopment)?|test(?:ing)?|stag(?:e|ing)|local|ci|e2e|qa|uat)$/i;

const FULL: Record<string, string> = { production: 'prod', development: 'dev', testing: 'test', stage: 'staging' };

/**
 * Which environment a file is for, by its name: `docker-compose.dev.yml` → dev, `.env.production` → prod, and an editor's
 * container, by its folder; else by its folder, `docker/prod/compose.yml`. Two variants of one service may well have different ports.
 *
 * @param path or the name alone
 * @returns `undefined` for a file that holds for all
 */
export function variantOf(path: string): string | undefined {
  if (/(?:^|\/)\.devcontainer\//.test(path)) return 'devcontainer';
  const word = (
    IN_NAME.exec(basename(path))?.[1] ??
    [...dirname(path).matchAll(FOLDER)].at(-1)?.[1] ??
    ENVIRONMENT.exec(basename(dirname(path)))?.[0]
  )?.toLowerCase();
  return word === undefined ? undefined : (FULL[word] ?? word);
}

/** Folders that ways to deploy the tree around them lie in. */
const DEPLOYMENT = /^(?:docker|deploy|deployment|deployments|infra|infrastructure|compose)$/i;

/** The folder that a file is about: `docker/dev/compose.yml` and `docker/prod/compose.yml` are about the one around `docker`. */
export function scopeOf(path: string): string {
  let folder = dirname(path);
  while (ENVIRONMENT.test(basename(folder)) || DEPLOYMENT.test(basename(folder))) folder = dirname(folder);
  return folder;
}

/** Ports of test runs are taken for a moment, beside nothing else: they are no plan. */
export function isOfTests(variant: string | undefined): boolean {
  return variant === 'test' || variant === 'e2e' || variant === 'ci';
}
