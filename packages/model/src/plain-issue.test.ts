import { expect, test } from 'vitest';
import { z } from 'zod';
import { issueClause, plainIssue } from './plain-issue.ts';

const Request = z.strictObject({
  ttl: z.number().min(5),
  count: z.int().max(1_000),
  role: z.enum(['admin', 'viewer']),
  name: z.string().min(1).max(3),
  labels: z.array(z.string()).min(1),
  code: z.string().regex(/^x/, { error: 'a code begins with x' }),
});
const fine = { ttl: 5, count: 1, role: 'admin', name: 'a', labels: ['b'], code: 'x' };

function said(change: object): string {
  const { error } = Request.safeParse({ ...fine, ...change }, { error: plainIssue });
  return error!.issues.map(({ path, message }) => issueClause(path.join('.'), message)).join('; ');
}

test.each([
  [{ ttl: 1 }, 'ttl must be at least 5 (seconds)'],
  [{ ttl: 'x' }, 'ttl must be a number'],
  [{ ttl: undefined }, 'ttl is missing'],
  [{ count: 100_000 }, 'count must be at most 1000'],
  [{ count: 1.5 }, 'count must be a whole number'],
  [{ role: 'king' }, 'role must be one of "admin", "viewer"'],
  [{ name: '' }, 'name must have at least 1 character'],
  [{ name: 'abcd' }, 'name must have at most 3 characters'],
  [{ labels: [] }, 'labels must have at least 1 item'],
  [{ labels: 'b' }, 'labels must be a list'],
  [{ code: 'y' }, 'code: a code begins with x'],
])('%j: %s', (change, sentence) => {
  expect(said(change)).toBe(sentence);
});
