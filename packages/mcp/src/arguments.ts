import { PortolanError } from '@portolan/model';
import type { z } from 'zod';

type Issue = z.core.$ZodRawIssue;

/**
 * What a tool is called with, as its schema reads it.
 *
 * @throws PortolanError `invalid-request` with a sentence for each argument that is missing, unknown or wrong
 */
export function argumentsOf<I extends z.ZodObject>(tool: string, input: I, asked: unknown): z.output<I> {
  const known = Object.keys(input.shape);
  const result = input.safeParse(asked ?? {}, { error: (issue) => sentence(issue, tool, known) });
  if (result.success) return result.data;
  const told = result.error.issues.map(({ path: [name], message }) =>
    name === undefined ? message : `${String(name)}${/^(is|must) /.test(message) ? '' : ':'} ${message}`,
  );
  throw new PortolanError('invalid-request', `${told.join('; ')}.`);
}

/** @returns what follows on the name of the argument; `undefined` where what the schema or zod says will do */
function sentence(issue: Issue, tool: string, known: readonly string[]): string | undefined {
  switch (issue.code) {
    case 'unrecognized_keys': {
      const names = issue.keys.map((key) => JSON.stringify(key)).join(', ');
      return `${tool} has no argument ${names}; its arguments are ${known.join(', ') || 'none'}`;
    }
    case 'invalid_type': {
      if (issue.input === undefined) return 'is missing';
      return `must be ${KINDS[issue.expected] ?? issue.expected}`;
    }
    case 'invalid_value':
      return `must be ${issue.values.map((value) => JSON.stringify(value)).join(' or ')}`;
    case 'too_big':
      return issue.origin === 'string'
        ? `must have at most ${issue.maximum} characters`
        : `must be ${issue.maximum} or less`;
    case 'too_small':
      return issue.origin === 'string'
        ? `must have at least ${issue.minimum} characters`
        : `must be ${issue.minimum} or more`;
    default:
      return undefined;
  }
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
};
