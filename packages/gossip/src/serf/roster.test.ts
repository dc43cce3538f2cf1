import { beforeEach, describe, expect, test } from 'vitest';
import { createMember, type Member as Node } from '../core/member.ts';
import { Schedule } from '../sim/schedule.ts';
import { Roster } from './roster.ts';
import { encodeTags } from './tags.ts';

const VERSIONS = Uint8Array.of(1, 5, 2, 2, 5, 5);
const HOUR = 3_600_000;

let clock: Schedule;
let happened: string[];
let refuted: number;
let known: string[] | null;
let roster: Roster;

beforeEach(() => {
  clock = new Schedule();
  happened = [];
  refuted = 0;
  known = null;
  roster = new Roster({
    name: 'self',
    clock,
    wallClock: () => 1_000_000 + clock.now(),
    failedKept: 24 * HOUR,
    leftKept: 12 * HOUR,
    isKnown: (name) => known?.includes(name) ?? true,
    event: ({ type, member }) => happened.push(`${type} ${member.name} ${member.status}`),
    refute: () => refuted++,
  });
  roster.nodeCame(node('self'));
  roster.nodeCame(node('a'));
  happened.length = 0;
});

function node(name: string, tags: Record<string, string> = {}): Node {
  const state = { name, addr: Uint8Array.of(10, 0, 0, 1), port: 1, meta: encodeTags(tags), incarnation: 1 };
  return createMember({ ...state, state: 'alive', vsn: VERSIONS }, 0) as Node;
}

const status = (name = 'a') => roster.get(name)?.status;
const leave = (lTime: number, name = 'a', prune = false) => roster.leaveIntent({ lTime, node: name, prune });
const join = (lTime: number, name = 'a') => roster.joinIntent({ lTime, node: name });

describe('a member', () => {
  test('that goes without a word has failed; with one it has left', () => {
    roster.nodeGone(node('a'));
    expect(status()).toBe('failed');
    roster.nodeCame(node('b'));
    expect(leave(5, 'b')).toBe(true);
    expect(status('b')).toBe('leaving');
    roster.nodeGone(node('b'));
    expect(happened).toEqual(['failed a failed', 'join b alive', 'leave b left']);
  });

  test('of which it is heard late that it meant to leave has left after all', () => {
    roster.nodeGone(node('a'));
    expect(leave(5)).toBe(true);
    expect(happened).toEqual(['failed a failed', 'leave a left']);
  });

  test('is not leaving by an intent that is not newer than its status', () => {
    join(7);
    expect(leave(7)).toBe(false);
    expect(leave(6)).toBe(false);
    expect(status()).toBe('alive');
    roster.nodeGone(node('a'));
    expect(status()).toBe('failed');
  });

  test('that comes back is alive, whatever it was', () => {
    leave(5);
    roster.nodeGone(node('a'));
    roster.nodeCame(node('a', { v: '2' }));
    expect(roster.get('a')).toMatchObject({ status: 'alive', tags: { v: '2' } });
    roster.nodeGone(node('a'));
    roster.nodeCame(node('a'));
    expect(status()).toBe('alive');
  });

  test('that denies that it leaves is alive', () => {
    leave(5);
    expect(join(5)).toBe(false);
    expect(status()).toBe('leaving');
    expect(join(6)).toBe(true);
    expect(status()).toBe('alive');
  });

  test('two leaves of one node do not echo for ever: each is news once', () => {
    expect(leave(5)).toBe(true);
    expect(leave(6)).toBe(true);
    expect(leave(5)).toBe(false);
    expect(leave(6)).toBe(false);
  });

  test('tells when its status began; new tags change that not', () => {
    clock.run(5_000);
    roster.nodeGone(node('a'));
    clock.run(1_000);
    expect(roster.get('a')?.statusSince).toBe(1_005_000);
    roster.nodeCame(node('a'));
    clock.run(1_000);
    roster.nodeChanged(node('a', { v: '3' }));
    expect(roster.get('a')).toMatchObject({ statusSince: 1_006_000, tags: { v: '3' } });
    expect(happened.at(-1)).toBe('update a alive');
  });
});

