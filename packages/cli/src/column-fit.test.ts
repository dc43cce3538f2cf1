import { expect, test } from 'vitest';
import { fitted } from './column-fit.ts';

const head = ['PORT', 'COMMAND'];

test('rows that fit stay as they are', () => {
  expect(fitted(head, [['80', 'nginx']], 40, 2)).toEqual([['80', 'nginx']]);
});

test('the widest cells are broken after blanks and commas, and nothing is lost', () => {
  const long = Array.from({ length: 40 }, (_, at) => `tcp:${40_000 + 2 * at}`).join(',');
  const [[port, cell] = []] = fitted(head, [['24010', long]], 60, 2);
  expect(port).toBe('24010');
  const lines = cell!.split('\n');
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(60 - 2 - 5);
  for (const line of lines.slice(0, -1)) expect(line).toMatch(/,$/);
  expect(lines.join('')).toBe(long);
  const [[, solid] = []] = fitted(head, [['1', 'x'.repeat(100)]], 40, 2);
  expect(solid!.replaceAll('\n', '')).toBe('x'.repeat(100));
});

test('colours count for nothing and are not cut, and a terminal of no width ends nothing', () => {
  const painted = `\u001b[123456;32m${'y'.repeat(8)}\u001b[123456;39m`;
  expect(fitted(head, [[painted, 'a b']], 30, 2)).toEqual([[painted, 'a b']]);
  expect(fitted(head, [['80', 'a'.repeat(30)]], 1, 2)[0]?.[1]?.split('\n')).toHaveLength(3);
});

test('many columns that are all too wide shrink together', () => {
  const rows = [['a'.repeat(50), 'b'.repeat(60), 'c'.repeat(3)]];
  const [row = []] = fitted(['A', 'B', 'C'], rows, 60, 2);
  const widths = row.map((cell) => Math.max(...cell.split('\n').map((line) => line.length)));
  expect(widths[2]).toBe(3);
  expect(widths.reduce((sum, each) => sum + each, 0) + 4).toBeLessThanOrEqual(60);
});
