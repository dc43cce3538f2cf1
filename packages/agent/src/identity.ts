import { basename } from 'node:path';
import { type Evidence, formatEndpoint, type Listener, serviceId, UNKNOWN_PROJECT } from '@portolan/model';
import { LAYOUT } from './checkout.ts';
import { programOf } from './command.ts';
import { formatCommandLine } from './command-line.ts';
import type { ContainerFacts } from './containers.ts';
import { NO_ENVIRONMENT, type ProcessFacts } from './process-facts.ts';

/** Tells whose a process is by where it runs or how it was called. Where both are given, both must hold. */
export interface Manifest {
  /** `mana/mana-sync` */
  readonly service: string;
  /** The working directory, or one above it. */
  readonly cwd?: string;
  /** A part of the command line. */
  readonly command?: string;
  /** Which label each port has, whatever its protocol; other ports of the process have none. */
  readonly labels?: Readonly<Record<string, number>>;
}

/** What was seen of a listener. */
export interface Sighting extends Pick<Listener, 'protocol' | 'port'> {
  readonly process: ProcessFacts | null;
  readonly container: ContainerFacts | null;
}

type Identity = NonNullable<Listener['identity']>;

/**
 * Says who a listener is, by the strongest evidence there is, and keeps the evidence.
 *
 * @returns `null` when nothing was seen that names anybody
 */
export function identify(seen: Sighting, manifests: readonly Manifest[] = []): Identity | null {
  return (
    byLease(seen) ?? byContainer(seen) ?? byUnit(seen) ?? byPm2(seen) ?? byManifest(seen, manifests) ?? byCommand(seen)
  );
}

/** The environment tells whose the process is, but of what it listens on only the ports that it was given have a label. */
function byLease({ process, protocol, port }: Sighting): Identity | null {
  const { lease, endpoints } = process?.environment ?? NO_ENVIRONMENT;
  const own = endpoints.find((given) => given.port === port && given.protocol === protocol);
  const { endpoint } = own ?? endpoints[0] ?? {};
  if (!endpoint) return null;
  const detail = `${lease ? `lease ${lease} for` : 'assignment of'} ${own ? formatEndpoint(endpoint) : serviceId(endpoint)}`;
  const { project, service, label, instance } = endpoint;
  const known = identity(project, service, 'lease', detail, { label: own ? label : null, instance });
  if (!known) return null;
  const holder = process?.holder;
  return { ...known, ...(lease && { lease: lease.slice(0, 64) }), ...(holder && { holder }) };
}

/** Labels that say project and service, by the tool that writes them. */
const containerLabels: readonly { project: string; service: string; number?: string }[] = [
  {
    project: 'com.docker.compose.project',
    service: 'com.docker.compose.service',
    number: 'com.docker.compose.container-number',
  },
  { project: 'io.podman.compose.project', service: 'io.podman.compose.service' },
  { project: 'com.docker.stack.namespace', service: 'com.docker.swarm.service.name' },
  { project: 'io.kubernetes.pod.namespace', service: 'io.kubernetes.container.name' },
];

function byContainer({ container }: Sighting): Identity | null {
  if (!container) return null;
  const { labels } = container;
  for (const keys of containerLabels) {
    const project = labels[keys.project];
    const service = labels[keys.service];
    if (!project || !service) continue;
    const number = Number(keys.number && labels[keys.number]);
    // Swarm writes the stack's name into that of the service.
    const own = service.startsWith(`${project}_`) ? service.slice(project.length + 1) : service;
    const detail = `${keys.project}=${project}, ${keys.service}=${service}`;
    return identity(project, own, 'container', detail, { instance: number >= 1 ? number : null });
  }
  return container.name ? identity(UNKNOWN_PROJECT, container.name, 'container', `container ${container.name}`) : null;
}

/** Units that run what others gave them: which of those it is, the unit does not tell. */
const CARRIER =
  /^(?:pm2(?:-.*)?|supervisord?|cron[d]?|atd|sshd?|getty|serial-getty|docker|containerd|podman|crio|kubelet|nomad|screen|tmux|user|code-server|actions\.runner\..*|gitlab-runner|jenkins)$/;

/**
 * A unit names a program on one machine and says nothing of a project: where it runs may. Else the project stays unknown,
 * and it counts as the service of that name in whatever project declares one.
 */
