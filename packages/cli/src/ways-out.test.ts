import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { commands } from './program.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** What stands in the place of each expression of a text: by what it is called in the sources. */
const VALUES: readonly (readonly [RegExp, string])[] = [
  [/wish/i, ' --preferred 3051'],
  [/flag/i, ' --protocol udp'],
  [/owner/, ' --owner shop'],
  [/formatInterval|\bblock\b/, '3000-3099'],
  [/argumentsFor|serviceId|endpoint\.service|\bservice\b|keeper|\bid\b.*service/, 'shop/cart'],
  [/endpoint\.label/, 'api'],
  [/quotaOf|instance/, '20'],
  [/policy/, 'allocate'],
  [/range\.name|project|path|target/, 'shop'],
  [/origin/, 'http://127.0.0.1:7678'],
  [/port|from/i, '3050'],
  [/\bid\b|host/, '3f2c9a'],
];

/** What is signed or hashed begins so, too. */
const NO_COMMANDS = /^portolan (host|coordinator|fleet)\b|\\0/;

/** Every command that a text of the rules, the coordinator, the checks or the page shows. */
function shown(): { command: string; file: string }[] {
  const files = globSync(['packages/{model,server,plan,mcp}/src/**/*.ts', 'packages/dashboard/page/**/*.{ts,tsx}'], {
    cwd: root,
  }).filter((file) => !/\.test\.tsx?$|node_modules/.test(file));
  return files.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8').replace(/^\s*(\/\/|\*|\/\*\*).*$/gm, '');
    // What is in quotes within a sentence, or is a text by itself that goes on with parentheses or another sentence.
    const found = [...text.matchAll(/"(portolan [a-z][^"\n]*)"|['`](portolan [a-z][^'`\n]*)['`]/g)];
    return found
      .map(([, quoted, whole = '']) => quoted ?? whole.replace(/ \(.*$/s, ''))
      .filter((text) => !NO_COMMANDS.test(text))
      .map((text) => ({ command: filled(text), file }));
  });
}

function filled(command: string): string {
  return command
    .replaceAll(/\$\{([^}]*)\}/g, (_, expression: string) => {
      const value = VALUES.find(([pattern]) => pattern.test(expression));
      if (!value) throw new Error(`what stands in the place of ${expression} in: ${command}?`);
      return value[1];
    })
    .trim();
}

/** Up to what it would do, which it does not. @throws CommanderError when it cannot be read */
async function parsed(command: string): Promise<void> {
  const [, name = '', ...args] = command.split(' ');
  const entry = commands[name] ?? Object.values(commands).find(({ alias }) => alias === name);
  if (!entry) throw new Error(`there is no command ${name}`);
  const program = await entry.load();
  const quiet = (each: Command): void => {
    each.exitOverride().configureOutput({ writeOut: () => {}, writeErr: () => {} });
    if (each.commands.length === 0) each.action(() => {});
    for (const inner of each.commands) quiet(inner);
  };
  quiet(program);
  await program.parseAsync(args, { from: 'user' });
}

test('every command that is shown can be pasted as it is', async () => {
  const all = shown();
  expect(all.length, 'they are found').toBeGreaterThan(40);
  const wrong: string[] = [];
  for (const { command, file } of all) {
    if (/[<>…]|\b[A-Z]{4,}\b/.test(command)) wrong.push(`${file}: ${command} has a gap to be filled in`);
    else {
      await parsed(command).catch((error: { code?: string; message: string }) => {
        const isMention = /^portolan [a-z]+( [a-z]+)?$/.test(command) && /^commander\.missing/.test(error.code ?? '');
        if (error.code === 'commander.helpDisplayed' || isMention) return;
        wrong.push(`${file}: ${command}: ${error.message}`);
      });
    }
  }
  expect(wrong).toEqual([]);
});
