import {
  compareVersions,
  type FindingEvent,
  type Fleet,
  type Held,
  isWanted,
  key,
  type StoredWebhook,
  type Version,
} from '@portolan/model';

/** An event's place in the order of what happened: its commit, and its id among those of that commit. */
export interface Mark {
  readonly version: Version;
  readonly id: string;
}

/** What a webhook's receiver has to be told yet, in the order in which it happened. */
export function pendingFor(
  fleet: Fleet,
  webhook: Pick<StoredWebhook, 'severity' | 'kinds'>,
  delivery: Held<'delivery'>,
): Held<'event'>[] {
  const since = delivery.value.done ?? { version: delivery.version, id: '' };
  return Array.from(fleet.all('event'))
    .filter((held) => isAfter(markOf(held), since) && isWanted(webhook, held.value))
    .sort((a, b) => compareMarks(markOf(a), markOf(b)));
}

/** Over all webhooks. */
export function waitingAlerts(fleet: Fleet): number {
  let waiting = 0;
  for (const { value } of fleet.all('webhook')) {
    const delivery = fleet.get('delivery', key.delivery(value.name));
    if (delivery) waiting += pendingFor(fleet, value, delivery).length;
  }
  return waiting;
}

/** By the commit, not by the time: clocks of two coordinators differ, commits have one order. */
export function compareMarks(a: Mark, b: Mark): number {
  return compareVersions(a.version, b.version) || (a.id < b.id ? -1 : Number(a.id > b.id));
}

export function isAfter(mark: Mark, since: Mark): boolean {
  return compareMarks(mark, since) > 0;
}

export function markOf({ version, value }: Pick<Held<'event'>, 'version'> & { value: FindingEvent }): Mark {
  return { version, id: value.id };
}