function byUnit({ process }: Sighting): Identity | null {
  const unit = process?.unit;
  if (!unit) return null;
  const name = unit.replace(/\.service$/, '').replace(/@.*$/, '');
  return CARRIER.test(name) ? null : located(process, name, 'systemd', unit);
}

function byPm2({ process }: Sighting): Identity | null {
  const name = process?.environment.pm2Name;
  return name ? located(process, name, 'pm2', `pm2 ${name}`) : null;
}

function byManifest({ process, port }: Sighting, manifests: readonly Manifest[]): Identity | null {
  if (!process) return null;
  const { cwd, commandLine } = process.process;
  for (const { service, labels = {}, ...wanted } of manifests) {
    if (wanted.cwd === undefined && wanted.command === undefined) continue;
    if (wanted.cwd !== undefined && !isWithin(cwd, wanted.cwd)) continue;
    if (wanted.command !== undefined && !commandLine.includes(wanted.command)) continue;
    const [project = '', name = ''] = service.split('/');
    const seen = [wanted.cwd && `cwd ${cwd}`, wanted.command && `command has ${wanted.command}`].filter(Boolean);
    const label = Object.keys(labels).find((each) => labels[each] === port) ?? null;
    return identity(project, name, 'manifest', seen.join(', '), { label });
  }
  return null;
}

function isWithin(path: string | null, directory: string): boolean {
  const parent = directory.replace(/\/+$/, '');
  return path !== null && (path === parent || path.startsWith(`${parent}/`));
}

function byCommand({ process }: Sighting): Identity | null {
  if (!process) return null;
  let identity = commands.get(process);
  if (identity === undefined) commands.set(process, (identity = commandOf(process)));
  return identity;
}

/** A process with a thousand sockets is one command. */
const commands = new WeakMap<ProcessFacts, Identity | null>();

function commandOf(process: ProcessFacts): Identity | null {
  const { command, commandLine, cwd } = process.process;
  const program = programOf(process.argv, command);
  const shown = formatCommandLine(process.argv) || commandLine;
  if (!program.generic) return located(process, program.name, 'command', `command ${shown}`);
  const { folder = null, service = null } = process.checkout ?? {};
  const directory = folder ?? process.packageDirectory ?? nearestTelling(scriptDirectory(program.script, cwd));
  const name = service ?? (directory ? basename(directory) : program.name);
  const where = directory ? `directory ${directory}, ` : '';
  return located(process, name, 'command', `${where}command ${shown}`);
}

/** A service that was named without its project is of the one that it runs in. */
function located({ checkout }: ProcessFacts, service: string, kind: Evidence['kind'], detail: string): Identity | null {
  if (!checkout) return identity(UNKNOWN_PROJECT, service, kind, detail);
  const { project, guess, told } = checkout;
  const known = identity(project, service, kind, `${told}, ${detail}`);
  return known && guess ? { ...known, evidence: { ...known.evidence, guess } } : known;
}

function scriptDirectory(script: string | null, cwd: string | null): string | null {
  if (!script?.includes('/') || /(^|\/)node_modules\/|^\/usr\//.test(script)) return cwd;
  const directory = script.slice(0, script.lastIndexOf('/'));
  return script.startsWith('/') ? directory : cwd && `${cwd}/${directory}`;
}

function nearestTelling(path: string | null): string | null {
  const parts = (path ?? '').split('/').filter((part) => part !== '' && part !== '.');
  while (parts.length > 0 && LAYOUT.test(parts.at(-1) ?? '')) parts.pop();
  // `/home/ada` is a person, not a program.
  if (parts.length === 0 || (parts.length === 2 && parts[0] === 'home')) return null;
  return `/${parts.join('/')}`;
}

function identity(
  project: string,
  service: string,
  kind: Evidence['kind'],
  detail: string,
  more: { label?: string | null; instance?: number | null } = {},
): Identity | null {
  const name = cleanName(service);
  if (!name) return null;
  return {
    service: serviceId({ project: cleanName(project) ?? UNKNOWN_PROJECT, service: name }),
    label: more.label ?? null,
    instance: more.instance ?? null,
    evidence: { kind, detail: detail.slice(0, 300) },
  };
}

/** Brings any text into the form of a `Name`. @returns `null` when no letter or digit is in it */
export function cleanName(text: string): string | null {
  const name = text
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 63)
    .replace(/-+$/, '');
  return name === '' ? null : name;
}
