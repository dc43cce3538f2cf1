import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { changesBy, type FileChange, unifiedDiff } from './change.ts';
import { Ledger } from './ledger.ts';

let directory: string;
let root: string;
let ledger: Ledger;

beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'portolan-ledger-')));
  root = join(directory, 'tree');
  mkdirSync(root);
  ledger = new Ledger(join(directory, 'state', 'edits.sqlite'));
});
afterEach(() => {
  ledger.close();
  rmSync(directory, { recursive: true, force: true });
});

function write(file: string, text: string): void {
  mkdirSync(join(root, file, '..'), { recursive: true });
  writeFileSync(join(root, file), text);
}
function undo(): string | undefined {
  const last = ledger.last(root);
  if (last) ledger.undo(last);
  return last?.summary;
}
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const edit = (file: string, offset: number, expected: string, replacement: string) => ({
  file,
  offset,
  expected,
  replacement,
});

test('edits touch nothing but the digits, whatever the encoding of lines and the byte order mark', () => {
  write('a.env', '\ufeffPORT=3001\r\n# 3001 keeps\r\nOTHER=3001');
  write('deep/ä.md', '| ü | 3001 |\n');
  chmodSync(join(root, 'a.env'), 0o640);
  const changes = changesBy(root, [edit('a.env', 6, '3001', '40010'), edit('deep/ä.md', 6, '3001', '3002')]);
  ledger.write(root, changes, 'a test');
  expect(read('a.env')).toBe('\ufeffPORT=40010\r\n# 3001 keeps\r\nOTHER=3001');
  expect(read('deep/ä.md')).toBe('| ü | 3002 |\n');
  expect(statSync(join(root, 'a.env')).mode & 0o777).toBe(0o640);
  expect(readdirSync(root)).toEqual(['a.env', 'deep']);
  expect(unifiedDiff(changes)).toContain('+\ufeffPORT=40010');
});

test('what was written is taken back by undo, step by step, files that were made included', () => {
  write('a', 'one');
  ledger.write(root, [{ file: 'a', before: 'one', after: 'two' }], 'first');
  ledger.write(
    root,
    [
      { file: 'a', before: 'two', after: 'three' },
      { file: 'new/b', before: null, after: 'made' },
    ],
    'second',
  );
  expect(read('new/b')).toBe('made');
  expect(undo()).toBe('second');
  expect(read('a')).toBe('two');
  expect(existsSync(join(root, 'new/b'))).toBe(false);
  expect(undo()).toBe('first');
  expect(read('a')).toBe('one');
  expect(undo()).toBeUndefined();
});

test('nothing is written when one file of several has changed since it was read', () => {
  write('a', '1');
  write('b', '1');
  const changes = changesBy(root, [edit('a', 0, '1', '2'), edit('b', 0, '1', '2')]);
  write('b', '1, and a word');
  expect(() => ledger.write(root, changes, 'x')).toThrow(expect.objectContaining({ code: 'file-changed' }));
  expect(read('a')).toBe('1');
  expect(() => changesBy(root, [edit('a', 0, '7', '8')])).toThrow(expect.objectContaining({ code: 'file-changed' }));
  expect(undo()).toBeUndefined();
});

test('undo does not overwrite what was changed since', () => {
  write('a', '1');
  ledger.write(root, changesBy(root, [edit('a', 0, '1', '2')]), 'x');
  write('a', '3');
  expect(() => undo()).toThrow(expect.objectContaining({ code: 'file-changed' }));
  expect(read('a')).toBe('3');
});

test('a file that cannot be written leaves all of them as they were', () => {
  write('a', '1');
  write('z/b', '1');
  const changes: FileChange[] = [
    { file: 'a', before: '1', after: '2' },
    { file: 'a/below', before: null, after: '2' },
  ];
  expect(() => ledger.write(root, changes, 'x')).toThrow();
  expect(read('a')).toBe('1');
  expect(ledger.recover()).toEqual([]);
});

