import { basename } from 'node:path';
import {
  type EndTarget,
  isAtLeast,
  nameByProof,
  PortolanError,
  type ProcessId,
  proofOf,
  sameService,
} from '@portolan/model';
import { ownerOf } from './held-socket.ts';
import { identify, type Manifest } from './identity.ts';
import { FORWARDERS } from './linux-scanner.ts';
import { type ProcessFacts, readArguments, readProcess, readStamp, userName } from './process-facts.ts';

/** Whose processes an agent ends: those of the user that it runs as, those of any user (as root), nobody's. */
export const killScopes = ['own', 'any', 'none'] as const;
export type KillScope = (typeof killScopes)[number];

interface Permission {
  readonly allowKill: KillScope;
  readonly manifests?: readonly Manifest[] | undefined;
}

/**
 * Whether this agent may end the process, by what the process is now. One that is gone may be "ended".
 *
 * @throws PortolanError `not-permitted`, `protected`, `in-container`, `other-service`
 */
export function mayEnd(
  victim: ProcessId & { readonly sockets: readonly EndTarget[] },
  { force, orphan }: { readonly force: boolean; readonly orphan: boolean },
  { allowKill, manifests }: Permission,
): void {
  if (allowKill === 'none') {
    throw new PortolanError(
      'not-permitted',
      'the agent of this host ends no processes: it runs with --allow-kill none',
    );
  }
  const facts = readProcess(victim.pid);
  if (!facts) return;
  guardSelf(victim.pid);
  if (!force) guardPortolan(victim.pid);
  guardContainer(facts);
  guardUser(facts, allowKill);
  if (orphan) guardHeld(facts);
  if (!force) for (const target of victim.sockets) guardService(facts, target, manifests);
}

function guardSelf(pid: number): void {
  if (pid === 1) throw new PortolanError('protected', 'pid 1 runs the system and is never ended');
  for (let own = process.pid; own > 0; own = readStamp(own)?.parent ?? 0) {
    if (own !== pid) continue;
    const what = pid === process.pid ? 'the agent itself' : 'what the agent runs under';
    throw new PortolanError('protected', `process ${pid} is ${what} and is never ended by it`);
  }
}

/** The commands that keep a fleet going. */
const OFFICES = new Set(['up', 'server', 'agent']);

function guardPortolan(pid: number): void {
  const argv = readArguments(pid);
  const office = argv.findIndex((argument, i) => i < 3 && /^portolan(\.js)?$/.test(basename(argument))) + 1;
  if (office === 0 || !OFFICES.has(argv[office] ?? '')) return;
  throw new PortolanError(
    'protected',
    `process ${pid} is "portolan ${argv[office]}", which the fleet relies on: end it by hand, or force it`,
  );
}

function guardContainer({ containerId, process: { pid, uid, command } }: ProcessFacts): void {
  // Anybody may call a program so: the name is believed of the system, and of this agent's own user, who may run it rootless.
  const forwarder = (uid === 0 || uid === process.geteuid?.()) && FORWARDERS.test(command);
  if (!forwarder && (containerId === null || containerId === readProcess(process.pid)?.containerId)) return;
  const what = forwarder ? `${command}, which forwards the port to a container` : 'a part of a container';
  const name = containerId === null ? 'NAME' : containerId.slice(0, 12);
  throw new PortolanError('in-container', `process ${pid} is ${what}: stop the container, "docker stop ${name}"`);
}

function guardUser({ process: { pid, uid, user, command } }: ProcessFacts, allowKill: KillScope): void {
  const self = process.geteuid?.() ?? -1;
  if (uid === self || (allowKill === 'any' && self === 0)) return;
  const advice =
    self === 0
      ? 'start the agent with --allow-kill any, or end it there as that user'
      : 'end it there as that user, or run the agent as root with --allow-kill any';
  throw new PortolanError(
    'not-permitted',
    `process ${pid} (${command}) belongs to ${nameOf(uid, user)}, and the agent of this host runs as ${nameOf(self)}: ${advice}`,
  );
}

function guardService(facts: ProcessFacts, target: EndTarget, manifests: readonly Manifest[] = []): void {
  const { protocol, port, service, proof } = target;
  const known = identify({ protocol, port, process: facts, container: null }, manifests);
  // As surely as it was seen to be, or more so.
  if (service !== null && known !== null && sameService(known.service, service) && isAtLeast(proofOf(known), proof))
    return;
  const who = known === null ? 'nobody that can be named' : nameByProof(known);
  throw new PortolanError(
    'other-service',
    `process ${facts.process.pid} on ${protocol} port ${port} is ${who}, not ${service ?? 'one that is known'}: it is ended only when forced`,
  );
}

/** It was an orphan when it was shown. */
function guardHeld({ process: { pid }, holder, environment }: ProcessFacts): void {
  if (holder === 'gone') return;
  const why =
    holder === 'alive'
      ? `pid ${environment.holder?.split('.')[0]}, which holds its ports, lives`
      : 'nothing shows that whoever holds its ports is gone';
  throw new PortolanError('other-service', `process ${pid} is no orphan: ${why}`);
}

/** A socket whose process this agent cannot see. */
export function unseen(target: EndTarget): PortolanError {
  const uid = ownerOf(target)?.uid ?? null;
  const whose = uid === null ? 'a user that is not known' : nameOf(uid);
  return new PortolanError(
    'not-permitted',
    `the process on ${target.protocol} port ${target.port} belongs to ${whose} and cannot be seen by the agent of this host, ` +
      `which runs as ${nameOf(process.geteuid?.() ?? null)}: end it there as that user, or run the agent as root with --allow-kill any`,
  );
}

export function nameOf(uid: number | null, user: string | null = uid === null ? null : userName(uid)): string {
  if (uid === null) return user ?? 'a user that is not known';
  return user === null ? `uid ${uid}` : `${user} (uid ${uid})`;
}
