import { isMap, isSeq } from 'yaml';
import { comment, type Draft } from './draft.ts';
import { type ManifestFile, parseManifest } from './file.ts';

export interface MergedManifest {
  text: string;
  /** What was added, by its path: `services.mana-sync`. */
  added: string[];
  /** Where the files say something else than the manifest, which was left as it is. */
  kept: string[];
}

/**
 * Adds to a manifest what a draft has more: services, endpoints, ranges, blocked ports. What the manifest says already stays
 * as it is, with its comments; where the files say something else that is told.
 */
export function mergeDraft({ manifest, document }: ManifestFile, drafted: Draft, path: string): MergedManifest {
  const added: string[] = [];
  const kept: string[] = [];
  const put = (where: readonly string[], value: unknown) => {
    const node = document.createNode(value);
    comment(node, where, drafted.comments);
    // An empty `{}` or `[]` would go on in one line.
    const parent = document.getIn(where.slice(0, -1), true);
    if ((isMap(parent) || isSeq(parent)) && parent.items.length === 0) parent.flow = false;
    document.setIn(where, node);
    added.push(where.join('.'));
  };

  for (const [name, range] of Object.entries(drafted.input.ranges ?? {})) {
    const { ports } = drafted.manifest.ranges[name]!;
    const known = Object.values(manifest.ranges).some(
      (other) => other.ports.from <= ports.to && ports.from <= other.ports.to,
    );
    if (!known && !(name in manifest.ranges)) put(['ranges', name], range);
  }
  for (const [index, block] of (drafted.input.blocked ?? []).entries()) {
    const { ports } = drafted.manifest.blocked[index]!;
    if (manifest.blocked.some((other) => other.ports.from <= ports.from && ports.to <= other.ports.to)) continue;
    if (document.has('blocked')) document.addIn(['blocked'], document.createNode(block));
    else document.set('blocked', document.createNode([block]));
    added.push(`blocked ${String(block.ports)}`);
  }
  for (const [name, service] of Object.entries(drafted.input.services ?? {})) {
    const own = nameIn(manifest.services, name, service.aliases ?? [], service.directory);
    if (own === undefined) {
      put(['services', name], service);
      continue;
    }
    const planned = manifest.services[own]!;
    for (const [label, endpoint] of Object.entries(service.endpoints ?? {})) {
      const known =
        planned.endpoints[label] ?? Object.values(planned.endpoints).find(({ port }) => port === endpoint.port);
      if (!known) put(['services', own, 'endpoints', label], endpoint);
      else if (typeof endpoint.port === 'number' && typeof known.port === 'number' && endpoint.port !== known.port) {
        kept.push(
          `${own}:${label} has ${known.port} in the manifest and ${endpoint.port} in ${drafted.comments.get(`services/${name}/endpoints/${label}/port`) ?? 'the files'}`,
        );
      }
    }
  }
  // What is open between services that were there is for their owners, who may have decided it.
  const fresh = new Set(added.flatMap((where) => /^services\.([^.]+)$/.exec(where)?.[1] ?? []));
  for (const [id, why] of Object.entries(drafted.input.unsure ?? {})) {
    if (!(id in manifest.unsure) && id.split(/[:+]/).some((part) => fresh.has(part))) put(['unsure', id], why);
  }
  const text = document.toString({ lineWidth: 0 });
  parseManifest(text, path);
  return { text, added, kept };
}

function nameIn(
  services: ManifestFile['manifest']['services'],
  name: string,
  aliases: readonly string[],
  directory: string | undefined,
): string | undefined {
  if (name in services) return name;
  const called = new Set([name, ...aliases]);
  return Object.entries(services).find(
    ([other, planned]) =>
      called.has(other) ||
      planned.aliases.some((alias) => called.has(alias)) ||
      (directory !== undefined && planned.directory === directory),
  )?.[0];
}
