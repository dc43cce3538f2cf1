import { type EntryValue, key } from './entry.ts';
import type { Fleet } from './fleet.ts';
import type { Health } from './health.ts';
import type { Host } from './host.ts';
import type { HostListener } from './listener.ts';
import { type HealthCheck, type PlannedService, plannedId } from './plan.ts';
import { isListenerOf, plannedPorts } from './plan-judgement.ts';
import { likenessToPlanned } from './plan-rules.ts';
import { isContainerInternal } from './port-facts.ts';

/** What is to be asked for health, and where: one for each endpoint with a health check and each host where it listens. */
export type WantedHealth = Pick<Health, 'host' | 'service' | 'label' | 'check'>;

/**
 * The health checks of a planned service: on the hosts where its port is listened on, by itself or by somebody who may be
 * it.
 */
export function wantedHealth(fleet: Fleet, planned: PlannedService): WantedHealth[] {
  return plannedPorts(fleet, planned).flatMap(({ endpoint, port }) => {
    const { health, label, protocol } = endpoint;
    if (health === undefined || protocol !== 'tcp') return [];
    const check = parsed(health, port);
    const found = new Map<string, WantedHealth>();
    for (const { value } of fleet.listeners('tcp', check.port)) {
      if (found.has(value.host) || isContainerInternal(value)) continue;
      if (value.identity && !mayBe(fleet, planned, value)) continue;
      if (!isLocal(check.name, planned, fleet.host(value.host))) continue;
      found.set(value.host, { host: value.host, service: plannedId(planned), label, check });
    }
    return [...found.values()];
  });
}

function mayBe(fleet: Fleet, planned: PlannedService, listener: HostListener): boolean {
  if (isListenerOf(fleet, planned, listener)) return true;
  return listener.identity !== null && likenessToPlanned(planned, listener.identity) === 'perhaps';
}

/** Whether the agents ask it: they ask nobody but the services of their own host. */
export function isAskedByAgents(planned: PlannedService, health: HealthCheck): boolean {
  const { name } = parsed(health, 1);
  return isLocal(name, planned, undefined) || planned.hosts.some((host) => nameIn(name) === host.toLowerCase());
}

/** What a health check says, for an endpoint that has this port. */
function parsed(health: HealthCheck, port: number): EntryValue<'health'>['check'] {
  if (health === 'tcp') return { kind: 'tcp', port, path: '', name: null };
  if (health.startsWith('/')) return { kind: 'http', port, path: health, name: null };
  const [, scheme = 'http', host = '', path = ''] = /^(https?):\/\/([^/?]+)(.*)$/.exec(health) ?? [];
  const written = Number(/:(\d+)$/.exec(host)?.[1] ?? 0);
  return {
    kind: scheme === 'https' ? 'https' : 'http',
    port: written >= 1 && written <= 65_535 ? written : port,
    path: path.startsWith('/') ? path : `/${path}`,
    name: host,
  };
}

const HERE = /^(localhost|127(\.\d{1,3}){3}|\[::1\]|0\.0\.0\.0|host\.docker\.internal)$/;

/** Whether a name means the host itself, or the service by one of its names. Any other is asked from elsewhere. */
function isLocal(name: string | null, { name: own, aliases }: PlannedService, host: Host | undefined): boolean {
  if (name === null) return true;
  const plain = nameIn(name);
  if (HERE.test(plain)) return true;
  const names = [own, ...aliases, ...(host ? [host.id, host.name, ...host.addresses] : [])];
  return names.some((each) => each.toLowerCase() === plain || `[${each.toLowerCase()}]` === plain);
}

function nameIn(host: string | null): string {
  return (host ?? '').replace(/:\d+$/, '').toLowerCase();
}

/** The entries that differ from those that are wanted: new ones, and the keys of those to go. */
export function healthDifference(
  fleet: Fleet,
  service: string,
  now: string,
): { puts: { key: string; value: Health }[]; deletes: string[] } {
  const planned = fleet.get('service', key.service(service))?.value;
  const wanted = new Map(planned ? wantedHealth(fleet, planned).map((each) => [key.health(each), each]) : []);
  const puts: { key: string; value: Health }[] = [];
  const deletes: string[] = [];
  for (const held of fleet.plan.healthOf(service)) {
    const same = wanted.get(held.key);
    if (!same) deletes.push(held.key);
    else if (JSON.stringify(same.check) === JSON.stringify(held.value.check)) wanted.delete(held.key);
  }
  for (const [entryKey, each] of wanted) {
    puts.push({ key: entryKey, value: { ...each, state: 'unknown', code: null, ms: null, detail: '', since: now } });
  }
  return { puts, deletes };
}
