import { type PlannedService, type Protocol, serviceId } from '@portolan/model';
import { computed } from '@preact/signals';
import { assignments, listeners, listenersByService, listenersVersion, type Promised, planned } from './fleet.ts';

/** A service with what is promised to it, planned of it and seen of it. */
export interface Service {
  readonly id: string;
  readonly plan: PlannedService | undefined;
  readonly promised: readonly Promised[];
  readonly listeners: number;
}

/** The services that have an assignment or a place in a plan, by id. */
const declared = computed(() => {
  const all = new Map<string, { plan: PlannedService | undefined; promised: Promised[] }>();
  const of = (id: string) => {
    let found = all.get(id);
    if (!found) all.set(id, (found = { plan: undefined, promised: [] }));
    return found;
  };
  for (const assignment of assignments.all.values()) of(serviceId(assignment.endpoint)).promised.push(assignment);
  for (const plan of planned.all.values()) of(`${plan.project}/${plan.name}`).plan = plan;
  for (const { promised } of all.values()) promised.sort((a, b) => a.port - b.port);
  return all;
});

/** Every service that anything is known of, in no particular order. */
export const services = computed((): readonly Service[] => {
  void listenersVersion.value;
  const all: Service[] = [];
  for (const [id, { plan, promised }] of declared.value) {
    all.push({ id, plan, promised, listeners: listenersByService.get(id) ?? 0 });
  }
  for (const [id, count] of listenersByService) {
    if (!declared.value.has(id)) all.push({ id, plan: undefined, promised: [], listeners: count });
  }
  return all;
});

export function serviceOf(id: string): Service {
  const found = declared.value.get(id);
  void listenersVersion.value;
  return { id, plan: found?.plan, promised: found?.promised ?? [], listeners: listenersByService.get(id) ?? 0 };
}

/** A port that a service is promised or seen on. */
export interface ServicePort {
  readonly port: number;
  readonly protocol: Protocol;
  readonly label: string | null;
  readonly seen: boolean;
}

/** Those promised first, each once. */
export function portsOf({ promised }: Service, rows: Uint32Array | undefined): ServicePort[] {
  const seen = new Map<string, ServicePort>();
  for (const row of rows ?? []) {
    const { port, protocol } = listeners.row(row);
    seen.set(`${protocol}/${port}`, { port, protocol, label: null, seen: true });
  }
  const own = promised.map(({ port, protocol, endpoint }) => {
    const at = `${protocol}/${port}`;
    const found = seen.delete(at);
    return { port, protocol, label: endpoint.label, seen: found };
  });
  return [...own, ...[...seen.values()].sort((a, b) => a.port - b.port)];
}
