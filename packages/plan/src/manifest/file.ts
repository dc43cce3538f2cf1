import { PortolanError } from '@portolan/model';
import { type Document, isNode, LineCounter, parseDocument } from 'yaml';
import type { Place } from '../fact.ts';
import { SourceFile } from '../import/source-file.ts';
import { Manifest } from './schema.ts';

/** A manifest as it is written: what it says, and the document that keeps its comments when it is changed. */
export interface ManifestFile {
  manifest: Manifest;
  document: Document;
  /** Where the value of a path stands: the characters of a scalar without its quotes, the start of anything else. */
  place(path: readonly (string | number)[]): Place | undefined;
}

/** A manifest is read whole; one of this many characters is none that people keep. */
const LENGTH_MAX = 4 << 20;

/**
 * @param path for messages and places
 * @throws PortolanError `invalid-request` with each thing that is wrong and its line
 */
export function parseManifest(text: string, path: string): ManifestFile {
  if (text.length > LENGTH_MAX)
    throw new PortolanError(
      'too-large',
      `${path} has more than ${LENGTH_MAX >> 20} MiB: a plan of one project is shorter`,
    );
  const lines = new LineCounter();
  const document = parseDocument(text, { logLevel: 'silent', lineCounter: lines });
  const at = (offset: number) => `${path}:${lines.linePos(offset).line}`;
  const [broken] = document.errors;
  if (broken) {
    throw new PortolanError(
      'invalid-request',
      `${at(broken.pos[0])}: this is no valid YAML: ${broken.message.split('\n')[0]!.replace(/ at line.*$/, '')}`,
      { path },
    );
  }
  const parsed = Manifest.safeParse(valueIn(document, path));
  if (!parsed.success) {
    const issues = parsed.error.issues.map(({ path: where, message }) => {
      const node = nearestNode(document, where as (string | number)[]);
      return `${node?.range ? at(node.range[0]) : path}: ${where.length > 0 ? `${where.join('.')}: ` : ''}${message}`;
    });
    const shown = issues.slice(0, 20);
    if (issues.length > shown.length) shown.push(`and ${issues.length - shown.length} more`);
    throw new PortolanError(
      'invalid-request',
      `${path} is no manifest:\n${shown.map((line) => `  ${line}`).join('\n')}`,
      { path, issues },
    );
  }
  const file = new SourceFile(path, text);
  return {
    manifest: parsed.data,
    document,
    place: (where) => {
      const node = document.getIn(where, true);
      if (!isNode(node) || !node.range) return undefined;
      const [start, end] = node.range;
      const raw = text.slice(start, end);
      const quoted = /^(["'])([\s\S]*)\1$/.exec(raw);
      if (quoted) return file.place(start + 1, quoted[2]!.length);
      return file.place(start, raw.includes('\n') ? 0 : raw.length);
    },
  };
}

function valueIn(document: Document, path: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 1000 });
  } catch (error) {
    throw new PortolanError(
      'invalid-request',
      `${path}: ${(error as Error).message}: write out what its aliases (*name) stand for`,
      { path },
    );
  }
}

function nearestNode(document: Document, path: readonly (string | number)[]) {
  for (let length = path.length; length >= 0; length--) {
    const node = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (isNode(node)) return node;
  }
  return undefined;
}

/**
 * Several manifests as one plan each project: files of one project are put together.
 *
 * @throws PortolanError `invalid-request` when two files of a project say something of one service or range
 */
export function mergeManifests(files: readonly { path: string; manifest: Manifest }[]): Manifest[] {
  const merged = new Map<string, { path: string; manifest: Manifest }>();
  for (const { path, manifest } of files) {
    const before = merged.get(manifest.project);
    if (!before) {
      merged.set(manifest.project, { path, manifest });
      continue;
    }
    for (const part of ['services', 'ranges'] as const) {
      const twice = Object.keys(manifest[part]).find((name) => name in before.manifest[part]);
      if (twice === undefined) continue;
      throw new PortolanError(
        'invalid-request',
        `${path} and ${before.path} are both of project ${manifest.project} and both have ${part}.${twice}: leave it to one of them`,
        { path },
      );
    }
    const { manifest: other } = before;
    merged.set(manifest.project, {
      path: before.path,
      manifest: {
        ...other,
        ranges: { ...other.ranges, ...manifest.ranges },
        services: { ...other.services, ...manifest.services },
        blocked: [...other.blocked, ...manifest.blocked],
        pairings: [...other.pairings, ...manifest.pairings],
        files: [...new Set([...other.files, ...manifest.files])],
        ignore: [...new Set([...other.ignore, ...manifest.ignore])],
        unsure: { ...other.unsure, ...manifest.unsure },
      },
    });
  }
  return [...merged.values()].map(({ manifest }) => manifest);
}
