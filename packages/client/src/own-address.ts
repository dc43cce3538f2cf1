import { lookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Whether an address is one of this machine, as others reach it or within it. */
export function isOwnAddress(address: string): boolean {
  const own = new BlockList();
  own.addSubnet('127.0.0.0', 8);
  own.addAddress('0.0.0.0');
  own.addAddress('::', 'ipv6');
  own.addAddress('::1', 'ipv6');
  for (const { address: each, family } of Object.values(networkInterfaces()).flatMap((some) => some ?? [])) {
    own.addAddress(each, family === 'IPv6' ? 'ipv6' : 'ipv4');
  }
  const [plain = address] = address.split('%');
  return own.check(plain, isIPv6(plain) ? 'ipv6' : 'ipv4');
}

/** Behind some proxies no name can be looked up, and it takes long until that is certain, ms. */
const LOOKUP_WITHIN = 2_000;

/** Whether a host, as a URL has it, is this machine. A name that cannot be looked up is not. */
export async function isOwnHost(host: string): Promise<boolean> {
  const name = host.replace(/^\[|\]$/g, '');
  if (isIP(name)) return isOwnAddress(name);
  if (/^(.+\.)?localhost\.?$/i.test(name)) return true;
  const tooLate = new Promise<[]>((resolve) => setTimeout(resolve, LOOKUP_WITHIN, []).unref());
  const found = await Promise.race([lookup(name, { all: true }).catch(() => []), tooLate]);
  return found.some(({ address }) => isOwnAddress(address));
}
