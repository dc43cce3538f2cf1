import { basename } from 'node:path/posix';

const VARIANTS =
  /(?:^|[._-])(prod(?:uction)?|dev(?:elopment)?|test(?:ing)?|stag(?:e|ing)|local|ci|e2e|preview|qa|uat|debug)(?=[._-]|$)/i;

const FULL: Record<string, string> = { production: 'prod', development: 'dev', testing: 'test', stage: 'staging' };

/**
 * Which environment a file is for, by its name: `docker-compose.dev.yml` → dev, `.env.production` → prod, and an editor's
 * container, by its folder. Two variants of one service may well have different ports.
 *
 * @param path or the name alone
 * @returns `undefined` for a file that holds for all
 */
export function variantOf(path: string): string | undefined {
  if (/(?:^|\/)\.devcontainer\//.test(path)) return 'devcontainer';
  const word = VARIANTS.exec(basename(path))?.[1]?.toLowerCase();
  return word === undefined ? undefined : (FULL[word] ?? word);
}

/** Ports of test runs are taken for a moment, beside nothing else: they are no plan. */
export function isOfTests(variant: string | undefined): boolean {
  return variant === 'test' || variant === 'e2e' || variant === 'ci';
}
