import {
  type Assignment,
  formatEndpoint,
  isUnknownProject,
  PortolanError,
  type ProvisionalRequest,
  type ProvisionalResponse,
} from '@portolan/model';
import { type Act, acting } from '../access/act.ts';
import { checkRole, checkScope } from '../access/bounds.ts';
import { may, type Principal } from '../access/principal.ts';
import type { Executor } from '../executor.ts';
import type { Leases } from './leases.ts';

/** For findings: no grant of a store has this one, since nothing was promised yet. */
const NO_TOKEN = '0.0';
const NO_LONGER_ACCEPTED = 'the token that asked for it is no longer accepted';

/** Makes real what agents promised while no coordinator could be reached. */
export class Provisionals {
  readonly #executor: Executor;
  readonly #leases: Leases;

  constructor(executor: Executor, leases: Leases) {
    this.#executor = executor;
    this.#leases = leases;
  }

  /**
   * Each one becomes a real assignment of the same port, or a finding that names both parties. What stands is never
   * changed: an endpoint that has a port is granted only where that is this very lease, whose answer may have been lost.
   *
   * It is settled with the rights of whoever asked for it: an agent may hold no port, so that its machine is worth none.
   *
   * @param admit tells whose token it is, and throws `unauthorized`
   * @throws PortolanError `forbidden` when one may not be settled, once the others are
   */
  async settle(
    host: string,
    { assignments, tokens }: ProvisionalRequest,
    { act, admit }: { readonly act: Act; readonly admit: (token: string) => Principal },
  ): Promise<ProvisionalResponse> {
    const granted: Assignment[] = [];
    const lost: ProvisionalResponse['lost'] = [];
    let refused: PortolanError | undefined;
    await this.#executor.catchUp();
    this.#checkJoined(host);
    for (const [i, assignment] of assignments.entries()) {
      try {
        checkGiver(host, assignment);
        const principal = admit(tokens[i]!);
        checkRole(principal, may.hold);
        checkScope(principal, { project: assignment.endpoint.project });
        granted.push(await acting({ ...act, principal }, () => this.#settleOne(host, assignment)));
      } catch (error) {
        if (!(error instanceof PortolanError)) throw error;
        if (error.code === 'forbidden') refused ??= error;
        else if (error.code === 'unauthorized') lost.push({ assignment, detail: NO_LONGER_ACCEPTED, finding: null });
        else if (error.code === 'assignment-lost' || error.code === 'quota')
          lost.push({ assignment, detail: error.message, finding: findingIn(error) });
        else throw error;
      }
    }
    if (refused) throw refused;
    return { granted, lost };
  }

  /** @throws PortolanError `unknown-host`: the agent joins first */
  #checkJoined(host: string): void {
    if (this.#executor.fleet.host(host)) return;
    throw new PortolanError('unknown-host', `host ${host} is not known here: join first`, { host });
  }

  async #settleOne(host: string, assignment: Assignment): Promise<Assignment> {
    const { endpoint, protocol } = assignment;
    const stands = this.#standing(assignment);
    if (!stands) await this.#grant(assignment);
    const held = stands ?? this.#standing(assignment);
    if (!held) throw new PortolanError('contention', `${formatEndpoint(endpoint)} was released in the same moment`);
    if (held.host !== host) throw notOf(host, held);
    if (held.port === assignment.port && held.holder === assignment.holder) return held;
    const detail = `${formatEndpoint(endpoint)} cannot get ${protocol} port ${assignment.port}: ${held.holder ?? 'somebody'} was granted port ${held.port} for it by now`;
    throw new PortolanError('assignment-lost', detail, { port: held.port });
  }

  #standing({ endpoint, protocol }: Pick<Assignment, 'endpoint' | 'protocol'>): Assignment | undefined {
    return this.#executor.fleet.assignmentOf(endpoint, protocol)?.value;
  }

  async #grant({
    endpoint,
    protocol,
    port,
    lease,
    purpose,
    host,
    holder,
    process,
    requestId,
  }: Assignment): Promise<void> {
    const { project, service, label, instance } = endpoint;
    const claim = {
      project,
      service,
      instance,
      protocol,
      ports: { [label]: port },
      token: NO_TOKEN,
      ...(lease && { ttl: lease.ttl }),
      ...(purpose !== undefined && { purpose }),
      ...(host !== undefined && { host }),
      ...(holder !== undefined && { holder }),
      ...(process && { process }),
      ...(requestId !== undefined && { requestId }),
    };
    try {
      await this.#leases.reassert(claim, { isGrant: false, onlyNew: true });
    } catch (error) {
      // Somebody was faster: whose it is by now is to be looked at.
      if (error instanceof PortolanError && error.code === 'assignment-lost' && this.#standing({ endpoint, protocol }))
        return;
      throw error;
    }
  }
}

/** An agent gives leases for services on its own host. @throws PortolanError `forbidden` */
function checkGiver(host: string, { endpoint, host: runsOn, provisional }: Assignment): void {
  if (provisional !== host) {
    throw new PortolanError('forbidden', `that provisional lease was given by host ${provisional}`);
  }
  if (runsOn !== host) {
    throw new PortolanError('forbidden', `the agent of host ${host} gives no lease for ${runsOn ?? 'no host'}`);
  }
  if (isUnknownProject(endpoint.project)) {
    throw new PortolanError('forbidden', `${formatEndpoint(endpoint)} is of no project: "unknown" stands for none`);
  }
}

function notOf(host: string, { endpoint, host: other }: Assignment): PortolanError {
  const whose = other === undefined ? 'names no host' : `is of the host ${other}`;
  return new PortolanError(
    'forbidden',
    `${formatEndpoint(endpoint)} ${whose}, and what stands is not changed by a provisional lease of host ${host}`,
    { host: other ?? null, bound: host },
  );
}

function findingIn({ data }: PortolanError): string | null {
  return typeof data.finding === 'string' ? data.finding : null;
}
