import { issueClause, PortolanError, plainIssue } from '@portolan/model';
import type { z } from 'zod';

/**
 * What a tool is called with, as its schema reads it.
 *
 * @throws PortolanError `invalid-request` with a sentence for each argument that is missing, unknown or wrong
 */
export function argumentsOf<I extends z.ZodObject>(tool: string, input: I, asked: unknown): z.output<I> {
  const known = Object.keys(input.shape);
  const result = input.safeParse(asked ?? {}, {
    error: (issue) => unknownArgument(issue, tool, known) ?? plainIssue(issue),
  });
  if (result.success) return result.data;
  const told = result.error.issues.map(({ path: [name], message }) =>
    name === undefined ? message : issueClause(String(name), message),
  );
  throw new PortolanError('invalid-request', `${told.join('; ')}.`);
}

/** Of what it was called with, the answer has no more than this. */
const NAMED_MAX = 5;
const NAME_MAX = 40;

function unknownArgument(issue: z.core.$ZodRawIssue, tool: string, known: readonly string[]): string | undefined {
  if (issue.code !== 'unrecognized_keys') return undefined;
  const names = issue.keys.slice(0, NAMED_MAX).map((key) => JSON.stringify(key.slice(0, NAME_MAX)));
  const more = issue.keys.length - names.length;
  return `${tool} has no argument ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}; its arguments are ${known.join(', ') || 'none'}`;
}
