import type { Node } from 'yaml';
import type { Fact, NameHint } from '../fact.ts';
import { addressesIn, isHealthPath, namesOfHost, scopeOf } from './address-text.ts';
import type { Importer } from './importer.ts';
import { portOf } from './port-number.ts';
import type { SourceFile } from './source-file.ts';
import { YamlTree } from './yaml-tree.ts';

/** Prometheus' own file, those of its kin, and lists of targets for `file_sd_configs`. */
export const prometheus: Importer = {
  name: 'prometheus',
  matches: (path) =>
    /(?:^|\/)(?:[\w.-]*(?:prometheus|vmagent|promscrape|scrape)[\w.-]*\.ya?ml|(?:[\w.-]*targets[\w.-]*|file_sd\/[\w.-]+)\.(?:ya?ml|json))$/i.test(
      path,
    ),
  sizeMax: 1 << 20,
  read: (file) => {
    const yaml = new YamlTree(file);
    const facts = yaml.documents.flatMap((document) => [...groups(file, yaml, document, undefined, 0)]);
    return { facts, notes: yaml.notes };
  },
};

/** Every list called `targets`, wherever it stands, with the name of the job above it. */
function* groups(
  file: SourceFile,
  yaml: YamlTree,
  node: Node | null,
  job: string | undefined,
  depth: number,
): Generator<Fact> {
  if (depth > 12) return;
  if (!yaml.isMap(node)) {
    for (const item of yaml.items(node)) if (yaml.isMap(item)) yield* groups(file, yaml, item, job, depth + 1);
    return;
  }
  const named = yaml.text(yaml.get(node, 'job_name')) ?? yaml.text(yaml.get(node, 'labels', 'job')) ?? job;
  const told = yaml.text(yaml.get(node, 'labels', 'service'));
  for (const { key, value } of yaml.entries(node)) {
    if (key === 'targets') yield* targets(file, yaml, yaml.items(value), told, named);
    else if (yaml.isMap(value) || yaml.items(value).some((item) => yaml.isMap(item)))
      yield* groups(file, yaml, value, named, depth + 1);
  }
}

function* targets(
  file: SourceFile,
  yaml: YamlTree,
  items: Node[],
  told: string | undefined,
  job: string | undefined,
): Generator<Fact> {
  type Target = { host: string; port: number; offset: number; length: number; path: string; url: string | undefined };
  const found = items.flatMap((item): Target[] => {
    const written = yaml.written(item);
    if (!written) return [];
    const [address] = addressesIn(written.text);
    if (address?.url) {
      const { host, port, offset, length, path, url } = address;
      return [{ host, port, offset: written.offset + offset, length, path, url }];
    }
    const [, host = '', digits = ''] =
      /^([\w.-]{1,253}|\[[0-9a-f:]{2,45}\]):(\d{1,5})(?:\/|$)/i.exec(written.text) ?? [];
    const port = portOf(digits);
    if (port === undefined) return [];
    const offset = written.offset + written.text.indexOf(':', host.length) + 1;
    return [{ host, port, offset, length: digits.length, path: '', url: undefined }];
  });
  // A job with several ports is a group of services: then its name names none of them.
  const single = new Set(found.map(({ port }) => port)).size === 1;
  for (const { host, port, offset, length, path, url } of found) {
    const names: NameHint[] = namesOfHost(host, 'target');
    if (told) names.push({ name: told, from: 'target' });
    if (job && single) names.push({ name: job, from: 'target' });
    yield {
      kind: 'refers',
      importer: 'prometheus',
      port,
      protocol: 'tcp',
      place: file.place(offset, length),
      names,
      host,
      scope: scopeOf(host),
      sure: 'certain',
      ...(url ? { url } : {}),
      ...(isHealthPath(path) ? { health: true } : {}),
    };
  }
}
