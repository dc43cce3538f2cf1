import { posix } from 'node:path';
import type { Fact, NameHint } from '../fact.ts';
import { addressesIn } from './address-text.ts';
import { commandPorts } from './command-line.ts';
import { reference } from './dotenv.ts';
import type { Importer, Surroundings } from './importer.ts';
import { fromCommand } from './package-script.ts';
import type { SourceFile } from './source-file.ts';
import { variantOf } from './variant.ts';

/** `name: command` a line, as foreman and its kin read it. */
export const procfile: Importer = {
  name: 'procfile',
  matches: (path) => /(?:^|\/)Procfile(?:\.[\w-]+)?$/.test(path),
  sizeMax: 1 << 18,
  read: (file, around) => ({ facts: [...entries(file, around)], notes: [] }),
};

function* entries(file: SourceFile, around: Surroundings): Generator<Fact> {
  const home = around.home(file.directory);
  const variant = variantOf(file.path);
  for (const { text, offset } of file.lines()) {
    const match = /^([A-Za-z0-9_-]{1,63}):\s*/.exec(text);
    if (!match || text.length > 10_000) continue;
    const [start, name = ''] = match;
    const command = text.slice(start.length);
    const found = commandPorts(command);
    const folder = found.find((each) => each.folder !== undefined)?.folder;
    const path = folder === undefined ? home : posix.normalize(posix.join(file.directory, folder));
    const names: NameHint[] = [{ name, from: 'procfile' }];
    // The Procfile of one service says its process types; that of a whole tree, its services.
    if (path !== undefined && path !== '.' && !path.startsWith('..')) names.push({ name: path, from: 'directory' });
    yield { kind: 'named', place: file.place(offset, name.length), importer: 'procfile', names, sure: 'certain' };
    for (const port of found) {
      yield* fromCommand(file, { ...port, offset: offset + start.length + port.offset }, 'procfile', 'procfile', {
        names,
        ...(variant ? { variant } : {}),
      });
    }
    for (const address of addressesIn(command))
      yield reference(file, offset + start.length, address, '', names, 'procfile');
  }
}
