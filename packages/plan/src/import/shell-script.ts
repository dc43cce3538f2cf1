import type { Fact, NameHint } from '../fact.ts';
import { addressesIn } from './address-text.ts';
import { commandPorts } from './command-line.ts';
import { reference } from './dotenv.ts';
import type { Importer, Surroundings } from './importer.ts';
import { fromCommand, homeOfPaths } from './package-script.ts';
import { portVariable } from './port-variable.ts';
import type { SourceFile } from './source-file.ts';

/** Shell scripts, Makefiles and justfiles: flags and settings of the commands in them, and addresses. */
export const shellScript: Importer = {
  name: 'shell',
  matches: (path) =>
    /\.(?:sh|bash|zsh|fish|mk)$|(?:^|\/)(?:Makefile|GNUmakefile|justfile|Taskfile\.ya?ml)$/i.test(path),
  worth: (text) => /port|-p\b|localhost|127\.0\.0\.1|:\/\//i.test(text),
  sizeMax: 1 << 20,
  read: (file, around) => ({ facts: [...commands(file, around)], notes: [] }),
};

function* commands(file: SourceFile, around: Surroundings): Generator<Fact> {
  const home = around.home(file.directory);
  // A script at the top of a tree starts one service after another: which one a port belongs to, its name has to say.
  const own: NameHint[] = home === undefined || home === '.' ? [] : [{ name: home, from: 'directory' }];
  for (const port of commandPorts(file.text)) {
    const meaning = port.variable === undefined ? undefined : portVariable(port.variable);
    const named: NameHint[] = [];
    if (port.name) named.push({ name: port.name, from: 'container' });
    if (meaning?.role === 'named') named.push({ name: meaning.name, from: 'variable' });
    const folder = port.folder?.replace(/^\.\//, '');
    if (folder && around.home(folder) === folder) named.push({ name: folder, from: 'directory' });
    const started = named.length === 0 ? homeOfPaths(port.paths ?? [], '.', around) : undefined;
    if (started !== undefined) named.push({ name: started, from: 'directory' });
    const names = [...named, ...own];
    for (const fact of fromCommand(file, port, 'shell', 'script', { names })) {
      yield names.length > 0 || fact.kind !== 'binds'
        ? fact
        : { ...fact, sure: 'unsure', why: 'the script does not say which service it starts' };
    }
  }
  for (const address of addressesIn(file.text)) yield reference(file, 0, address, '', own, 'shell');
}
