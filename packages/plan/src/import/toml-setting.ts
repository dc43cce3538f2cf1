import type { SourceFile } from './source-file.ts';

/** A setting of a TOML file that stands in one line, without its quotes and trailing comment. */
export interface TomlSetting {
  /** Of the table that it is in: `api`, `services.ports`; empty at the top. */
  table: string;
  key: string;
  value: string;
  /** Of the value, in the file. */
  offset: number;
}

/** Values of several lines have none: no port is written so. */
export function* tomlSettings(file: SourceFile): Generator<TomlSetting> {
  let table = '';
  for (const { text, offset } of file.lines()) {
    if (text.length > 1_000) continue;
    const head = /^\s*\[{1,2}\s*([\w."-]+)\s*\]{1,2}/.exec(text);
    if (head) {
      table = head[1]!.replaceAll('"', '');
      continue;
    }
    const match = /^\s*([\w-]+)\s*=\s*(["']?)([^"'#]*)/.exec(text);
    if (!match) continue;
    const [start, key = '', , value = ''] = match;
    yield { table, key, value: value.trimEnd(), offset: offset + start.length - value.length };
  }
}
