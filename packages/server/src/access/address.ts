import { BlockList, isIP } from 'node:net';
import { PortolanError } from '@portolan/model';

/** Tells where requests come from, behind proxies too. */
export class Proxies {
  readonly #trusted = new BlockList();
  readonly #none: boolean;

  /**
   * @param trusted networks of proxies whose word is taken: `10.0.0.0/24`, `fd00::/64`, or one address
   * @throws PortolanError `invalid-request`
   */
  constructor(trusted: readonly string[] = []) {
    this.#none = trusted.length === 0;
    for (const each of trusted) {
      const [, address = '', bits] = /^([\da-f:.]+)(?:\/(\d{1,3}))?$/i.exec(each) ?? [];
      const family = isIP(address);
      const longest = family === 4 ? 32 : 128;
      const length = bits === undefined ? longest : Number(bits);
      if (family === 0 || length > longest) {
        throw new PortolanError(
          'invalid-request',
          `"${each}" is no network of proxies: write an address, or 10.0.0.0/24, or fd00::/64`,
        );
      }
      this.#trusted.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6');
    }
  }

  /**
   * Whose request it is: the peer's, or, when that is a trusted proxy, the last address of `x-forwarded-for` that is none.
   * Each proxy adds at the end whom it was asked by; so what stands before that address is anybody's word.
   *
   * @param peer the other end of the connection
   * @returns the peer when the header says nothing of use; `null` when there is no peer any more
   */
  addressOf(peer: string | undefined, forwardedFor: string | undefined): string | null {
    if (peer === undefined) return null;
    const own = unmapped(peer);
    if (forwardedFor === undefined || !this.trusts(own)) return own;
    for (const text of forwardedFor.split(',').reverse()) {
      const address = unmapped(text.trim());
      if (isIP(address) === 0) return own;
      if (!this.trusts(address)) return address;
    }
    return own;
  }

  /** Whether an address is that of a trusted proxy. */
  trusts(address: string): boolean {
    if (this.#none) return false;
    const plain = unmapped(address).split('%', 1)[0]!;
    return this.#trusted.check(plain, isIP(plain) === 4 ? 'ipv4' : 'ipv6');
  }
}

/**
 * What an address counts as where strangers are told apart: whoever has one address of IPv6 has the whole /64, and whoever
 * is on this machine has all of its loopback addresses.
 */
export function networkOf(address: string | null): string {
  if (address === null || isIP(address) === 0) return 'unknown';
  if (address === '::1' || address.startsWith('127.')) return 'loopback';
  if (isIP(address) === 4) return address;
  const plain = address.split('%', 1)[0]!;
  const [before, after] = plain.split('::').map((side) => (side === '' ? [] : side.split(':'))) as [
    string[],
    string[]?,
  ];
  // An IPv4 address at the end stands for two groups.
  const written = before.length + (after?.length ?? 0) + (plain.includes('.') ? 1 : 0);
  const groups = after === undefined ? before : [...before, ...Array(8 - written).fill('0'), ...after];
  const network = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

/** An IPv4 client of a socket that takes both families is an IPv4 client. */
export function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}
