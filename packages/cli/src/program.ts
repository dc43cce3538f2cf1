import { Command } from 'commander';
import type { CommandTable } from './command-table.ts';
import { exitCodesHelp } from './exit-code.ts';
import { writeError, writeOut } from './terminal.ts';
import { version } from './version.ts';

/** The commands in the order of the help. Each is loaded only when it is run, so that the start is quick. */
export const commands: CommandTable = {
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
  kill: {
    summary: 'end the process that listens on a port',
    load: async () => (await import('./commands/kill.ts')).kill(),
  },
  prune: {
    summary: 'end processes whose holder has died',
    load: async () => (await import('./commands/prune.ts')).prune(),
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
  alias: {
    summary: 'say that two names are one service',
    load: async () => (await import('./commands/alias.ts')).alias(),
  },
  dashboard: {
    summary: 'print a link that opens the dashboard',
    load: async () => (await import('./commands/dashboard.ts')).dashboard(),
  },
  watch: {
    summary: 'follow what changes, as it happens',
    load: async () => (await import('./commands/watch.ts')).watch(),
  },
  top: {
    summary: 'watch the fleet in the terminal',
    load: async () => (await import('./commands/top.ts')).top(),
  },
  free: {
    summary: 'list ports that could be reserved',
    load: async () => (await import('./commands/free.ts')).free(),
  },
  hosts: {
    summary: 'list the hosts of the fleet',
    load: async () => (await import('./commands/hosts.ts')).hosts(),
  },
  members: {
    summary: 'list who takes part in gossip',
    load: async () => (await import('./commands/members.ts')).members(),
  },
  keys: {
    summary: 'list and change the keys of gossip',
    load: async () => (await import('./commands/keys.ts')).keys(),
  },
  range: {
    summary: 'set, remove or list ranges of ports',
    load: async () => (await import('./commands/range.ts')).range(),
  },
  block: {
    summary: 'say which ports nobody may be assigned',
    load: async () => (await import('./commands/block.ts')).block(),
  },
  webhook: {
    summary: 'have somebody told of findings: Slack, Alertmanager, your own receiver',
    load: async () => (await import('./commands/webhook.ts')).webhook(),
  },
  mcp: {
    summary: 'serve AI agents by the Model Context Protocol',
    load: async () => (await import('./commands/mcp.ts')).mcp(),
  },
  server: {
    summary: 'run a coordinator',
    load: async () => (await import('./commands/server.ts')).server(),
  },
  agent: {
    summary: 'run the agent of this host',
    load: async () => (await import('./commands/agent.ts')).agent(),
  },
  import: {
    summary: 'draft the plan from what files say',
    load: async () => (await import('./commands/import.ts')).importCommand(),
  },
  check: {
    summary: 'compare the plan with the files, and with the fleet',
    load: async () => (await import('./commands/check.ts')).check(),
  },
  plan: {
    summary: 'show how to get to clean ports with the fewest moves; --write edits the files',
    load: async () => (await import('./commands/plan.ts')).plan(),
  },
  apply: {
    summary: 'declare the plan in the registry',
    load: async () => (await import('./commands/apply.ts')).apply(),
  },
  add: {
    summary: 'add a service to the plan and to all files',
    load: async () => (await import('./commands/add.ts')).add(),
  },
  docs: {
    summary: 'write the plan down as Markdown',
    load: async () => (await import('./commands/docs.ts')).docs(),
  },
  export: {
    summary: 'write the ports of the plan for other programs',
    load: async () => (await import('./commands/export.ts')).exportPlan(),
  },
  undo: {
    summary: 'take back what was written to files last',
    load: async () => (await import('./commands/undo.ts')).undo(),
  },
  doctor: {
    summary: 'look at this set-up: what is wrong, and how to mend it',
    load: async () => (await import('./commands/doctor.ts')).doctor(),
  },
  service: {
    summary: 'have agent and coordinator started with the machine',
    load: async () => (await import('./commands/service.ts')).service(),
  },
  completion: {
    summary: 'complete commands and names in bash, zsh or fish',
    load: async () => (await import('./commands/completion.ts')).completion(commands),
  },
  token: {
    summary: 'make, list and revoke tokens; show that of this machine',
    load: async () => (await import('./commands/token.ts')).token(),
  },
  enrolment: {
    summary: 'let new hosts make the tokens of their agents',
    load: async () => (await import('./commands/enrolment.ts')).enrolment(),
  },
  audit: {
    summary: 'tell who did what',
    load: async () => (await import('./commands/audit.ts')).audit(),
  },
};

/** @param json errors of usage are told as JSON by the caller, so they are not written here */
export async function program(args: readonly string[], json: boolean): Promise<Command> {
  const root = new Command('portolan')
    .description('Every port in the fleet has one owner, and you can prove it.')
    .version(version())
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
    command.configureOutput({
      writeOut,
      writeErr: json ? () => {} : writeError,
      // As the command's own errors begin.
      outputError: (text, write) => write(text.replace(/^error: /, 'portolan: ')),
    });
    for (const sub of command.commands) settle(sub, `${path} ${sub.name()}`);
  };
  settle(root, root.name());
  return root;
}
