import {
  type Assignment,
  formatEndpoint,
  PortolanError,
  type ProvisionalRequest,
  type ProvisionalResponse,
} from '@portolan/model';
import type { Executor } from '../executor.ts';
import type { Leases } from './leases.ts';

/** For findings: no grant of a store has this one, since nothing was promised yet. */
const NO_TOKEN = '0.0';

/** Makes real what agents promised while no coordinator could be reached. */
export class Provisionals {
  readonly #executor: Executor;
  readonly #leases: Leases;

  constructor(executor: Executor, leases: Leases) {
    this.#executor = executor;
    this.#leases = leases;
  }

  /** Each one becomes a real assignment of the same port, or a finding that names both parties. */
  async settle(host: string, { assignments }: ProvisionalRequest): Promise<ProvisionalResponse> {
    const granted: Assignment[] = [];
    const lost: ProvisionalResponse['lost'] = [];
    for (const assignment of assignments) {
      if (assignment.provisional !== host) {
        throw new PortolanError('forbidden', `that provisional lease was given by host ${assignment.provisional}`);
      }
      try {
        granted.push(await this.#grant(assignment));
      } catch (error) {
        if (!(error instanceof PortolanError) || error.code !== 'assignment-lost') throw error;
        lost.push({ assignment, detail: error.message, finding: String(error.data.finding) });
      }
    }
    return { granted, lost };
  }

  async #grant({ endpoint, protocol, port, lease, purpose, host, holder }: Assignment): Promise<Assignment> {
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
    };
    await this.#leases.reassert(claim, { isGrant: false });
    const held = this.#executor.fleet.assignmentOf(endpoint, protocol);
    if (held) return held.value;
    throw new PortolanError('contention', `${formatEndpoint(endpoint)} was released in the same moment`);
  }
}
