import type { Listener } from './listener.ts';

/** What of a socket decides which addresses it covers. */
export type BoundAddress = Pick<Listener, 'address' | 'v6only'>;

/**
 * Whether two sockets of one protocol and port in one network namespace cover an address in common, so that the kernel
 * refuses the second one (or, with SO_REUSEPORT or SO_REUSEADDR on both, gives it the other's traffic).
 *
 * As measured on Linux: a wildcard covers every address of its family; `::` covers IPv4 too unless it is v6only, and
 * counts as dual-stack where that is unknown (`v6only: null`); `::ffff:a.b.c.d` is the IPv4 address. A scope
 * (`fe80::1%eth0`) is the device that the socket is tied to: sockets of two devices do not meet, one without a scope
 * meets them all.
 *
 * Addresses are numeric and canonical, as in a `Listener`.
 */
export function addressesOverlap(a: BoundAddress, b: BoundAddress): boolean {
  const left = coverOf(a);
  const right = coverOf(b);
  if (left.device !== null && right.device !== null && left.device !== right.device) return false;
  return meets(left.ipv4, right.ipv4) || meets(left.ipv6, right.ipv6);
}

/** An address of each family, `*` for all of them, `null` for none. */
interface Cover {
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  readonly device: string | null;
}

const MAPPED = '::ffff:';

function coverOf({ address, v6only }: BoundAddress): Cover {
  const percent = address.indexOf('%');
  const device = percent < 0 ? null : address.slice(percent + 1);
  const host = percent < 0 ? address : address.slice(0, percent);
  if (host === '::') return { ipv4: v6only === true ? null : '*', ipv6: '*', device };
  if (!host.includes('.')) return { ipv4: null, ipv6: host, device };
  const ipv4 = host.startsWith(MAPPED) ? host.slice(MAPPED.length) : host;
  return { ipv4: ipv4 === '0.0.0.0' ? '*' : ipv4, ipv6: null, device };
}

function meets(a: string | null, b: string | null): boolean {
  return a !== null && b !== null && (a === b || a === '*' || b === '*');
}

/**
 * Whether a socket that is bound to this address can be reached from beyond the networks of its owner: a wildcard, or an
 * address that is not loopback, private (RFC 1918, RFC 4193), shared (RFC 6598) or link-local.
 */
export function isWide(address: string): boolean {
  const plain = address.split('%', 1)[0]!;
  const host = plain.startsWith(MAPPED) && plain.includes('.') ? plain.slice(MAPPED.length) : plain;
  if (!host.includes('.')) return !/^(::1|f[cd][0-9a-f]{2}:.*|fe[89ab][0-9a-f]:.*)$/i.test(host);
  const [a = 0, b = 0] = host.split('.').map(Number);
  return !(
    a === 127 ||
    a === 10 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254) ||
    (a === 100 && b >= 64 && b < 128)
  );
}
