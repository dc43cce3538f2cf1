import type { Fact, NameHint } from '../fact.ts';
import type { Importer, Surroundings } from './importer.ts';
import { entryOf, jsonLiteral, textOf } from './literal-tree.ts';
import { portOf } from './port-number.ts';
import type { SourceFile } from './source-file.ts';
import { type TomlSetting, tomlSettings } from './toml-setting.ts';

/** `supabase/config.toml`: what `supabase start` publishes, one port for each of its parts that is not switched off. */
export const supabase: Importer = {
  name: 'supabase',
  matches: (path) => /(?:^|\/)supabase\/config\.toml$/.test(path),
  sizeMax: 1 << 18,
  read: (file) => ({ facts: [...parts(file)], notes: [] }),
};

/** `wrangler.toml`, `wrangler.jsonc`: where `wrangler dev` serves a worker. What it is deployed to has no ports. */
export const wrangler: Importer = {
  name: 'wrangler',
  matches: (path) => /(?:^|\/)wrangler(?:\.[\w-]+)?\.(?:toml|jsonc?)$/.test(path),
  worth: (text) => text.includes('port'),
  sizeMax: 1 << 18,
  read: (file, around) => ({ facts: [...served(file, around)], notes: [] }),
};

/** `fly.toml`: all of its ports are inside the machine or those of the platform's own edge. */
export const fly: Importer = {
  name: 'fly',
  matches: (path) => /(?:^|\/)fly(?:\.[\w-]+)?\.toml$/.test(path),
  sizeMax: 1 << 18,
  read: (file, around) => ({ facts: [...within(file, around)], notes: [] }),
};

function* parts(file: SourceFile): Generator<Fact> {
  const settings = [...tomlSettings(file)];
  const off = new Set(
    settings.flatMap(({ table, key, value }) => (key === 'enabled' && value === 'false' ? [table] : [])),
  );
  for (const { table, key, value, offset } of settings) {
    const port = portOf(value);
    if (
      port === undefined ||
      off.has(table) ||
      !/^(?:api|db|db\.pooler|studio|inbucket|analytics|edge_runtime)$/.test(table)
    )
      continue;
    const name = /^(?:(\w+)_)?port$/.exec(key);
    // The shadow database is there for the moment of a comparison.
    if (!name || name[1] === 'shadow') continue;
    yield {
      kind: 'binds',
      by: 'env',
      importer: 'supabase',
      place: file.place(offset, value.length),
      port,
      protocol: 'tcp',
      names: [{ name: file.directory, from: 'directory' }],
      label: [table.replace(/^.*\./, ''), ...(name[1] ? [name[1]] : [])].join('-'),
      sure: 'certain',
    };
  }
}

function* served(file: SourceFile, around: Surroundings): Generator<Fact> {
  for (const { table, key, value, offset } of wranglerSettings(file)) {
    const port = portOf(value);
    if (table !== 'dev' || port === undefined || !/^(?:inspector_)?port$/.test(key)) continue;
    yield {
      kind: 'binds',
      by: 'source',
      importer: 'wrangler',
      place: file.place(offset, value.length),
      port,
      protocol: 'tcp',
      names: homeOf(file, around),
      fallback: true,
      variant: 'dev',
      ...(key === 'port' ? {} : { label: 'debug' }),
      sure: 'certain',
    };
  }
}

function wranglerSettings(file: SourceFile): Iterable<TomlSetting> {
  if (file.path.endsWith('.toml')) return tomlSettings(file);
  const dev = entryOf(jsonLiteral(file), 'dev');
  return ['port', 'inspector_port'].flatMap((key) => {
    const value = entryOf(dev, key);
    const text = textOf(value);
    return value && text !== undefined ? [{ table: 'dev', key, value: text, offset: value.offset }] : [];
  });
}

function* within(file: SourceFile, around: Surroundings): Generator<Fact> {
  for (const { key, value, offset } of tomlSettings(file)) {
    const port = portOf(value);
    if (port === undefined || !(key === 'internal_port' || key === 'PORT')) continue;
    yield {
      kind: 'internal',
      importer: 'fly',
      place: file.place(offset, value.length),
      port,
      protocol: 'tcp',
      names: homeOf(file, around),
      sure: 'certain',
    };
  }
}

function homeOf(file: SourceFile, around: Surroundings): NameHint[] {
  const home = around.home(file.directory);
  return home === undefined ? [] : [{ name: home, from: 'directory' }];
}
