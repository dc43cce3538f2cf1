import { parse as parseJavaScript } from 'acorn';
import { full } from 'acorn-walk';

/** What is replaced where the entry of one service is copied for another. */
export interface Substitution {
  readonly name: string;
  readonly port: number;
  readonly description: string | undefined;
  readonly runtime: string | undefined;
}

export interface Insertion {
  readonly offset: number;
  readonly text: string;
}

/** `from`, turned into the entry of `to`: its names in all spellings, and its port. */
export function substituted(text: string, from: Substitution, to: Substitution): string {
  const spellings: ((name: string) => string)[] = [
    (name) => name,
    (name) => name.replace(/[-.]/g, '_'),
    (name) => name.replace(/[-.]/g, '_').toUpperCase(),
    (name) => name.replace(/[-_.]/g, ' '),
  ];
  let result = text;
  for (const spell of spellings) result = result.replace(whole(spell(from.name)), () => spell(to.name));
  result = result.replace(whole(String(from.port)), () => String(to.port));
  if (from.description) result = result.replaceAll(from.description, () => to.description ?? to.name);
  if (from.runtime && to.runtime) result = result.replace(whole(from.runtime), () => to.runtime!);
  return result;
}

function whole(word: string): RegExp {
  const literal = word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<![\\p{L}\\p{N}_-])${literal}(?![\\p{L}\\p{N}_-])`, 'gu');
}

/** The line of an offset, as a line after it: a row of a table, `NAME_PORT=3001`, `web: start --port 3001`. */
export function lineAfter(text: string, offset: number, from: Substitution, to: Substitution): Insertion | undefined {
  const { start, end } = lineAt(text, offset);
  const line = text.slice(start, end);
  if (
    !whole(from.name).test(line) &&
    !whole(from.name.replace(/[-.]/g, '_').toUpperCase()).test(line.replace(/_PORT\b/g, ''))
  )
    return undefined;
  return appended(text, end, substituted(line, from, to));
}

/** A row of a Markdown table, where its port puts it; `undefined` for what is no row. */
export function rowAmong(text: string, offset: number, from: Substitution, to: Substitution): Insertion | undefined {
  let first = lineAt(text, offset).start;
  const line = text.slice(first, lineAt(text, first).end);
  if (!isRow(line) || !whole(from.name).test(line)) return undefined;
  for (let above = first; above > 0; ) {
    above = lineAt(text, above - 1).start;
    const row = text.slice(above, lineAt(text, above).end);
    if (!isRow(row) || /^[\s|:-]+$/.test(row)) break;
    first = above;
  }
  const rows = linesFrom(text, first);
  const end = rows.findIndex((row) => !isRow(row.text));
  const lower = rows.slice(0, end < 0 ? rows.length : end).findLast((row) => portIn(row.text) < to.port);
  const copy = substituted(line, from, { ...to, description: to.description ?? '' });
  if (lower) return appended(text, lower.end, copy);
  return { offset: first, text: `${copy}${lineEndOf(text)}` };
}

function portIn(row: string): number {
  return Number(/\b[1-9]\d{2,4}\b/.exec(row)?.[0] ?? Number.POSITIVE_INFINITY);
}

function isRow(line: string): boolean {
  return line.trimStart().startsWith('|');
}

/**
 * The block of YAML that begins in the line of an offset, with what is indented below it, behind itself.
 *
 * @param without keys of it that say what no other service shares: volumes, secrets
 */
export function blockAfter(
  text: string,
  offset: number,
  from: Substitution,
  to: Substitution,
  without: readonly string[] = [],
): Insertion | undefined {
  const { start } = lineAt(text, offset);
  const lines = linesFrom(text, start);
  const [first] = lines;
  if (!first) return undefined;
  const indent = indentOf(first.text);
  let count = 1;
  while (lines[count] && (lines[count]!.text.trim() === '' || indentOf(lines[count]!.text) > indent)) count++;
  while (lines[count - 1]!.text.trim() === '') count--;
  const block = lines.slice(0, count).map((line) => line.text);
  const last = lines[count - 1]!;
  // Nobody but the author knows the image.
  const copy = withoutKeys(block, without).map((line) =>
    /^\s*image:/.test(line) ? line.replace(/image:.*/, `image: ${to.name}`) : substituted(line, from, to),
  );
  return appended(text, last.end, copy.join('\n'));
}

/**
 * The item of a YAML list that is the service's: the outermost around an offset whose first line has its name. Where it
 * stands in a list on one line, behind itself.
 */
export function itemAfter(text: string, offset: number, from: Substitution, to: Substitution): Insertion | undefined {
  let { start, end } = lineAt(text, offset);
  const line = text.slice(start, end);
  const flow = flowItemAfter(text, offset, from, to);
  if (flow) return flow;
  let within = indentOf(line) + 1;
  let outermost: number | undefined;
  for (;;) {
    const each = text.slice(start, end);
    const indent = indentOf(each);
    if (each.trim() !== '' && indent < within) {
      within = indent;
      if (each.trimStart().startsWith('- ') && whole(from.name).test(each)) outermost = start;
    }
    if (start === 0) break;
    ({ start, end } = lineAt(text, start - 1));
  }
  return outermost === undefined ? undefined : blockAfter(text, outermost, from, to);
}

/** Of `['a:1', 'b:2']`, several on one line. */
function flowItemAfter(text: string, offset: number, from: Substitution, to: Substitution): Insertion | undefined {
  const open = text.lastIndexOf('[', offset);
  const close = text.indexOf(']', offset);
  if (open < 0 || close < 0 || !text.slice(open, close).includes(',') || text.slice(open, offset).includes(']'))
    return undefined;
  const start = Math.max(text.lastIndexOf(',', offset), open) + 1;
  const next = text.indexOf(',', offset);
  const end = next < 0 ? close : Math.min(next, close);
  const item = text.slice(start, end).trim();
  if (!whole(from.name).test(item)) return undefined;
  return { offset: start + text.slice(start, end).trimEnd().length, text: `, ${substituted(item, from, to)}` };
}

/** The object of an array in a JavaScript file that an offset lies in and that has the name of the service. */
export function elementAfter(
  text: string,
  offset: number,
  from: Substitution,
  to: Substitution,
): Insertion | undefined {
  let found: { start: number; end: number } | undefined;
  try {
    full(
      parseJavaScript(text, { ecmaVersion: 'latest', sourceType: 'module', allowReturnOutsideFunction: true }),
      (node) => {
        if (node.type !== 'ArrayExpression') return;
        for (const element of (node as unknown as { elements: ({ start: number; end: number; type: string } | null)[] })
          .elements) {
          if (element?.type === 'ObjectExpression' && element.start <= offset && element.end >= offset)
            found ??= element;
        }
      },
    );
  } catch {
    return undefined;
  }
  if (!found || !whole(from.name).test(text.slice(found.start, found.end))) return undefined;
  const indent = /[ \t]*$/.exec(text.slice(lineAt(text, found.start).start, found.start))?.[0] ?? '';
  const lineEnd = text.includes('\r\n') ? '\r\n' : '\n';
  return {
    offset: found.end,
    text: `,${lineEnd}${indent}${substituted(text.slice(found.start, found.end), from, to)}`,
  };
}

/** Leaves out entries of a block by their keys, with what is below them. */
function withoutKeys(block: readonly string[], keys: readonly string[]): string[] {
  const kept: string[] = [];
  let below = Number.POSITIVE_INFINITY;
  for (const line of block) {
    const indent = indentOf(line);
    if (indent > below) continue;
    below = Number.POSITIVE_INFINITY;
    const key = /^\s*([\w.-]+):/.exec(line)?.[1];
    if (key !== undefined && keys.includes(key)) below = indent;
    else kept.push(line);
  }
  return kept;
}

function appended(text: string, end: number, entry: string): Insertion {
  const lineEnd = lineEndOf(text);
  return { offset: end, text: `${lineEnd}${entry.replaceAll('\n', lineEnd)}` };
}

function lineEndOf(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

function lineAt(text: string, offset: number): { start: number; end: number } {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  const next = text.indexOf('\n', offset);
  const stop = next < 0 ? text.length : next;
  return { start, end: text[stop - 1] === '\r' ? stop - 1 : stop };
}

function linesFrom(text: string, start: number): { text: string; end: number }[] {
  const lines: { text: string; end: number }[] = [];
  for (let at = start; at <= text.length; ) {
    const { end } = lineAt(text, at);
    lines.push({ text: text.slice(at, end), end });
    const next = text.indexOf('\n', end);
    if (next < 0) break;
    at = next + 1;
  }
  return lines;
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
