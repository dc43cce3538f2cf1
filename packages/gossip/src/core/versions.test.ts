import { expect, test } from 'vitest';
import type { NodeState } from '../wire/message.ts';
import { areVersions, BARE_VERSIONS, checkVersions } from './versions.ts';

test('all that are alive must understand what each speaks', () => {
  expect(() => checkVersions([node([1, 5, 2, 2, 5, 5])], [node([1, 5, 2, 2, 5, 4])])).not.toThrow();
  expect(() => checkVersions([node([1, 5, 2, 0, 0, 0])], [node([1, 5, 2, 0, 0, 0])])).not.toThrow();
});

test.each([
  ['a bare node and one of Serf', [1, 5, 2, 0, 0, 0], [1, 5, 2, 2, 5, 5]],
  ['a node that speaks what the other does not understand', [1, 5, 2, 2, 5, 5], [1, 5, 2, 2, 4, 4]],
  ['a protocol that is too old', [3, 5, 3, 0, 0, 0], [1, 5, 2, 0, 0, 0]],
])('%s cannot be one cluster', (_, one, other) => {
  expect(() => checkVersions([node(one)], [node(other)])).toThrow(/all members together understand only/);
  expect(() => checkVersions([node(other)], [node(one)])).toThrow(/all members together understand only/);
});

test.each(['dead', 'left'] as const)('a node that is %s counts by what it spoke', (state) => {
  const remote = [node([1, 5, 2, 2, 4, 4]), node([1, 5, 2, 2, 5, 5], state)];
  expect(() => checkVersions([node([1, 5, 2, 2, 5, 4])], remote)).toThrow('application');
});

test('what is cut short counts as version 0', () => {
  expect(() => checkVersions([node([1, 5, 2, 0, 0, 0])], [node([], 'dead')])).toThrow('protocol');
});

test('versions without a range are none', () => {
  expect(areVersions(BARE_VERSIONS)).toBe(true);
  for (const vsn of [[], [0, 0, 0, 0, 0, 0], [3, 2, 2, 0, 0, 0]]) expect(areVersions(Uint8Array.from(vsn))).toBe(false);
});

function node(vsn: number[], state: NodeState['state'] = 'alive'): NodeState {
  const [addr, meta] = [Uint8Array.of(10, 0, 0, 1), new Uint8Array(0)];
  return { name: 'somebody', addr, port: 1, meta, incarnation: 1, state, vsn: Uint8Array.from(vsn) };
}
