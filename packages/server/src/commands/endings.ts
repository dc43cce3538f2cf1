import {
  type EndAnswer,
  type EndRequest,
  type EndResponse,
  type EndTarget,
  type Fleet,
  type Host,
  type HostListener,
  isEvidenceFor,
  nameByProof,
  PortolanError,
  parseServiceId,
  proofOf,
  type ServiceId,
  sameService,
  serviceId,
  TASK_SIZE_MAX,
} from '@portolan/model';
import type { Executor } from '../executor.ts';
import { orphanTest } from './orphan.ts';
import type { Tasks } from './tasks.ts';

/** What an agent takes beside the grace that it gives, ms: to look, to kill, to see that the port is free. */
const AGENT_TAKES = 15_000;
const LOOK_TAKES = 5_000;

/** Ends processes, by the agent of the host that they run on and in no other way. */
export class Endings {
  readonly #executor: Executor;
  readonly #tasks: Tasks;

  constructor(executor: Executor, tasks: Tasks) {
    this.#executor = executor;
    this.#tasks = tasks;
  }

  get #fleet(): Fleet {
    return this.#executor.fleet;
  }

  /** @throws PortolanError `not-found`, `unknown-host`, `other-service`, `no-agent`, and whatever the agent refuses with */
  async end(request: EndRequest): Promise<EndResponse> {
    await this.#executor.catchUp();
    const host = this.#fleet.findHost(request.host);
    if (!host) throw new PortolanError('unknown-host', `there is no host ${request.host}`, { host: request.host });
    const listeners = this.#meant(host, request);
    if (!request.force) for (const listener of listeners) this.#admit(listener, host, request);
    const { endings, refusal } = await this.carryOut(host, listeners, request);
    if (refusal) throw refused(refusal, host, listeners, endings);
    return { host, listeners, endings, position: this.#fleet.position };
  }

  /**
   * Has the agent end the processes of these listeners of its host.
   *
   * @throws PortolanError `no-agent`, `in-container`
   */
  async carryOut(
    host: Host,
    listeners: readonly HostListener[],
    { grace, force, orphan, dryRun }: Pick<EndRequest, 'grace' | 'force' | 'orphan' | 'dryRun'>,
  ): Promise<EndAnswer> {
    for (const listener of listeners) guardContainer(listener, host);
    if (host.state !== 'alive') {
      throw new PortolanError(
        'no-agent',
        `the agent of ${host.name} is ${host.state} since ${host.stateSince}, and only it ends processes there: start it, or end the process by hand`,
        { host: host.id },
      );
    }
    const targets = listeners.slice(0, TASK_SIZE_MAX).map(targetOf);
    const within = dryRun ? LOOK_TAKES : 2_000 * grace + AGENT_TAKES;
    const answer = await this.#tasks.give('end', { host: host.id, targets, grace, force, orphan, dryRun }, within);
    if (answer) return answer;
    throw new PortolanError(
      'no-agent',
      `the agent of ${host.name} did not answer within ${within / 1000} s, so whether the process was ended is not known: look with "portolan who ${listeners[0]?.port}"`,
      { host: host.id },
    );
  }

  #meant(host: Host, { protocol, port, processes }: EndRequest): HostListener[] {
    const there = Array.from(this.#fleet.listeners(protocol, port), ({ value }) => value).filter(
      (listener) => listener.host === host.id,
    );
    const isMeant = ({ process }: HostListener) =>
      processes?.some(({ pid, startedAt }) => pid === process?.pid && startedAt === process.startedAt) ?? true;
    const meant = there.filter(isMeant);
    if (meant.length > 0) return meant;
    if (there.length === 0) {
      throw new PortolanError('not-found', `nobody is seen on ${protocol} port ${port} on ${host.name}`, { port });
    }
    throw new PortolanError(
      'process-changed',
      `process ${processes?.map(({ pid }) => pid).join(', ')} is no longer on ${protocol} port ${port} of ${host.name}, and another is: look again`,
      { port, host: host.id },
    );
  }

  /** Whose process may be ended without being forced. */
  #admit(listener: HostListener, host: Host, { project, service, orphan }: EndRequest): void {
    const { protocol, port, identity } = listener;
    const owner = this.#ownerOf(listener);
    if (orphan && orphanTest(this.#fleet)(listener)) return;
    if (owner !== null && service !== undefined && sameService(owner, service)) return;
    const isOfProject = owner !== null && project !== undefined && parseServiceId(owner).project === project;
    if (isOfProject && this.#isProven(listener, owner)) return;
    const who = owner ?? (identity ? nameByProof(identity) : 'a process that nobody can name');
    const meant = orphan
      ? 'which is no orphan'
      : isOfProject
        ? `as far as where it runs tells, which is no proof: name it with --service ${owner}`
        : `not ${service ?? (project === undefined ? 'one that was named' : `one of project ${project}`)}`;
    throw new PortolanError(
      'other-service',
      `${protocol} port ${port} of ${host.name} is used by ${who}, ${meant}: it is ended only when forced`,
      { port, host: host.id, owner, pid: listener.process?.pid ?? null },
    );
  }

  /** A name, with the project that it runs in, is no proof of a project: only with the port's assignment it is. */
  #isProven({ identity, protocol, port }: HostListener, owner: ServiceId): boolean {
    const assigned = this.#fleet.assignment(protocol, port)?.value;
    return (assigned && serviceId(assigned.endpoint)) === owner || proofOf(identity) !== 'name';
  }

  /** By its own evidence; where that does not tell the project, the service of that name that has the port. */
  #ownerOf({ identity, protocol, port }: HostListener): ServiceId | null {
    if (identity === null || proofOf(identity) === 'nothing') return null;
    const assigned = this.#fleet.assignment(protocol, port)?.value;
    const owner = assigned && serviceId(assigned.endpoint);
    return owner !== undefined && isEvidenceFor(identity, owner) ? owner : identity.service;
  }
}

function targetOf({ protocol, address, port, netns, v6only, socket, process, identity }: HostListener): EndTarget {
  return {
    protocol,
    address,
    port,
    netns,
    v6only,
    socket,
    process: process && { pid: process.pid, startedAt: process.startedAt },
    service: identity?.service ?? null,
    proof: proofOf(identity),
  };
}

function guardContainer({ container, protocol, port }: HostListener, host: Host): void {
  if (!container) return;
  const name = container.name ?? container.id.slice(0, 12);
  throw new PortolanError(
    'in-container',
    `${protocol} port ${port} of ${host.name} is that of container ${name}: stop it there with "docker stop ${name}"`,
    { port, host: host.id, container: name },
  );
}

function refused(
  { code, detail }: NonNullable<EndAnswer['refusal']>,
  host: Host,
  listeners: readonly HostListener[],
  endings: EndAnswer['endings'],
): PortolanError {
  const [first] = listeners;
  return new PortolanError(code, `on ${host.name}, ${detail}`, {
    host: host.id,
    port: first?.port,
    owner: first?.identity?.service ?? null,
    pid: first?.process?.pid ?? null,
    user: first?.process?.user ?? null,
    endings,
  });
}
