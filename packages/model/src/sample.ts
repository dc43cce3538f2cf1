/** As many listeners, or other things of which there may be thousands, as an answer shows of one matter. */
export const SHOWN_MAX = 100;

/** Some of many, and how many there are. */
export interface Sample<T> {
  readonly shown: T[];
  readonly count: number;
}

/**
 * The first ones, but of each kind at least one before a second of any: what is left out then is more of the same.
 *
 * @param kind what tells them apart for whoever looks   @param most shown at most
 */
export function sample<T>(all: Iterable<T>, kind: (each: T) => string, most = SHOWN_MAX): Sample<T> {
  const firsts = new Map<string, T>();
  const others: T[] = [];
  let count = 0;
  for (const each of all) {
    count++;
    const of = firsts.size < most ? kind(each) : undefined;
    if (of !== undefined && !firsts.has(of)) firsts.set(of, each);
    else if (others.length < most) others.push(each);
  }
  return { shown: [...firsts.values(), ...others].slice(0, most), count };
}
