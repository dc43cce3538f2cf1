import type { Fact, NameHint } from '../fact.ts';
import { commandPorts } from './command-line.ts';
import type { Importer, Surroundings } from './importer.ts';
import { entryOf, jsonLiteral, type Literal, textOf } from './literal-tree.ts';
import { fromCommand, variantOfScript } from './package-script.ts';
import { portOf } from './port-number.ts';
import type { SourceFile } from './source-file.ts';

/** `project.json` of Nx: the ports of the targets that serve something, and those in their commands. */
export const nxProject: Importer = {
  name: 'nx',
  matches: (path) => /(?:^|\/)project\.json$/.test(path),
  worth: (text) => text.includes('"targets"'),
  sizeMax: 1 << 20,
  read: (file, around) => ({ facts: [...targets(file, around)], notes: [] }),
};

/** Other targets are told the port of a server that they look at. */
const SERVES = /^(?:dev|develop|preview|run|serve|start|storybook)(?:$|[:-])/;

function* targets(file: SourceFile, around: Surroundings): Generator<Fact> {
  const project = jsonLiteral(file);
  const name = textOf(entryOf(project, 'name'));
  const home = around.home(file.directory) ?? file.directory;
  const names: NameHint[] = [
    { name: home === '.' ? file.directory : home, from: 'directory' },
    ...(name ? [{ name, from: 'package' as const }] : []),
  ];
  yield { kind: 'named', place: file.place(0), importer: 'package', names, sure: 'certain' };
  const list = entryOf(project, 'targets');
  for (const { key, value } of list?.type === 'object' ? list.entries : []) {
    if (!SERVES.test(key) || /test|e2e|coverage/.test(key)) continue;
    const about = { names, ...(key.startsWith('storybook') ? { label: 'storybook' } : {}), ...variantOfScript(key) };
    const options = entryOf(value, 'options');
    const written = entryOf(options, 'port');
    const port = portOf(textOf(written) ?? '');
    if (written?.type === 'text' && port !== undefined) {
      const { offset, length } = written;
      yield* fromCommand(file, { port, offset, length, role: 'binds' }, 'nx', 'script', about);
    }
    for (const { text, offset } of commandsOf(options)) {
      for (const found of commandPorts(text))
        yield* fromCommand(file, { ...found, offset: offset + found.offset }, 'nx', 'script', about);
    }
  }
}

/** `command`, or `commands`, each a text or an object around one. */
function commandsOf(options: Literal | undefined): { text: string; offset: number }[] {
  const several = entryOf(options, 'commands');
  const all = [entryOf(options, 'command'), ...(several?.type === 'list' ? several.items : [])];
  return all.flatMap((each) => {
    const command = each?.type === 'object' ? entryOf(each, 'command') : each;
    return command?.type === 'text' && command.text.length <= 20_000 ? [command] : [];
  });
}
