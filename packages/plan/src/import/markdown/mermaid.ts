import type { Fact, NameHint } from '../../fact.ts';
import { portsIn } from '../port-number.ts';
import type { SourceFile } from '../source-file.ts';
import { isName, type Passage, type Setting } from './passage.ts';

/** Nodes and arrows of a flow chart: `A[Orchestrator :3005] --> B[Database :3002]` says two ports and a dependency. */
export function mermaidFacts(file: SourceFile, { text, offset }: Passage, setting: Setting): Fact[] {
  if (!/^\s*(?:%%[^\n]*\n|---[\s\S]{0,500}?---\s*\n)?\s*(?:graph|flowchart)\b/.test(text)) return [];
  const facts: Fact[] = [];
  const names = new Map<string, NameHint | undefined>();
  const arrows: { from: string; to: string; at: number }[] = [];
  let start = 0;
  for (const line of text.split('\n')) {
    if (line.length <= 2000 && !/^\s*(?:%%|style|class|classDef|linkStyle|subgraph|end|click|direction)\b/.test(line)) {
      facts.push(...readLine(file, line, offset + start, setting, names, arrows));
    }
    start += line.length + 1;
  }
  for (const { from, to, at } of arrows) {
    const [needs, needed] = [names.get(from), names.get(to)];
    if (needs && needed) {
      facts.push({
        kind: 'depends',
        place: file.place(at, from.length),
        importer: 'markdown',
        names: [needs],
        on: [needed],
        sure: 'likely',
        why: 'an arrow in a diagram',
      });
    }
  }
  return facts;
}

/** Node ids with their labels in any of the shapes' brackets, and the arrows between them. */
function* readLine(
  file: SourceFile,
  written: string,
  offset: number,
  setting: Setting,
  names: Map<string, NameHint | undefined>,
  arrows: { from: string; to: string; at: number }[],
): Generator<Fact> {
  // What is written on an arrow is no node: `A -->|reads| B`, `A -- reads --> B`.
  const line = written
    .replace(/\|[^|\n]{0,80}\|/g, (label) => ' '.repeat(label.length))
    .replace(/(--|==|-\.)\s[^\->=\n]{1,60}\s(-->|==>|\.->)/g, (arrow) => `${'-'.repeat(arrow.length - 1)}>`);
  const nodes = [
    ...line.matchAll(
      /(?<![\w-])([A-Za-z_][\w]{0,60})(?:\s{0,2}(?:\[{1,2}|\({1,3}|\{{1,2}|>)[(/\\]?\s{0,2}"?([^"\])}|]{1,120})"?\s{0,2}[)/\\]?(?:\]{1,2}|\){1,3}|\}{1,2}))?/g,
    ),
  ];
  let before: { id: string; end: number } | undefined;
  for (const { 0: whole, 1: id = '', 2: label, index } of nodes) {
    if (before !== undefined) {
      const between = line.slice(before.end, index);
      if (/^\s*<?[-=.]{1,80}[>xo]\s*$/.test(between)) arrows.push({ from: before.id, to: id, at: offset + index });
    }
    before = { id, end: index + whole.length };
    if (label === undefined) {
      if (!names.has(id)) names.set(id, undefined);
      continue;
    }
    const at = index + whole.indexOf(label);
    const [port] = portsIn(label.replace(/(\s):(?=\d)/g, '$1 '));
    const name = (port ? label.slice(0, port.from.offset) + label.slice(port.end) : label)
      .replace(/<br\s?\/?>/gi, ' ')
      .replace(/\bport\b|[():]/gi, ' ')
      .replace(/\s+/g, ' ')
      .trim();
    const hint: NameHint | undefined = isName(name) ? { name, from: 'document' } : undefined;
    names.set(id, hint);
    if (hint && port && !port.to) {
      yield {
        kind: 'states',
        importer: 'markdown',
        names: [hint],
        port: port.from.port,
        protocol: 'tcp',
        planned: setting.planned,
        place: file.place(offset + at + port.from.offset, port.from.length),
        sure: 'certain',
      };
    }
  }
}
