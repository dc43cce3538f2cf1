/** Characters of data in one answer: a model reads all of it, and pays for it. */
const ANSWER_MAX = 256 * 1024;

/** The first items of those that fit into one answer; one at least, if there is one. */
export function fitting<T>(items: readonly T[]): T[] {
  let size = 0;
  const end = items.findIndex((item, index) => (size += JSON.stringify(item).length) > ANSWER_MAX && index > 0);
  return end < 0 ? [...items] : items.slice(0, end);
}
