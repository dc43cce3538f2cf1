import type { Address } from '../transport.ts';

/** @throws Error when it is no IP address */
export function addressBytes(host: string): Uint8Array {
  const bytes = host.includes(':') ? parseV6(host) : parseV4(host);
  if (!bytes) throw new Error(`"${host}" is no IP address`);
  return Uint8Array.from(bytes);
}

/**
 * @param bytes 4 or 16; an IPv4 address in the IPv6 form is given as what it is
 * @returns null for any other length
 */
export function addressText(bytes: Uint8Array): string | null {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return null;
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
  return mapped ? bytes.subarray(12).join('.') : v6Text(bytes);
}

export function sameAddress(one: Address, other: Address): boolean {
  return one.host === other.host && one.port === other.port;
}

function parseV4(host: string): number[] | null {
  const parts = host.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)) return null;
  return parts.map(Number);
}

function parseV6(host: string): number[] | null {
  const [plain = ''] = host.split('%');
  const [head = '', tail, ...more] = plain.split('::');
  if (more.length > 0) return null;
  const before = parseGroups(head);
  const after = tail === undefined ? [] : parseGroups(tail);
  if (!before || !after) return null;
  const missing = 16 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 2) return null;
  return [...before, ...new Array<number>(missing).fill(0), ...after];
}

function parseGroups(text: string): number[] | null {
  if (text === '') return [];
  const groups = text.split(':');
  const v4 = groups.at(-1)!.includes('.') ? parseV4(groups.pop()!) : [];
  if (!v4 || !groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  return [...groups.map((group) => Number.parseInt(group, 16)).flatMap((group) => [group >> 8, group & 255]), ...v4];
}

/** The canonical form of RFC 5952: the first longest run of two and more zero groups is left out. */
function v6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16)).join(':');
  let longest: RegExpExecArray | undefined;
  for (const run of groups.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)) {
    if (!longest || zeros(run) > zeros(longest)) longest = run;
  }
  if (!longest) return groups;
  return `${groups.slice(0, longest.index)}::${groups.slice(longest.index + longest[0].length + 1)}`;
}

function zeros(run: RegExpExecArray): number {
  return run[0].replaceAll(':', '').length;
}
