/** What ends a line, moves a cursor, turns letters around, or is there without being seen: people do not see what a model reads. */
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]+/gu;

/** Text that came from elsewhere, such as command lines of processes, on one line and without what is unseen. */
export function plain(text: string): string {
  return text.replace(UNSEEN, ' ');
}

/** Words of others within a sentence of ours: in quotes, so that they are not read as a part of it. */
export function quoted(text: string): string {
  return JSON.stringify(plain(text));
}

/** The same of data, whatever it holds and however deep. */
export function plainData(value: unknown): unknown {
  if (typeof value === 'string') return plain(value);
  if (Array.isArray(value)) return value.map(plainData);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [plain(key), plainData(each)]));
}
