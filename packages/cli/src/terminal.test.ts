import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { plain } from './output.ts';
import { harmless } from './terminal.ts';

const source = import.meta.dirname;

test('what rewrites a screen or turns letters around is shown as a mark, and lines and tabs stay', () => {
  const harmful = [
    '\u001b[31m',
    '\u0000',
    '\u0007',
    '\u009b2J',
    '\r',
    '\u202e',
    '\u2066',
    '\u200f',
    '\u061c',
    '\u007f',
    '\u200b',
    '\u200d',
    '\u2060',
    '\ufeff',
  ];
  expect(harmful.map(harmless)).toEqual(harmful.map((text) => `\ufffd${text.slice(1)}`));
  expect(harmless('a\tb\r\nc – ümläut 統')).toBe('a\tb\r\nc – ümläut 統');
  expect(harmless('👩‍💻 👩🏽‍💻 ❤️‍🔥 shop\u200dweb')).toBe('👩‍💻 👩🏽‍💻 ❤️‍🔥 shop\ufffdweb');
  expect(plain('a\nb\t\u202ec')).toBe('a\ufffdb\ufffd\ufffdc');
});

test('nobody writes to the terminal but the one that makes it harmless', () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /(?<!\.test)\.ts$/.test(file),
  );
  const writers = files.filter((file) =>
    /\b(stdout|stderr)\.write\(|console\.(log|error|warn|info)\(/.test(readFileSync(join(source, file), 'utf8')),
  );
  // `top` enters and leaves a screen of its own.
  expect(writers.sort()).toEqual(['commands/top.ts', 'terminal.ts']);
});
