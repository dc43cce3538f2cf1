/** Whether every word of the query is in one of the texts, whatever their case. */
export function hasWords(query: string, texts: readonly (string | number | null | undefined)[]): boolean {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const all = texts.map((text) => String(text ?? '').toLowerCase());
  return words.every((word) => all.some((text) => text.includes(word)));
}

/** Orders by what is asked of each, numbers as numbers. */
export function sortBy<T>(items: T[], of: (item: T) => string | number, descending: boolean): T[] {
  const sign = descending ? -1 : 1;
  return items.sort((a, b) => {
    const [x, y] = [of(a), of(b)];
    return x === y ? 0 : x < y ? -sign : sign;
  });
}
