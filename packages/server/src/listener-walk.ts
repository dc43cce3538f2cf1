import type { Fleet, Held, Paging, Protocol } from '@portolan/model';

export interface ListenerQuery extends Paging {
  readonly protocol?: Protocol | undefined;
  readonly port?: number | undefined;
  readonly service?: string | undefined;
}

/**
 * Listeners among which the whole next page is: of the port or the service that is asked for, else host by host in the
 * order of their keys, until there are enough.
 *
 * @param passes what the page is of
 */
export function* listenersFrom(
  fleet: Fleet,
  { after = '', limit, protocol, port, service }: ListenerQuery,
  passes: (held: Held<'listener'>) => boolean,
): Generator<Held<'listener'>, void, undefined> {
  if (port !== undefined) {
    if (protocol !== 'udp') yield* fleet.listeners('tcp', port);
    if (protocol !== 'tcp') yield* fleet.listeners('udp', port);
    return;
  }
  if (service !== undefined) return yield* fleet.plan.listenersOf(service);
  const prefixes = Array.from(fleet.listeningHosts(), (host) => `listener/${host}/`).sort();
  let found = 0;
  for (const prefix of prefixes) {
    if (found > limit) return;
    if (after > prefix && !after.startsWith(prefix)) continue;
    for (const held of fleet.listenersOf(prefix.slice('listener/'.length, -1)).values()) {
      if (held.key > after && passes(held)) found++;
      yield held;
    }
  }
}
