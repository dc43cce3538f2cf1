import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { addressBytes, addressText } from '../core/address.ts';

/** Whether it means all addresses of the machine, so that nobody can be told to reach a node there. */
export function isUnspecified(host: string): boolean {
  return addressBytes(host).every((byte) => byte === 0);
}

/**
 * An address of this machine at which other machines may reach it: of private networks first, for that is where clusters
 * are.
 *
 * @param v4 whether it may be an IPv4 address only
 * @returns null when the machine has none but its loopback
 */
export function findOwnAddress(v4: boolean): string | null {
  const addresses = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:') && (!v4 || isIPv4(address)))
    .map(({ address }) => address)
    .sort((one, other) => rank(one) - rank(other));
  const [first] = addresses;
  return first === undefined ? null : addressText(addressBytes(first));
}

function rank(address: string): number {
  const isPrivate = /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|f[cd])/.test(address);
  return (isIPv4(address) ? 0 : 2) + (isPrivate ? 0 : 1);
}
