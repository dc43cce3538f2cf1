import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { givenVariables } from '@portolan/model';
import { expect, test } from 'vitest';
import { variables } from './variables.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

test('each variable that is read anywhere is known, and no other', () => {
  const files = globSync(['packages/*/{src,bin,bench}/**/*.{ts,js}', 'scripts/**/*.mjs', 'test/**/*.ts'], {
    cwd: root,
  });
  const read = files
    .filter((file) => !file.includes('node_modules'))
    .flatMap((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      // Tests name variables that they set, too.
      const isTest = file.startsWith('test/') || file.endsWith('.test.ts');
      return Array.from(text.matchAll(isTest ? READ : /PORTOLAN_[A-Z]\w*/g), ([found]) => found.replace(/.*\./, ''));
    });
  const expected = new Set([...variables, ...givenVariables]);
  expect([...new Set(read)].toSorted()).toEqual([...expected].toSorted());
});

const READ = /\benv(ironment)?\.PORTOLAN_[A-Z]\w*/g;
