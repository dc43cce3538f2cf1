import type { Fleet } from './fleet.ts';
import { type Endpoint, parseServiceId, serviceId } from './identity.ts';
import type { HostListener } from './listener.ts';

/** The listener under the name that its service counts as; see `Alias`. */
export function canonicalListener(fleet: Fleet, listener: HostListener): HostListener {
  const { identity } = listener;
  if (!identity) return listener;
  const service = fleet.canonical(identity.service);
  return service === identity.service ? listener : { ...listener, identity: { ...identity, service } };
}

/** The endpoint of the service that its own counts as. */
export function canonicalEndpoint(fleet: Fleet, endpoint: Endpoint): Endpoint {
  const own = serviceId(endpoint);
  const service = fleet.canonical(own);
  return service === own ? endpoint : { ...endpoint, ...parseServiceId(service) };
}
