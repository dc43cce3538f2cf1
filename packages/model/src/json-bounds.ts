import { PortolanError } from './portolan-error.ts';

/** What a JSON text may consist of. */
export interface JsonBounds {
  /** How many arrays and objects may stand in one another. */
  readonly depth?: number;
  /** Members of one object. */
  readonly members?: number;
  /** Members and elements of all objects and arrays together. */
  readonly values: number;
}

const DEPTH_MAX = 32;
const MEMBERS_MAX = 1_000;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Looks at a text before it is parsed: parsing 4 MiB of brackets costs a second and 80 MiB, and this a few milliseconds.
 * Whether it is JSON at all is for the parser to say.
 *
 * @throws PortolanError `invalid-request`
 */
export function boundJson(text: string, { depth = DEPTH_MAX, members = MEMBERS_MAX, values }: JsonBounds): void {
  /** Members of the objects that are open, outermost first; of an array, minus infinity. */
  const open: number[] = [];
  let count = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case OPEN_ARRAY:
      case OPEN_OBJECT:
        if (open.length >= depth) throw refused(`is nested more than ${depth} deep`);
        open.push(text.charCodeAt(at) === OPEN_OBJECT ? 1 : Number.NEGATIVE_INFINITY);
        if (++count > values) throw refused(`has more than ${values} values`);
        break;
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        open.pop();
        break;
      case COMMA:
        if (++open[open.length - 1]! > members) throw refused(`has an object with more than ${members} members`);
        if (++count > values) throw refused(`has more than ${values} values`);
        break;
    }
  }
}

/** @param start of the opening quote @returns the place of the closing one, or the end */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}

function refused(why: string): PortolanError {
  return new PortolanError('invalid-request', `the JSON ${why}: no request of this kind needs that much`);
}
