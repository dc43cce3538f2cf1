import type { Fact, NameHint } from '../fact.ts';
import type { Importer, Surroundings } from './importer.ts';
import { portOf } from './port-number.ts';
import type { SourceFile } from './source-file.ts';
import { variantOf } from './variant.ts';

/** Settings of Spring Boot, Micronaut and Quarkus: what the program listens on unless its environment says otherwise. */
export const spring: Importer = {
  name: 'spring',
  matches: (path) => /(?:^|\/)(?:application|bootstrap)(?:-[\w-]{1,60})?\.(?:ya?ml|properties)$/.test(path),
  worth: (text) => text.includes('port') || text.includes('name'),
  sizeMax: 1 << 20,
  read: (file, around) => ({ facts: [...settings(file, around)], notes: [] }),
};

const LABELS: Record<string, string | undefined> = {
  'server.port': undefined,
  'micronaut.server.port': undefined,
  'quarkus.http.port': undefined,
  'management.server.port': 'management',
  'grpc.server.port': 'grpc',
};

function* settings(file: SourceFile, around: Surroundings): Generator<Fact> {
  const home = around.home(file.directory);
  const variant = variantOf(file.path);
  for (const { key, value, offset } of entries(file)) {
    if (key === 'spring.application.name' && home !== undefined && /^["']?[\w.-]{1,63}["']?$/.test(value)) {
      const names: NameHint[] = [
        { name: home, from: 'directory' },
        { name: value.replaceAll(/["']/g, ''), from: 'package' },
      ];
      yield { kind: 'named', importer: 'spring', names, place: file.place(offset, value.length), sure: 'certain' };
    }
    if (!Object.hasOwn(LABELS, key)) continue;
    const [, before = '', digits = ''] = /^(["']?(?:\$\{\w{1,100}:)?)(\d{2,5})\}?["']?\s*(?:#.*)?$/.exec(value) ?? [];
    const port = portOf(digits);
    if (port === undefined) continue;
    const label = LABELS[key];
    yield {
      kind: 'binds',
      importer: 'spring',
      by: 'source',
      fallback: true,
      names: home === undefined ? [] : [{ name: home, from: 'directory' }],
      port,
      protocol: 'tcp',
      place: file.place(offset + before.length, digits.length),
      sure: 'certain',
      ...(label ? { label } : {}),
      ...(variant ? { variant } : {}),
    };
  }
}

/** `a.b: value` of each line, with the keys that it is indented below. Lists and texts of several lines have none. */
function* entries(file: SourceFile): Generator<{ key: string; value: string; offset: number }> {
  let above: { indent: number; key: string }[] = [];
  for (const { text, offset } of file.lines()) {
    if (text.length > 1_000) continue;
    const match = /^(\s*)([A-Za-z][\w.-]*)\s*[:=]\s*/.exec(text);
    if (!match) continue;
    const [start, { length: indent }, own = ''] = match as unknown as [string, string, string];
    above = above.filter((each) => each.indent < indent);
    const key = [...above.map((each) => each.key), own].join('.');
    const value = text.slice(start.length).trimEnd();
    if (value === '' || value.startsWith('#')) above.push({ indent, key: own });
    else yield { key, value, offset: offset + start.length };
  }
}
