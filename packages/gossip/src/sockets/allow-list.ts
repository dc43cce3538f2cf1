import { BlockList, isIP, isIPv6 } from 'node:net';

/** The networks from which and about which a node hears. Empty: all. */
export interface AllowList {
  allows(host: string): boolean;
}

/**
 * @param networks CIDRs such as `10.0.0.0/8` and `fd00::/8`, or single addresses
 * @throws Error naming the one that is neither
 */
export function createAllowList(networks: readonly string[]): AllowList {
  if (networks.length === 0) return { allows: () => true };
  const list = new BlockList();
  for (const network of networks) addNetwork(list, network);
  return { allows: (host) => isIP(host) !== 0 && list.check(host, isIPv6(host) ? 'ipv6' : 'ipv4') };
}

function addNetwork(list: BlockList, network: string): void {
  const [address = '', prefix, ...rest] = network.split('/');
  const bits = isIPv6(address) ? 128 : 32;
  const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
  if (isIP(address) === 0 || rest.length > 0 || !(length <= bits)) {
    throw new Error(`"${network}" is no network: write one like 10.0.0.0/8 or fd00::/8`);
  }
  list.addSubnet(address, length, bits === 128 ? 'ipv6' : 'ipv4');
}
