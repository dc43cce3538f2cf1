import type { NodeState } from '../wire/message.ts';
import { GossipError } from './error.ts';

/** Versions of a bare memberlist: [lowest, highest, current] of the protocol, then of the application. */
export const BARE_VERSIONS = Uint8Array.of(1, 5, 2, 0, 0, 0);

/** Since these versions of the protocol a node answers pings by stream, relays with nacks, understands checksums. */
export const SINCE = { streamPing: 3, nacks: 4, checksums: 5 } as const;

/** Whether a node that says so of itself can be taken in. */
export function areVersions(vsn: Uint8Array): boolean {
  const [lowest, highest] = vsn;
  return lowest !== undefined && highest !== undefined && highest !== 0 && lowest <= highest;
}

/**
 * Whether two sides of a push/pull can be one cluster: whoever is in either list must speak versions that all that are
 * alive in both understand.
 *
 * @throws GossipError `incompatible`, naming one that does not
 */
export function checkVersions(local: Iterable<NodeState>, remote: Iterable<NodeState>): void {
  const nodes = [...local, ...remote];
  const range = { protocol: { low: 0, high: 255 }, application: { low: 0, high: 255 } };
  for (const { state, vsn } of nodes) {
    if (state !== 'alive') continue;
    narrow(range.protocol, vsn[0], vsn[1]);
    narrow(range.application, vsn[3], vsn[4]);
  }
  for (const { name, vsn } of nodes) {
    check(name, 'protocol', range.protocol, vsn[2]);
    check(name, 'application', range.application, vsn[5]);
  }
}

interface Range {
  low: number;
  high: number;
}

function narrow(range: Range, low = 0, high = 0): void {
  range.low = Math.max(range.low, low);
  range.high = Math.min(range.high, high);
}

function check(name: string, what: string, { low, high }: Range, current = 0): void {
  if (current >= low && current <= high) return;
  throw new GossipError(
    'incompatible',
    `"${name}" speaks version ${current} of the ${what}, but all members together understand only ${low} to ${high}`,
  );
}
