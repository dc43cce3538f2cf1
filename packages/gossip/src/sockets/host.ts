import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Address } from '../transport.ts';

/** An IPv4 address that a socket for both families calls `::ffff:10.0.0.1`, in its own form; without a zone. */
export function plainHost(host: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host);
  return mapped?.[1] ?? host.replace(/%.*$/, '');
}

/**
 * Reads `host`, `host:port`, `[v6]:port` or a bare IPv6 address, as people name a node.
 *
 * @throws Error when it is none of these
 */
export function parseSeed(seed: string, defaultPort: number): Address {
  if (isIP(seed) !== 0) return { host: seed, port: defaultPort };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(seed.trim());
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  const host = match?.[1] ?? match?.[2] ?? '';
  if (host === '' || port < 1 || port > 65_535 || (match?.[1] !== undefined && isIP(host) !== 6)) {
    throw new Error(`"${seed}" names no node: write host:port, such as 10.0.0.5:7679 or [fd00::5]:7679`);
  }
  return { host, port };
}

/** All addresses of a host. @throws Error with the reason when the name is not known */
export async function resolveHost({ host, port }: Address): Promise<Address[]> {
  if (isIP(host) !== 0) return [{ host, port }];
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => ({ host: address, port }));
}
