import type { z } from 'zod';

/** What the numbers of these fields count. */
const UNITS: Readonly<Record<string, string>> = { ttl: 'seconds', grace: 'seconds', 'portolan-timeout': 'ms' };

/**
 * What is wrong with a value, as people say it: a predicate such as "must be at least 5 (seconds)", for the name of the field to
 * stand before it. Given to zod as `{ error: plainIssue }`; what a schema says by itself goes before.
 *
 * @returns `undefined` where zod's own words do
 */
export function plainIssue(issue: z.core.$ZodRawIssue): string | undefined {
  const { path = [] } = issue;
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${withArticle(issue.expected)}`;
    case 'too_small':
      return bound('at least', issue.origin, Number(issue.minimum), unitOf(path));
    case 'too_big':
      return bound('at most', issue.origin, Number(issue.maximum), unitOf(path));
    case 'invalid_value':
      return `must be ${issue.values.length > 1 ? 'one of ' : ''}${issue.values.map((value: unknown) => JSON.stringify(value)).join(', ')}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return issue.format === 'regex'
        ? 'is not written in the way that is expected'
        : `must be ${withArticle(issue.format)}`;
    default:
      return undefined;
  }
}

/** A name and what `plainIssue` says of it, as one clause; another's words stand behind a colon. */
export function issueClause(name: string, message: string): string {
  return /^(must|is) /.test(message) ? `${name} ${message}` : `${name}: ${message}`;
}

function bound(which: 'at least' | 'at most', origin: string, limit: number, unit: string): string {
  switch (origin) {
    case 'string':
      return `must have ${which} ${limit} ${limit === 1 ? 'character' : 'characters'}`;
    case 'array':
    case 'set':
      return `must have ${which} ${limit} ${limit === 1 ? 'item' : 'items'}`;
    default:
      return `must be ${which} ${limit}${unit}`;
  }
}

function unitOf(path: readonly PropertyKey[]): string {
  const unit = UNITS[String(path.at(-1))];
  return unit === undefined ? '' : ` (${unit})`;
}

const KINDS: Readonly<Record<string, string>> = {
  int: 'a whole number',
  array: 'a list',
  record: 'an object',
  boolean: 'true or false',
  url: 'a URL',
  datetime: 'a time as in 2026-01-31T12:00:00Z',
  nan: 'a number',
};

function withArticle(kind: string): string {
  return KINDS[kind] ?? `${/^[aeiou]/.test(kind) ? 'an' : 'a'} ${kind}`;
}
