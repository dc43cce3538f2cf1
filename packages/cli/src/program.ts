import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { exitCodesHelp } from './exit-code.ts';

interface Entry {
  summary: string;
  load: () => Promise<Command>;
  alias?: string;
}

/** The commands in the order of the help. Each is loaded only when it is run, so that the start is quick. */
const commands: Record<string, Entry> = {
  up: {
    summary: 'start a coordinator and an agent on this machine',
    load: async () => (await import('./commands/up.ts')).up(),
  },
  reserve: {
    summary: 'reserve a port, or a block of ports, for a service',
    load: async () => (await import('./commands/reserve.ts')).reserve(),
  },
  release: {
    summary: 'give ports back',
    load: async () => (await import('./commands/release.ts')).release(),
  },
  run: {
    summary: 'reserve ports, run a command with them, release them',
    load: async () => (await import('./commands/run.ts')).run(),
  },
  who: {
    summary: 'tell who has a port and who listens on it',
    load: async () => (await import('./commands/who.ts')).who(),
  },
  ls: {
    summary: 'list services and their ports, or all listeners',
    load: async () => (await import('./commands/ls.ts')).ls(),
  },
  findings: {
    summary: 'list collisions and whatever else is wrong',
    load: async () => (await import('./commands/findings.ts')).findings(),
    alias: 'collisions',
  },
  watch: {
    summary: 'follow what changes, as it happens',
    load: async () => (await import('./commands/watch.ts')).watch(),
  },
  free: {
    summary: 'list ports that could be reserved',
    load: async () => (await import('./commands/free.ts')).free(),
  },
  hosts: {
    summary: 'list the hosts of the fleet',
    load: async () => (await import('./commands/hosts.ts')).hosts(),
  },
  range: {
    summary: 'set, remove or list ranges of ports',
    load: async () => (await import('./commands/range.ts')).range(),
  },
  block: {
    summary: 'say which ports nobody may be assigned',
    load: async () => (await import('./commands/block.ts')).block(),
  },
  server: {
    summary: 'run a coordinator',
    load: async () => (await import('./commands/server.ts')).server(),
  },
  agent: {
    summary: 'run the agent of this host',
    load: async () => (await import('./commands/agent.ts')).agent(),
  },
  token: {
    summary: 'show the token of this machine',
    load: async () => (await import('./commands/token.ts')).token(),
  },
};

/** @param json errors of usage are told as JSON by the caller, so they are not written here */
export async function program(args: readonly string[], json: boolean): Promise<Command> {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const root = new Command('portolan')
    .description('Every port in the fleet has one owner, and you can prove it.')
    .version(version)
    .addHelpText('after', exitCodesHelp());
  const wanted = args[0] === 'help' ? args[1] : args[0];
  for (const [name, { summary, load, alias }] of Object.entries(commands)) {
    const chosen = wanted === name || (alias !== undefined && wanted === alias);
    const command = chosen ? await load() : new Command(name);
    command.summary(summary);
    if (alias) command.alias(alias);
    root.addCommand(command);
  }
  const settle = (command: Command, path: string) => {
    command.exitOverride().showHelpAfterError(`("${path} --help" tells how)`);
    if (json) command.configureOutput({ writeErr: () => {} });
    for (const sub of command.commands) settle(sub, `${path} ${sub.name()}`);
  };
  settle(root, root.name());
  return root;
}
