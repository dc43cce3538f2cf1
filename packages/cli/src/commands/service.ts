import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stateDir } from '@portolan/client/node';
import { PortolanError } from '@portolan/model';
import { Command, Option } from 'commander';
import { say, sayJson } from '../output.ts';
import { confirmed } from '../question.ts';
import { examples } from '../remote.ts';
import { launchdLabel, launchdPlist, type ServiceUnit, systemdUnit } from '../service-unit.ts';

interface Options {
  system?: boolean;
  now?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  json?: boolean;
}

export function service(): Command {
  const of = (command: Command) =>
    command
      .argument('<role>', 'agent or server')
      .option('--system', 'for the whole machine, as root (default when you are root)')
      .addOption(new Option('--no-system', 'for this user alone'));
  const group = new Command('service').description(
    'Have the agent or a coordinator run by the system: by systemd, on macOS by launchd.',
  );
  group.addCommand(
    of(new Command('install'))
      .description('Write the unit, and show it. It is started only with --now.')
      .argument('[arguments...]', 'for the agent or server, after --')
      .option('--now', 'start it, and with the machine from now on')
      .option('--dry-run', 'show what would be written, and write nothing')
      .option('--yes', 'replace a unit that is there without asking')
      .addHelpText(
        'after',
        examples(
          'portolan service install agent --dry-run',
          'sudo portolan service install agent --now -- --url https://ports.example.net',
          'portolan service install server --no-system --now',
        ),
      )
      .action((role: string, args: string[], options: Options) => install(role, args, options)),
  );
  group.addCommand(
    of(new Command('uninstall'))
      .description('Stop it and remove the unit. Its state stays.')
      .option('--dry-run', 'show what would be done')
      .addHelpText('after', examples('portolan service uninstall agent'))
      .action((role: string, options: Options) => uninstall(role, options)),
  );
  group.addCommand(
    of(new Command('status'))
      .description('Tell whether it is installed and runs.')
      .option('--json', 'answer in JSON')
      .addHelpText('after', examples('portolan service status agent'))
      .action((role: string, options: Options) => status(role, options)),
  );
  return group;
}

/** How the service manager of this platform keeps and runs a service. */
interface Manager {
  path: string;
  text: (unit: ServiceUnit) => string;
  start: string[][];
  stop: string[][];
  isActive: string[];
}

async function install(role: string, args: readonly string[], options: Options): Promise<void> {
  const system = isSystem(options);
  const { path, text, start } = managerOf(role, system);
  const bin = fileURLToPath(new URL('../../bin/portolan.js', import.meta.url));
  const directory = system ? '/var/lib/portolan' : stateDir();
  const unit = text({
    role,
    command: [process.execPath, bin, role, ...args],
    system,
    environment: { PORTOLAN_STATE_DIR: directory },
  });
  say(`# ${path}\n${unit}`);
  if (options.dryRun) return;
  const before = existsSync(path) ? await readFile(path, 'utf8') : undefined;
  if (before !== undefined && before !== unit)
    await confirmed(`${path} is there and differs. Replace it?`, options.yes ?? false);
  await write(path, unit);
  if (options.now) for (const command of start) run(command);
  else say(`Written. To start it:\n${start.map((command) => `  ${command.join(' ')}`).join('\n')}`);
}

async function uninstall(role: string, options: Options): Promise<void> {
  const { path, stop } = managerOf(role, isSystem(options));
  if (!existsSync(path)) throw new PortolanError('not-found', `There is no ${path}: nothing to uninstall.`);
  if (options.dryRun) return say(`${stop.map((command) => command.join(' ')).join('\n')}\nrm ${path}`);
  for (const command of stop) run(command, true);
  await rm(path);
  say(`${path} is removed; the state stays in ${isSystem(options) ? '/var/lib/portolan' : stateDir()}`);
}

function status(role: string, options: Options): void {
  const { path, isActive } = managerOf(role, isSystem(options));
  const installed = existsSync(path);
  const [command = '', ...args] = isActive;
  const running = installed && spawnSync(command, args, { stdio: 'ignore' }).status === 0;
  if (options.json) sayJson({ role, path, installed, running });
  else say(`${role}: ${installed ? `installed as ${path}` : 'not installed'}, ${running ? 'running' : 'not running'}`);
  if (!running) process.exitCode = 3;
}

function isSystem({ system }: Options): boolean {
  return system ?? process.getuid?.() === 0;
}

function managerOf(role: string, system: boolean): Manager {
  if (role !== 'agent' && role !== 'server') {
    throw new PortolanError('invalid-request', `"${role}" is no service: there are agent and server.`);
  }
  if (process.platform === 'darwin') return launchd(role, system);
  if (process.platform === 'linux') return systemd(role, system);
  throw new PortolanError(
    'invalid-request',
    `On ${process.platform} this does not know how: start "portolan ${role}" by hand.`,
  );
}

function systemd(role: string, system: boolean): Manager {
  const configuration = process.env.XDG_CONFIG_HOME || join(homedir(), '.config');
  const name = `portolan-${role}.service`;
  const control = system ? ['systemctl'] : ['systemctl', '--user'];
  return {
    path: join(system ? '/etc/systemd/system' : join(configuration, 'systemd', 'user'), name),
    text: systemdUnit,
    start: [
      [...control, 'daemon-reload'],
      [...control, 'enable', '--now', name],
    ],
    stop: [[...control, 'disable', '--now', name]],
    isActive: [...control, 'is-active', '--quiet', name],
  };
}

function launchd(role: string, system: boolean): Manager {
  const label = launchdLabel(role);
  const domain = system ? 'system' : `gui/${process.getuid?.()}`;
  const path = join(system ? '/Library/LaunchDaemons' : join(homedir(), 'Library', 'LaunchAgents'), `${label}.plist`);
  return {
    path,
    text: launchdPlist,
    start: [['launchctl', 'bootstrap', domain, path]],
    stop: [['launchctl', 'bootout', `${domain}/${label}`]],
    isActive: ['launchctl', 'print', `${domain}/${label}`],
  };
}

/** Whole or not at all: the service manager may read it at any moment. */
async function write(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const draft = `${path}.${process.pid}`;
    await writeFile(draft, text, { mode: 0o644, flush: true });
    await rename(draft, path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PortolanError(
      'forbidden',
      `${path} could not be written: ${reason}. With sudo, or --no-system for yourself alone.`,
    );
  }
}

function run([command = '', ...args]: readonly string[], lenient = false): void {
  const { status: code, error } = spawnSync(command, args, { stdio: 'inherit' });
  if (code === 0 || (lenient && !error)) return;
  throw new PortolanError(
    'internal',
    `"${[command, ...args].join(' ')}" failed${error ? `: ${error.message}` : ` with ${code}`}.`,
  );
}
