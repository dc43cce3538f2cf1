/** @param bytes in network order; @returns `127.0.0.1` */
export function formatIpv4(bytes: ArrayLike<number>): string {
  return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
}

/**
 * The one text of an IPv6 address: lower case, the longest run of two or more zero groups (the first of equals) written
 * `::`, an IPv4-mapped address as `::ffff:a.b.c.d`.
 *
 * @param groups eight 16-bit numbers
 * @see RFC 5952, sections 4 and 5
 */
export function formatIpv6(groups: readonly number[]): string {
  if (groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)) {
    const [high = 0, low = 0] = groups.slice(6);
    return `::ffff:${formatIpv4([high >> 8, high & 255, low >> 8, low & 255])}`;
  }
  const { start, length } = longestZeroRun(groups);
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let end = start;
    while (groups[end] === 0) end++;
    if (end - start > best.length) best = { start, length: end - start };
    start = Math.max(start, end);
  }
  return best;
}

/**
 * Brings an address as tools print it into its one text: `*` by family, `[::1]`, `fe80::1%eth0`, `0:0:0:0:0:0:0:1`.
 *
 * @returns `null` when the text is no address
 */
export function canonicalAddress(text: string, family: 4 | 6): string | null {
  const bare = text.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  if (bare === '*' || bare === '') return family === 6 ? '::' : '0.0.0.0';
  if (/^\d+\.\d+\.\d+\.\d+$/.test(bare)) return bare;
  const groups = parseIpv6(bare);
  return groups && formatIpv6(groups);
}

function parseIpv6(text: string): number[] | null {
  const withGroups = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_match, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  if (!/^[0-9a-f:]+$/i.test(withGroups)) return null;
  const [head = '', tail] = withGroups.split('::');
  const read = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const left = read(head);
  const right = tail === undefined ? [] : read(tail);
  const gap = tail === undefined ? 0 : 8 - left.length - right.length;
  if (gap < 0) return null;
  const groups = [...left, ...Array<number>(gap).fill(0), ...right];
  return groups.length === 8 && groups.every((group) => group >= 0 && group <= 0xffff) ? groups : null;
}
