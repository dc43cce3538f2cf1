import { issueClause, PortolanError, type Problem, type ProblemCode } from '@portolan/model';
import { CommanderError } from 'commander';
import { exitCodeOf, exitCodes } from './exit-code.ts';
import { plain } from './output.ts';

/** What to do about a problem, where its own message does not say so. */
const remedies: Partial<Record<ProblemCode, string>> = {
  'not-ready': 'The coordinator is starting or stopping: try again in a moment.',
  'too-many': 'Wait a little, then try again.',
};

interface Rendering {
  /** For stderr. */
  text: string;
  /** In the place of the text. */
  problem?: Problem;
  exit: number;
}

/**
 * How an error ends the command.
 *
 * @param args of the command line, to name the option that a value came from
 */
export function rendering(thrown: unknown, json: boolean, args: readonly string[] = []): Rendering {
  if (thrown instanceof CommanderError) return usage(thrown, json);
  const error = asProblem(thrown);
  const exit = exitCodeOf(error.code);
  if (json) return { text: '', problem: error.toProblem(), exit };
  return { text: `${[sentence(forPeople(error, args)), ...advice(error)].join('\n')}\n`, exit };
}

/** Commander has written its message already, unless it is to be JSON. */
function usage(error: CommanderError, json: boolean): Rendering {
  if (error.exitCode === 0) return { text: '', exit: exitCodes.ok.code };
  const problem = new PortolanError('invalid-request', error.message.replace(/^error: /, ''));
  return { text: '', ...(json && { problem: problem.toProblem() }), exit: exitCodes.usage.code };
}

/** What a coordinator answered to a request that the command line made: nobody typed the paths of its interface. */
function forPeople({ code, message, data }: PortolanError, args: readonly string[]): string {
  if (code === 'not-found' && /^there is nothing at [A-Z]+ \/v1\//.test(message)) return `${OLDER} (${message})`;
  if (code !== 'invalid-request') return message;
  if (/(^|; )(body|query)(\.[^\s:;]+)*: Unrecognized key/.test(message)) return `${OLDER} (${message})`;
  if (!Array.isArray(data.issues)) return message;
  const told = (data.issues as { at: string; message: string }[]).map((issue) => {
    if (issueClause('', issue.message).startsWith(':')) return issue.message;
    return issueClause(optionOf(issue.at, args), issue.message);
  });
  const more = /; (and \d+ more)$/.exec(message)?.[1];
  return [...told, ...(more ? [more] : [])].join('; ');
}

/** How whoever typed it calls a field of a request: by its option, if it was given. */
function optionOf(at: string, args: readonly string[]): string {
  const name = at.split('.').at(-1) ?? at;
  const option = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return args.some((each) => each === option || each.startsWith(`${option}=`)) ? option : name;
}

const OLDER = 'the coordinator is older than this command, and does not know what it asks for: update it';

function advice(error: PortolanError): string[] {
  const lines: string[] = [];
  const { suggestions } = error.data;
  if (Array.isArray(suggestions) && suggestions.length > 0) lines.push(`Free instead: ${suggestions.join(', ')}`);
  const remedy = remedies[error.code];
  if (remedy) lines.push(remedy);
  return lines;
}

function asProblem(thrown: unknown): PortolanError {
  if (thrown instanceof PortolanError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new PortolanError(
    'internal',
    process.env.PORTOLAN_DEBUG && thrown instanceof Error ? (thrown.stack ?? message) : message,
  );
}

function sentence(message: string): string {
  return `portolan: ${stopped(message.split('\n').map(plain).join('\n'))}`;
}

/** With a full stop at the end, for another sentence to follow. */
export function stopped(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
