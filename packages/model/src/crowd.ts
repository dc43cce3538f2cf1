import type { Fleet } from './fleet.ts';
import { type Interval, protocols } from './port.ts';
import { isContainerInternal } from './port-facts.ts';
import { hostShareOf, sizeOf } from './quota.ts';

/** Where so many hosts listen it is not one that crowds out all others. */
const HOSTS_MAX = 16;

/**
 * Ports that nothing keeps from being given but listeners of hosts which take more than their share of these intervals, each
 * beyond that share. They are for whoever would be given none otherwise.
 *
 * An honest host may have that many listeners. So these ports are the last choice and never the first: as long as there is
 * a port on which nobody is seen, that one is given. The cost grows with the intervals and with who listens there.
 */
export function crowdedOut(fleet: Fleet, intervals: readonly Interval[]): number[] {
  const most = hostShareOf(intervals.reduce((sum, interval) => sum + sizeOf(interval), 0));
  if (!Array.from(fleet.listeningHosts()).some((host) => fleet.listenersOf(host).size > most)) return [];
  const hostsOn = new Map<number, ReadonlySet<string>>();
  const taken = new Map<string, number>();
  /** The lowest ports of each host are within its share. */
  const beyond = new Set<string>();
  for (const { from, to } of intervals) {
    for (let port = from; port <= to; port++) {
      const hosts = onlyListenersOn(fleet, port);
      if (!hosts) continue;
      hostsOn.set(port, hosts);
      for (const host of hosts) {
        const count = (taken.get(host) ?? 0) + 1;
        taken.set(host, count);
        if (count > most) beyond.add(`${port} ${host}`);
      }
    }
  }
  if (beyond.size === 0) return [];
  return Array.from(hostsOn)
    .filter(([port, hosts]) => [...hosts].every((host) => beyond.has(`${port} ${host}`)))
    .map(([port]) => port);
}

/** @returns the hosts of those who listen on a port, if nothing else is in its way and these hosts are few */
function onlyListenersOn(fleet: Fleet, port: number): Set<string> | undefined {
  const reasons = fleet.use.reasonsAgainst(port);
  if (reasons === 0) return undefined;
  const hosts = new Set<string>();
  let listeners = 0;
  for (const protocol of protocols) {
    for (const { value } of fleet.listeners(protocol, port)) {
      if (isContainerInternal(value)) continue;
      hosts.add(value.host);
      if (hosts.size > HOSTS_MAX) return undefined;
      listeners++;
    }
  }
  return listeners === reasons ? hosts : undefined;
}
