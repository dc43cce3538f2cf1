const VARIANTS =
  /(?:^|[._-])(prod(?:uction)?|dev(?:elopment)?|test(?:ing)?|stag(?:e|ing)|local|ci|e2e|preview|qa|uat|debug)(?=[._-]|$)/i;

const FULL: Record<string, string> = { production: 'prod', development: 'dev', testing: 'test', stage: 'staging' };

/**
 * Which environment a file is for, by its name: `docker-compose.dev.yml` → dev, `.env.production` → prod. Two variants of
 * one service may well have different ports. @returns `undefined` for a file that holds for all
 */
export function variantOf(name: string): string | undefined {
  const word = VARIANTS.exec(name)?.[1]?.toLowerCase();
  return word === undefined ? undefined : (FULL[word] ?? word);
}
