import { posix } from 'node:path';
import { DEFAULT_LABEL } from '@portolan/model';
import { isMap, isScalar, type Pair, type Scalar, stringify, type YAMLMap } from 'yaml';
import type { Charted } from '../check/chart.ts';
import { parseManifest } from '../manifest/file.ts';
import type { ManifestInput } from '../manifest/schema.ts';
import type { NewService } from './addition.ts';

/** A new service with the port that was chosen for it. */
type PlacedService = Omit<NewService, 'range'> & { port: number; range: string | null };

/** The plan with one more service, behind the one that it is like; all else of the file stays as it is written. */
export function manifestWith(text: string, path: string, service: PlacedService, like: Charted | undefined): string {
  const { document } = parseManifest(text, path);
  const entry = { [service.name]: entryOf(service, like) };
  const services = document.get('services');
  const lineEnd = text.includes('\r\n') ? '\r\n' : '\n';
  if (isMap(services) && !services.flow && services.items.length > 0) {
    const items = services.items as Pair<Scalar<string>>[];
    const after = items.find(({ key }) => key.value === like?.service) ?? items.at(-1)!;
    const at = blockEnd(text, after.key.range![0]);
    const indent = ' '.repeat(columnOf(text, after.key.range![0]));
    const block = stringify(entry, { indent: stepOf(text, after) ?? 2, lineWidth: 0, flowCollectionPadding: false });
    const lines = block
      .trimEnd()
      .split('\n')
      .map((line) => `${indent}${line}`);
    return `${text.slice(0, at)}${lineEnd}${lines.join(lineEnd)}${text.slice(at)}`;
  }
  if (isMap(services))
    services.items.push(document.createPair(service.name, entry[service.name]) as Pair<Scalar, never>);
  else document.set('services', entry);
  return document.toString({ lineWidth: 0 });
}

function entryOf(
  { name, description, runtime, status, needs, internalOnly, port, range }: PlacedService,
  like: Charted | undefined,
): NonNullable<ManifestInput['services']>[string] {
  const required = status ?? like?.of.status;
  const beside = like?.of.directory;
  const directory =
    beside !== undefined && posix.basename(beside) === like?.service
      ? posix.join(posix.dirname(beside), name)
      : undefined;
  const isNamed = range !== null && like?.plan.range === range;
  return {
    ...(description !== undefined && { description }),
    ...(runtime !== undefined && { runtime }),
    ...(required !== undefined && { status: required }),
    ...(directory !== undefined && { directory }),
    ...(internalOnly && { internalOnly: true }),
    endpoints: {
      [like?.label ?? DEFAULT_LABEL]: {
        port,
        ...(isNamed && { range }),
        ...(like?.plan.health?.startsWith('/') && { health: like.plan.health }),
      },
    },
    ...(needs.length > 0 && { dependencies: [...needs] }),
  };
}

/** End of the last line that is indented below the line of an offset. */
function blockEnd(text: string, offset: number): number {
  const indent = columnOf(text, offset);
  let end = lineEndAt(text, offset);
  for (let at = end; ; ) {
    const start = text.indexOf('\n', at) + 1;
    if (start === 0) return end;
    const stop = lineEndAt(text, start);
    const line = text.slice(start, stop);
    if (line.trim() !== '') {
      if (line.length - line.trimStart().length <= indent) return end;
      end = stop;
    }
    at = Math.max(stop, start);
    if (at >= text.length) return end;
  }
}

function lineEndAt(text: string, offset: number): number {
  const next = text.indexOf('\n', offset);
  const stop = next < 0 ? text.length : next;
  return text[stop - 1] === '\r' ? stop - 1 : stop;
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1);
}

/** How far the entries of a service are indented below its name. */
function stepOf(text: string, { key, value }: Pair<Scalar<string>>): number | undefined {
  const [first] = isMap(value as YAMLMap) ? (value as unknown as YAMLMap<Scalar>).items : [];
  if (!first || !isScalar(first.key) || !first.key.range) return undefined;
  return columnOf(text, first.key.range[0]) - columnOf(text, key.range![0]);
}
