import { posix } from 'node:path';
import type { Fact } from '../fact.ts';
import type { Reading, Surroundings } from './importer.ts';
import { importerOf } from './registry.ts';
import { SourceFile } from './source-file.ts';

/** For tests: a tree in memory. Folders with a package.json, go.mod or Dockerfile are homes. */
export function treeOf(files: Record<string, string>): Surroundings {
  const homes = Object.keys(files)
    .filter((path) => /(?:^|\/)(?:package\.json|go\.mod|Dockerfile)$/.test(path))
    .map((path) => posix.dirname(path));
  const home = (directory: string): string | undefined => {
    if (homes.includes(directory)) return directory;
    return directory === '.' ? undefined : home(posix.dirname(directory));
  };
  const composeFiles = () => Object.keys(files).filter((path) => importerOf(path)?.name === 'compose');
  return { text: (path) => files[path], has: (path) => path in files, home, homes: () => homes, composeFiles };
}

/** For tests: what one file says, by the importer that its path asks for. */
export function read(path: string, text: string, others: Record<string, string> = {}): Reading {
  const importer = importerOf(path);
  if (!importer) throw new Error(`nobody reads ${path}`);
  return importer.read(new SourceFile(path, text), treeOf({ [path]: text, ...others }));
}

/**
 * For tests: each port fact in a line, `binds 3001 api mana-auth`, after proof that its place has just the digits of its
 * port.
 */
export function said(path: string, text: string, others: Record<string, string> = {}): string[] {
  return read(path, text, others).facts.flatMap((fact) => {
    const source = fact.place.file === path ? text : (others[fact.place.file] ?? '');
    if (!('port' in fact)) return [];
    const { offset, length, line, column } = fact.place;
    const digits = source.slice(offset, offset + length);
    if (length > 0 && digits !== String(fact.port)) throw new Error(`the place of ${fact.port} has "${digits}"`);
    if (source.split('\n')[line - 1]?.slice(column - 1, column - 1 + length) !== digits)
      throw new Error('line and column');
    return [lineOf(fact)];
  });
}

function lineOf(fact: Extract<Fact, { port: number }>): string {
  const parts: (string | number | undefined)[] = [
    fact.kind,
    fact.port,
    fact.protocol === 'udp' ? 'udp' : undefined,
    fact.label,
  ];
  if (fact.kind === 'binds') {
    parts.push(fact.inside === undefined ? undefined : `<${fact.inside}`, fact.address, fact.variant);
    if (fact.fallback) parts.push('fallback');
  }
  if (fact.kind === 'refers') parts.push(`${fact.host || '?'}/${fact.scope}`, fact.health ? 'health' : undefined);
  if (fact.kind === 'states') parts.push(fact.planned ? 'planned' : undefined, fact.health ? 'health' : undefined);
  parts.push(fact.names.map(({ name }) => name).join('+'), fact.sure === 'certain' ? undefined : fact.sure);
  return parts.filter((part) => part !== undefined && part !== '').join(' ');
}
