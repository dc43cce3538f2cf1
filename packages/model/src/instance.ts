import type { ReserveRequest } from './api.ts';
import type { Fleet } from './fleet.ts';
import { HIGHEST_INSTANCE, serviceId } from './identity.ts';
import { PortolanError } from './portolan-error.ts';

/**
 * Which instance a request is about: the one that it names; with `auto` the one that it was given before, else the lowest
 * that nobody holds. An instance is one copy of the service, so whoever holds any of its ports holds it.
 *
 * @param claimed of this service, chosen for others and not yet promised
 * @throws PortolanError `range-exhausted`
 */
export function instanceFor(
  fleet: Fleet,
  request: Pick<ReserveRequest, 'project' | 'service' | 'protocol' | 'instance' | 'requestId'>,
  claimed: Iterable<number> = [],
): number {
  if (request.instance !== 'auto') return request.instance;
  const taken = new Set(claimed);
  for (const { value } of fleet.assignmentsOf(serviceId(request))) {
    const isAnswer = request.requestId !== undefined && value.requestId === request.requestId;
    if (isAnswer && value.protocol === request.protocol) return value.endpoint.instance;
    taken.add(value.endpoint.instance);
  }
  for (let instance = 1; instance <= HIGHEST_INSTANCE; instance++) if (!taken.has(instance)) return instance;
  throw new PortolanError(
    'range-exhausted',
    `all ${HIGHEST_INSTANCE} instances of ${serviceId(request)} are held; release some`,
  );
}
