import type { NameHint, NameSource } from '../fact.ts';
import { isGeneric, slugOf, tellingParts } from './service-name.ts';

/** Sources that define a service; the others only speak of one. The first of them names it best. */
export const definingSources: readonly NameSource[] = [
  'compose',
  'pm2',
  'kubernetes',
  'unit',
  'procfile',
  'process',
  'directory',
  'package',
  'container',
  'image',
  'address',
  'document',
];

/** In words: `compose service cart`. */
export function reasonOf({ name, from }: NameHint): string {
  const words: Record<NameSource, string> = {
    compose: 'compose service',
    container: 'container',
    directory: 'folder',
    package: 'package',
    pm2: 'PM2 process',
    procfile: 'Procfile entry',
    process: 'process',
    unit: 'unit',
    kubernetes: 'Kubernetes object',
    address: 'Kubernetes Service',
    target: 'target',
    upstream: 'upstream',
    host: 'host name',
    variable: 'variable',
    document: 'name',
    heading: 'title',
    image: 'image',
    flag: 'script',
  };
  return `${words[from]} ${name}`;
}

/** The name that a folder gives: that of its last part, or of all telling parts where that alone tells nothing. */
export function folderName(folder: string): string {
  const parts = tellingParts(folder);
  const last = parts.at(-1) ?? '';
  return isGeneric(slugOf(last)) ? parts.slice(-2).join('-') : last;
}

/** Names that a folder may be called by: its last part, the last two, all of them. */
export function folderSlugs(folder: string, project: string): Set<string> {
  const parts = tellingParts(folder);
  if (parts.length === 0) return new Set([project]);
  return new Set(
    [slugOf(parts.at(-1)!), slugOf(parts.slice(-2).join('-')), slugOf(parts.join('-'))].filter((slug) => slug !== ''),
  );
}
