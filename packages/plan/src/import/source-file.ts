import { posix } from 'node:path';
import type { Place } from '../fact.ts';

/** A file's text with the means to say where something stands in it. */
export class SourceFile {
  /** Relative to the root of the survey, parted by `/`. */
  readonly path: string;
  readonly text: string;
  #starts: number[] | undefined;

  constructor(path: string, text: string) {
    this.path = path;
    this.text = text;
  }

  /** The last part of the path. */
  get name(): string {
    return posix.basename(this.path);
  }

  /** The folder that it is in: `.` at the root. */
  get directory(): string {
    return posix.dirname(this.path);
  }

  place(offset: number, length = 0): Place {
    this.#starts ??= lineStarts(this.text);
    const index = lineIndex(this.#starts, offset);
    return { file: this.path, line: index + 1, column: offset - this.#starts[index]! + 1, offset, length };
  }

  /** Each line with the offset of its start, without its end. */
  *lines(): Generator<{ text: string; offset: number }> {
    let offset = 0;
    while (offset <= this.text.length) {
      const end = this.text.indexOf('\n', offset);
      const stop = end < 0 ? this.text.length : end;
      yield { text: this.text.slice(offset, this.text[stop - 1] === '\r' && stop > offset ? stop - 1 : stop), offset };
      if (end < 0) return;
      offset = end + 1;
    }
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

/** The last start that is not after the offset, by bisection. */
function lineIndex(starts: readonly number[], offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
