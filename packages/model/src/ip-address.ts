/** The bytes of a numeric address, which may stand in brackets as in a URL: 4, or 16 of what is IPv6 and no IPv4 in disguise (`::ffff:1.2.3.4`, NAT64). */
export function addressBytes(text: string): number[] | undefined {
  const plain = text.replace(/^\[(.*)\]$/, '$1').split('%', 1)[0]!;
  if (!plain.includes(':')) return ipv4Bytes(plain);
  const bytes = ipv6Bytes(plain);
  return bytes && (MAPPED.some((prefix) => prefix.every((byte, i) => bytes[i] === byte)) ? bytes.slice(12) : bytes);
}

/** Whether it is numeric, as a socket has it: no name, no brackets, with or without a zone. */
export function isIpAddress(text: string): boolean {
  return !text.startsWith('[') && addressBytes(text) !== undefined;
}

/**
 * Whether it is a name that one may look up, and nothing that a program would take for an address, this machine, or a part
 * of a URL. What ends in a number is an address to many, however it is written.
 */
export function isDnsName(text: string): boolean {
  const labels = text.toLowerCase().split('.');
  const last = labels.at(-1)!;
  return (
    text.length <= 253 &&
    labels.every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label)) &&
    !/^(?:\d+|0x[0-9a-f]*|localhost)$/.test(last)
  );
}

/** Whether only this machine can reach it. */
export function isLoopback(address: string): boolean {
  if (address === 'localhost') return true;
  // Asked a million times over, and most addresses tell at a glance.
  if (!address.startsWith('127.') && !address.includes(':')) return false;
  const bytes = addressBytes(address);
  return bytes !== undefined && (bytes.length === 4 ? bytes[0] === 127 : startsWith(bytes, LOOPBACK));
}

/** Whether it means something on one link alone: 169.254/16 and fe80::/10. Services of clouds tell secrets there. */
export function isLinkLocal(address: string): boolean {
  if (!address.startsWith('169.254.') && !address.includes(':')) return false;
  const bytes = addressBytes(address);
  if (!bytes) return false;
  return bytes.length === 4 ? startsWith(bytes, [169, 254]) : bytes[0] === 0xfe && (bytes[1]! & 0xc0) === 0x80;
}

/** Whether it stands for any address: 0.0.0.0 and ::. */
export function isUnspecified(address: string): boolean {
  return addressBytes(address)?.every((byte) => byte === 0) ?? false;
}

const LOOPBACK = [...Array<number>(15).fill(0), 1];
const MAPPED = [
  [...Array<number>(10).fill(0), 0xff, 0xff],
  [0, 0x64, 0xff, 0x9b, ...Array<number>(8).fill(0)],
];

function startsWith(bytes: readonly number[], prefix: readonly number[]): boolean {
  return prefix.every((byte, i) => bytes[i] === byte);
}

function ipv4Bytes(text: string): number[] | undefined {
  const parts = text.split('.');
  const valid = parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
  return valid ? parts.map(Number) : undefined;
}

function ipv6Bytes(text: string): number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(groupBytes);
  if (!head || (halves.length === 2 && !tail)) return undefined;
  if (!tail) return head.length === 16 ? head : undefined;
  const missing = 16 - head.length - tail.length;
  return missing < 2 ? undefined : [...head, ...Array<number>(missing).fill(0), ...tail];
}

/** Groups of four hexadecimal digits; the last may be an IPv4 address. */
function groupBytes(text: string): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    const last = index === groups.length - 1 ? ipv4Bytes(group) : undefined;
    if (last) bytes.push(...last);
    else if (/^[0-9a-f]{1,4}$/i.test(group))
      bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255);
    else return undefined;
  }
  return bytes;
}
