import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { program } from './program.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const documents = globSync(['README.md', 'docs/*.md', 'packages/*/README.md'], { cwd: root }).flatMap((document) =>
  commandsOf(readFileSync(`${root}/${document}`, 'utf8')).map((line) => ({ document, line })),
);

/** Parses a command line as the command does, and does nothing. @throws CommanderError */
async function parse(args: readonly string[]): Promise<void> {
  const root = await program(args, true);
  const disarm = (command: Command) => {
    if (command.commands.length === 0 || command.registeredArguments.length > 0) command.action(() => {});
    for (const sub of command.commands) disarm(sub);
  };
  disarm(root);
  await root.parseAsync(args, { from: 'user' });
}

/** The `portolan` commands of the shell blocks of a document, without what the shell makes of the rest of the line. */
function commandsOf(text: string): string[] {
  const blocks = Array.from(text.matchAll(/^```(sh|console|ini)\n(.*?)^```$/gms), ([, kind, block]) => ({
    kind,
    block,
  }));
  const lines = blocks.flatMap(({ kind, block }) =>
    block!
      .replaceAll('\\\n', ' ')
      .split('\n')
      .filter((line) => kind !== 'console' || line.startsWith('$ ')),
  );
  return lines.flatMap((line) =>
    Array.from(line.matchAll(/(?:^|\/|\$ ?\(?|npx |sudo |[A-Z_]=\S+ )portolan (?<args>[^|)<>;&#]+)/g), ({ groups }) =>
      groups!.args!.trim(),
    ),
  );
}

/** As a shell parts words, with quotes and without variables. */
function wordsOf(line: string): string[] {
  return Array.from(
    line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g),
    ([, double, single, bare]) => double ?? single ?? bare ?? '',
  );
}

test.each(documents)('$document: portolan $line', async ({ line }) => {
  await expect(parse(wordsOf(line))).resolves.toBeUndefined();
});

test('the documents have commands', () => {
  expect(documents.length).toBeGreaterThan(30);
});

test('the examples that the commands give in their help are commands', async () => {
  const names = (await program([], true)).commands.map((command) => command.name());
  let count = 0;
  for (const name of names) {
    const chosen = (await program([name], true)).commands.find((command) => command.name() === name)!;
    for (const command of [chosen, ...chosen.commands]) {
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp();
      for (const [, line] of help.matchAll(/^ {2}\$ (?:sudo )?(?:[A-Z_]+=\S+ )*portolan ([^|<>;&#\n]+)/gm)) {
        await expect(parse(wordsOf(line!)), line).resolves.toBeUndefined();
        count++;
      }
    }
  }
  expect(count).toBeGreaterThan(15);
});

test('the command lines of the compose file and of the Kubernetes objects are commands', async () => {
  for (const file of ['deploy/compose.yaml', 'deploy/kubernetes.yaml']) {
    const text = readFileSync(`${root}/${file}`, 'utf8');
    const lists = Array.from(text.matchAll(/^\s*(?:command|args): \[((?:server|agent)\b.*)\]$/gm), ([, list]) => list!);
    expect(lists.length).toBe(2);
    for (const list of lists) {
      await parse(list.split(/,\s*/).map((word) => word.replaceAll("'", '').replace(/\$\(\w+\)/, '10.0.0.5')));
    }
  }
});