test('nothing outside of the tree is written, by whatever way', () => {
  const outside = join(directory, 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'a'), '1');
  symlinkSync(outside, join(root, 'folder'));
  symlinkSync(join(outside, 'a'), join(root, 'file'));
  for (const file of ['folder/a', 'file', '../outside/a', '/etc/hostname', 'x/../../outside/a']) {
    expect(() => changesBy(root, [edit(file, 0, '1', '2')]), file).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^(forbidden|file-changed)$/) }),
    );
    expect(() => ledger.write(root, [{ file, before: '1', after: '2' }], 'x'), file).toThrow();
  }
  expect(readFileSync(join(outside, 'a'), 'utf8')).toBe('1');
});

test('a file that is not UTF-8 is not edited', () => {
  writeFileSync(join(root, 'latin'), Buffer.from([0x50, 0xe4, 0x31]));
  expect(() => changesBy(root, [edit('latin', 2, '1', '2')])).toThrow(/not written in UTF-8/);
});

test('killed at any point, the next run finds all or none', { timeout: 120_000 }, async () => {
  const count = 60;
  const files = Array.from({ length: count }, (_, index) => `d${index % 7}/f${index}`);
  const before = (file: string) => `# ${file}\nPORT=3001\n`;
  const after = (file: string) => `# ${file}\nPORT=4001\n`;
  let mixed = 0;
  let whole = 0;
  // More rounds where this process is too slow to kill the other on the way.
  for (let round = 0; round < 12 || (round < 100 && (mixed < 3 || whole < 3)); round++) {
    for (const file of files) write(file, before(file));
    // Killed when so many files have been changed: at the very start, on the way, at the very end.
    const mark = round % 3 === 0 ? undefined : files[(round * 7) % count]!;
    const child = writer(files, round);
    if (mark === undefined) {
      await new Promise((resolve) => setTimeout(resolve, round * 4));
      if (round > 6) await once(child.stdout!, 'data');
    } else {
      while (child.exitCode === null && child.signalCode === null && read(mark) === before(mark)) await tick();
    }
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    const changed = files.filter((file) => read(file) === after(file)).length;
    if (changed > 0 && changed < count) mixed++;

    ledger.recover();
    const states = new Set(
      files.map((file) => (read(file) === after(file) ? 'after' : read(file) === before(file) ? 'before' : 'torn')),
    );
    expect(states.size).toBe(1);
    expect(states).not.toContain('torn');
    expect(
      readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.includes('portolan')),
    ).toEqual([]);
    if (states.has('after')) {
      whole++;
      undo();
      expect(files.every((file) => read(file) === before(file))).toBe(true);
    }
  }
  expect(mixed).toBeGreaterThan(2);
  expect(whole).toBeGreaterThan(2);
});

test('an interrupted write is taken back when somebody changed a file of it since', async () => {
  const files = Array.from({ length: 60 }, (_, index) => `f${index}`);
  for (const file of files) write(file, `# ${file}\nPORT=3001\n`);
  let strange: string | undefined;
  for (let attempt = 0; strange === undefined && attempt < 20; attempt++) {
    const child = writer(files, attempt);
    while (child.exitCode === null && read('f3').includes('3001')) await tick();
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    strange = files.find((file) => read(file).includes('3001'));
    if (strange === undefined) {
      ledger.recover();
      undo();
    }
  }
  write(strange!, 'by hand');
  const [recovered] = ledger.recover();
  expect(recovered).toMatchObject({ outcome: 'taken-back', strange: [strange] });
  expect(files.filter((file) => read(file).includes('4001'))).toEqual([]);
  expect(read(strange!)).toBe('by hand');
  expect(ledger.recover()).toEqual([]);
});

/** A process of its own that writes all files. */
function writer(files: readonly string[], round: number): ChildProcess {
  const module = fileURLToPath(new URL('ledger.ts', import.meta.url));
  const script = `
    const { Ledger } = await import(${JSON.stringify(module)});
    const changes = ${JSON.stringify(files)}.map((file) => ({
      file, before: '# ' + file + '\\nPORT=3001\\n', after: '# ' + file + '\\nPORT=4001\\n',
    }));
    const ledger = new Ledger(${JSON.stringify(join(directory, 'state', 'edits.sqlite'))});
    ledger.write(${JSON.stringify(root)}, changes, 'round ${round}');
    console.log('done');
    setInterval(() => {}, 1000);`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
}

function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
