import type { Argument, Command, Option } from 'commander';
import type { CommandTable } from './command-table.ts';
import { clientOf } from './remote.ts';

export interface Completion {
  word: string;
  /** A few words about it, where the shell shows them. */
  about?: string;
}

/** A person waits with a finger on the key, ms. */
const PATIENCE = 700;

/**
 * What could stand in the place of the last word.
 *
 * @param words after `portolan`, the last one as far as it is written
 */
export async function completions(words: readonly string[], commands: CommandTable): Promise<Completion[]> {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  if (before.includes('--')) return [];
  const [name] = before;
  const all = Object.entries(commands);
  const entry = all.find(([each, { alias }]) => each === name || (alias && alias === name))?.[1];
  if (!entry) {
    const first = all.map(([word, { summary }]) => ({ word, about: summary }));
    return before.length === 0 ? starting(current, first) : [];
  }
  const { command, rest } = descend(await entry.load(), before.slice(1));
  const pending = optionOf(command, rest.at(-1));
  if (pending?.required) return starting(current, await valuesOf(pending.argChoices, pending.long ?? ''));
  if (current.startsWith('-')) return starting(current, optionsOf(command));
  const position = operandsIn(command, rest).length;
  const argument: Argument | undefined = command.registeredArguments[position] ?? command.registeredArguments.at(-1);
  const visible = command.createHelp().visibleCommands(command);
  const subcommands = visible
    .filter((each) => each.name() !== 'help')
    .map((each) => ({ word: each.name(), about: each.summary() || each.description() }));
  const values = argument ? await valuesOf(argument.argChoices, `${name} ${argument.name()}`) : [];
  return starting(current, [...(rest.length === 0 ? subcommands : []), ...values]);
}

function descend(command: Command, words: readonly string[]): { command: Command; rest: readonly string[] } {
  const [word, ...rest] = words;
  const sub = command.commands.find((each) => each.name() === word);
  return sub ? descend(sub, rest) : { command, rest: words };
}

function optionOf(command: Command, word: string | undefined): Option | undefined {
  return command.options.find(({ long, short }) => word !== undefined && (long === word || short === word));
}

function optionsOf(command: Command): Completion[] {
  const own = command.options.filter(({ hidden }) => !hidden);
  return [...own.map(({ long, description }) => ({ word: long ?? '', about: description })), { word: '--help' }];
}

function operandsIn(command: Command, words: readonly string[]): string[] {
  return words.filter((word, i) => !word.startsWith('-') && !optionOf(command, words[i - 1])?.required);
}

/** What is known of the fleet, if a coordinator answers at once; a completion that fails is none. */
async function valuesOf(choices: readonly string[] | undefined, what: string): Promise<Completion[]> {
  if (choices) return choices.map((word) => ({ word }));
  const wanted = /(?:service|what|range|name|port|project)$/.exec(what)?.[0];
  if (!wanted) return [];
  try {
    const client = await clientOf({});
    const late = new Promise<never>((_, reject) => setTimeout(reject, PATIENCE).unref());
    return await Promise.race([known(client, wanted), late]);
  } catch {
    return [];
  }
}

async function known(client: Awaited<ReturnType<typeof clientOf>>, what: string): Promise<Completion[]> {
  if (what === 'range' || what === 'name') {
    const { items } = await client.ranges();
    return items.map(({ name, from, to, purpose }) => ({ word: name, about: `${from}-${to} ${purpose}`.trim() }));
  }
  if (what === 'port') {
    const { items } = await client.assignments();
    return items.map(({ port, endpoint }) => ({
      word: String(port),
      about: `${endpoint.project}/${endpoint.service}`,
    }));
  }
  const { items } = await client.services();
  if (what === 'project') return [...new Set(items.map(({ id }) => id.split('/')[0] ?? ''))].map((word) => ({ word }));
  return items.map(({ id, assignments }) => ({ word: id, about: assignments.map(({ port }) => port).join(' ') }));
}

function starting(current: string, all: readonly Completion[]): Completion[] {
  return all.filter(({ word }) => word.startsWith(current) && word !== '').map(oneLine);
}

function oneLine({ word, about }: Completion): Completion {
  const text = about?.replace(/\s+/g, ' ').slice(0, 80);
  return text ? { word, about: text } : { word };
}
