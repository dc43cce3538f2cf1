/** The keys of one fleet. They share a hash tag, so that in a cluster they live on one node. */
export interface FleetKeys {
  readonly meta: string;
  readonly kv: string;
  readonly lease: string;
  readonly log: string;
}

export function fleetKeys(fleet: string): FleetKeys {
  const tag = `{portolan:${fleet}}`;
  return { meta: `${tag}:meta`, kv: `${tag}:kv`, lease: `${tag}:lease`, log: `${tag}:log` };
}