describe('an intent that comes before its member', () => {
  test('is kept: who was said to leave is leaving when it is heard of', () => {
    expect(leave(5, 'late')).toBe(true);
    expect(leave(5, 'late')).toBe(false);
    roster.nodeCame(node('late'));
    expect(status('late')).toBe('leaving');
  });

  test('counts by its time, whichever came first', () => {
    expect(join(6, 'late')).toBe(true);
    expect(leave(5, 'late')).toBe(false);
    roster.nodeCame(node('late'));
    expect(status('late')).toBe('alive');
    expect(leave(6, 'late')).toBe(false);
  });

  test('is forgotten after five minutes, and no more than some thousand are kept', () => {
    leave(5, 'late');
    clock.run(301_000);
    roster.reap();
    roster.nodeCame(node('late'));
    expect(status('late')).toBe('alive');
    for (let i = 0; i < 5_000; i++) leave(5, `invented-${i}`);
    expect(leave(5, 'one-too-many')).toBe(false);
  });
});

describe('this node', () => {
  test('denies that it leaves, unless it does', () => {
    expect(leave(5, 'self')).toBe(false);
    expect([refuted, status('self')]).toEqual([1, 'alive']);
    expect(roster.time.time).toBe(6);
    // With a time beyond which it could not deny it, it is nobody's word.
    for (const name of ['self', 'a']) expect(leave(Number.MAX_SAFE_INTEGER, name)).toBe(false);
    expect([refuted, status('self'), status('a'), roster.time.time]).toEqual([1, 'alive', 'alive', 6]);
    roster.leaving = true;
    expect(leave(6, 'self')).toBe(true);
    expect([refuted, status('self')]).toEqual([1, 'leaving']);
  });
});

describe('who is gone', () => {
  test('is forgotten after its time, the failed and the left each after theirs', () => {
    leave(5);
    roster.nodeGone(node('a'));
    roster.nodeCame(node('b'));
    roster.nodeGone(node('b'));
    clock.run(13 * HOUR);
    roster.reap();
    expect(happened.at(-1)).toBe('reap a left');
    expect(status('b')).toBe('failed');
    clock.run(12 * HOUR);
    roster.reap();
    expect(happened.at(-1)).toBe('reap b failed');
    expect(roster.members().map(({ name }) => name)).toEqual(['self']);
  });

  test('is soon forgotten when nobody knew it', () => {
    known = ['self', 'a'];
    roster.nodeCame(node('made-up'));
    for (const name of ['a', 'made-up']) roster.nodeGone(node(name));
    clock.run(601_000);
    roster.reap();
    expect(roster.members().map(({ name }) => name)).toEqual(['self', 'a']);
  });

  test('is forgotten at once when it is pruned; one that is still leaving, when it goes', () => {
    roster.nodeGone(node('a'));
    leave(5, 'a', true);
    expect(happened).toEqual(['failed a failed', 'leave a left', 'reap a left']);
    roster.nodeCame(node('b'));
    leave(6, 'b', true);
    expect(status('b')).toBe('leaving');
    roster.nodeGone(node('b'));
    expect(happened.slice(-2)).toEqual(['leave b left', 'reap b left']);
  });

  test('a live one that is pruned, and denies it, stays', () => {
    leave(5, 'a', true);
    join(6);
    roster.nodeGone(node('a'));
    expect(status()).toBe('failed');
  });
});

test('the state of another node brings what was missed, and is not passed on', () => {
  const other = new Roster({
    name: 'other',
    clock,
    wallClock: () => 0,
    failedKept: HOUR,
    leftKept: HOUR,
    event: () => {},
    refute: () => {},
  });
  for (const name of ['other', 'self', 'a', 'b']) other.nodeCame(node(name));
  roster.nodeCame(node('b'));
  other.leaveIntent({ lTime: 8, node: 'a', prune: false });
  other.nodeGone(node('a'));
  leave(3, 'b');
  other.joinIntent({ lTime: 9, node: 'b' });
  roster.nodeGone(node('a'));
  const state = { ...other.state(), eventLTime: 0, events: [], queryLTime: 0, appState: new Uint8Array(0) };
  expect(state.leftMembers).toEqual(['a']);
  roster.merge(state);
  expect([status('a'), status('b')]).toEqual(['left', 'alive']);
  expect(roster.time.time).toBeGreaterThanOrEqual(other.time.time);
});
