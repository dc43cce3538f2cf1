import { PortolanError } from '@portolan/model';

const BEGIN = '<!-- portolan:begin (made by "portolan docs": what is written here is replaced) -->';
const END = '<!-- portolan:end -->';
const begins = /<!--\s*portolan:begin\b[\s\S]*?-->/g;
const ends = /<!--\s*portolan:end\b[\s\S]*?-->/g;

/**
 * A document with this content between its markers; the rest of it stays, line ends included.
 *
 * @param text `null` for a document that is still to be made
 * @param path for the message
 * @throws PortolanError `invalid-request` when there is not exactly one pair of markers
 */
export function embedded(text: string | null, content: string, path: string): string {
  if (text === null) return `${block(content)}\n`;
  const [begin, ...moreBegins] = text.matchAll(begins);
  const [end, ...moreEnds] = text.matchAll(ends);
  if (!begin && !end) {
    throw new PortolanError(
      'invalid-request',
      `${path} has no markers. Put these two lines where the port map is to stand:\n${BEGIN}\n${END}`,
      { path },
    );
  }
  if (!begin || !end || moreBegins.length + moreEnds.length > 0 || end.index < begin.index) {
    throw new PortolanError(
      'invalid-request',
      `${path} has to have the markers portolan:begin and portolan:end once each, in this order`,
      { path },
    );
  }
  const lineEnd = text.includes('\r\n') ? '\r\n' : '\n';
  const before = text.slice(0, begin.index + begin[0].length);
  return `${before}${lineEnd}${lineEnd}${content.trim().replaceAll('\n', lineEnd)}${lineEnd}${lineEnd}${text.slice(end.index)}`;
}

/** Where the part between the markers is, markers included; what was made from a plan is no source of one. */
export function generatedPart(text: string): { from: number; to: number } | undefined {
  const [begin] = text.matchAll(begins);
  const [end] = text.matchAll(ends);
  return begin && end && end.index > begin.index ? { from: begin.index, to: end.index + end[0].length } : undefined;
}

function block(content: string): string {
  return `${BEGIN}\n\n${content.trim()}\n\n${END}`;
}
