import { expect, test } from 'vitest';
import type { WireReason } from './error.ts';
import { addLabel, labelOverhead, removeLabel } from './label.ts';

const bytes = Uint8Array.of(1, 2, 3);

test('a label goes before what it is for, and comes off again', () => {
  expect(addLabel('blue', bytes)).toEqual(Uint8Array.of(0xf4, 4, ...Buffer.from('blue'), 1, 2, 3));
  expect(removeLabel('blue', addLabel('blue', bytes))).toEqual(bytes);
  expect(labelOverhead('blue')).toBe(6);
});

test('no label is no header', () => {
  expect(addLabel('', bytes)).toBe(bytes);
  expect(removeLabel('', bytes)).toEqual(bytes);
  expect(labelOverhead('')).toBe(0);
});

test('another label, one too many and one too few are refused', () => {
  expect(() => removeLabel('blue', addLabel('red', bytes))).toThrow(refusal('label'));
  expect(() => removeLabel('', addLabel('red', bytes))).toThrow(refusal('label'));
  expect(() => removeLabel('blue', bytes)).toThrow(refusal('label'));
  expect(() => removeLabel('blue', new Uint8Array(0))).toThrow(refusal('label'));
});

test('a header that is cut short or has no label is refused', () => {
  expect(() => removeLabel('blue', Uint8Array.of(0xf4))).toThrow(refusal('truncated'));
  expect(() => removeLabel('blue', Uint8Array.of(0xf4, 4, 0x62))).toThrow(refusal('truncated'));
  expect(() => removeLabel('', Uint8Array.of(0xf4, 0, 1))).toThrow(refusal('label'));
});

test('a label has at most 255 bytes, which are fewer characters than that in some scripts', () => {
  expect(removeLabel('x'.repeat(255), addLabel('x'.repeat(255), bytes))).toEqual(bytes);
  expect(() => addLabel('x'.repeat(256), bytes)).toThrow(refusal('label'));
  expect(removeLabel('港'.repeat(85), addLabel('港'.repeat(85), bytes))).toEqual(bytes);
  expect(() => addLabel('港'.repeat(86), bytes)).toThrow('258 bytes');
});

test('two labels that are not UTF-8 do not pass for one another', () => {
  expect(() => removeLabel('\ufffd', Uint8Array.of(0xf4, 1, 0xff, 9))).toThrow(refusal('label'));
});

function refusal(reason: WireReason): unknown {
  return expect.objectContaining({ name: 'WireError', reason });
}
