import type { Finding } from './finding.ts';
import type { Held } from './fleet.ts';
import type { Health } from './health.ts';
import { parseServiceId, type ServiceId } from './identity.ts';
import type { HostListener } from './listener.ts';
import { type PlannedService, plannedId } from './plan.ts';
import { plannedServiceOf } from './plan-rules.ts';
import type { Protocol } from './port.ts';
import { addTo, removeFrom, type SetIndex } from './set-index.ts';

/** What follows from a planned service, found by its name: so that a change costs what it touches. */
export class PlanIndex {
  readonly #servicesByName: SetIndex<string, ServiceId> = new Map();
  readonly #servicesByPort: SetIndex<string, ServiceId> = new Map();
  readonly #listenersByService: SetIndex<ServiceId, Held<'listener'>> = new Map();
  readonly #seenByName: SetIndex<string, ServiceId> = new Map();
  readonly #healthByService: SetIndex<ServiceId, Held<'health'>> = new Map();
  readonly #healthByHost: SetIndex<string, Held<'health'>> = new Map();
  readonly #findingsByService: SetIndex<ServiceId, Held<'finding'>> = new Map();

  add(held: Held): void {
    this.#each(held, addTo);
  }

  remove(held: Held): void {
    this.#each(held, removeFrom);
  }

  /** Planned services that a process of this name, the part after the slash, may be. */
  named(name: string): ReadonlySet<ServiceId> {
    return this.#servicesByName.get(name) ?? NONE;
  }

  /** Planned services for which the plan itself names this port. */
  at(protocol: Protocol, port: number): ReadonlySet<ServiceId> {
    return this.#servicesByPort.get(`${protocol}/${port}`) ?? NONE;
  }

  /** Services that listeners are known as, with those listeners. */
  seen(): MapIterator<[ServiceId, ReadonlySet<Held<'listener'>>]> {
    return this.#listenersByService.entries();
  }

  /** Services of this name, whatever their project, that listeners are known as. */
  seenAs(name: string): ReadonlySet<ServiceId> {
    return this.#seenByName.get(name) ?? NONE;
  }

  /** Listeners that are known as this service. */
  listenersOf(service: ServiceId): ReadonlySet<Held<'listener'>> {
    return this.#listenersByService.get(service) ?? NONE;
  }

  /** Listeners whose service has this name, whatever its project. */
  listeners(name: string): Held<'listener'>[] {
    return Array.from(this.seenAs(name)).flatMap((service) => [...this.listenersOf(service)]);
  }

  healthOf(service: ServiceId): ReadonlySet<Held<'health'>> {
    return this.#healthByService.get(service) ?? NONE;
  }

  healthOn(host: string): ReadonlySet<Held<'health'>> {
    return this.#healthByHost.get(host) ?? NONE;
  }

  /** Findings of the plan about a service, resolved ones among them. */
  findings(service: ServiceId): ReadonlySet<Held<'finding'>> {
    return this.#findingsByService.get(service) ?? NONE;
  }

  /** The services that there are findings of the plan about. */
  get accused(): MapIterator<ServiceId> {
    return this.#findingsByService.keys();
  }

  /** The services that have health checks. */
  get examined(): MapIterator<ServiceId> {
    return this.#healthByService.keys();
  }

  #each(held: Held, change: <K, V>(index: SetIndex<K, V>, at: K, member: V) => void): void {
    switch (held.kind) {
      case 'service': {
        const planned = held.value as PlannedService;
        const { name, aliases, endpoints } = planned;
        const id = plannedId(planned);
        for (const each of new Set([name, ...aliases])) change(this.#servicesByName, each, id);
        for (const { protocol, port } of endpoints) {
          if (typeof port === 'number') change(this.#servicesByPort, `${protocol}/${port}`, id);
        }
        break;
      }
      case 'listener': {
        const service = (held.value as HostListener).identity?.service;
        if (service === undefined) break;
        const known = this.#listenersByService.has(service);
        change(this.#listenersByService, service, held as Held<'listener'>);
        if (this.#listenersByService.has(service) !== known)
          change(this.#seenByName, parseServiceId(service).service, service);
        break;
      }
      case 'health': {
        const { service, host } = held.value as Health;
        change(this.#healthByService, service, held as Held<'health'>);
        change(this.#healthByHost, host, held as Held<'health'>);
        break;
      }
      case 'finding': {
        const service = plannedServiceOf((held.value as Finding).id);
        if (service !== undefined) change(this.#findingsByService, service, held as Held<'finding'>);
        break;
      }
    }
  }
}

const NONE: ReadonlySet<never> = new Set();
