import { randomBytes } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import type { Clock } from '../world.ts';
import { decodeFrame, encodeFrame, encodeInventory, type Frame } from './frame.ts';
import { keySeals, statementOf } from './seals.ts';
import { Sheet } from './sheet.ts';
import { Sheets } from './sheets.ts';
import { createSigningKey, type SigningKey } from './signing-key.ts';

/** What a member may try that has the key of gossip and says whatever it likes, in the name of whomever it likes. */
const WALL = Date.parse('2026-01-01');
const records = (...pairs: [string, string][]) => new Map(pairs);

let now: number;
let timers: { at: number; call: () => void }[];
let keys: Map<string, SigningKey>;
let sent: { to: string; frame: Frame; size: number }[];
let refused: string[];
let victim: Sheets;
beforeEach(() => {
  now = 0;
  timers = [];
  keys = new Map(['registry', 'victim', 'honest', 'rogue'].map((name) => [name, createSigningKey()]));
  sent = [];
  refused = [];
  const clock: Clock = {
    now: () => now,
    after(delay, call) {
      const timer = { at: now + delay, call };
      timers.push(timer);
      return {
        cancel: () => {
          timers = timers.filter((other) => other !== timer);
        },
      };
    },
  };
  victim = new Sheets({
    channel: {
      name: 'victim',
      broadcast: () => {},
      send: async (to, payload) =>
        void sent.push({
          to,
          size: payload.length,
          get frame() {
            return decodeFrame(payload);
          },
        }),
    },
    clock,
    wallClock: () => WALL + now,
    random: () => 0.5,
    seals: keySeals(
      (owner) => (owner === 'victim' ? keys.get('victim') : undefined),
      (owner) => keys.get(owner)?.publicKey,
    ),
    changed: () => {},
    refused: (owner) => refused.push(owner),
    sizeOf: () => ({ records: 100, characters: 10_000 }),
  });
});

function pass(ms: number): void {
  const end = now + ms;
  for (;;) {
    timers.sort((a, b) => a.at - b.at);
    const due = timers[0];
    if (!due || due.at > end) break;
    timers.shift();
    now = due.at;
    due.call();
  }
  now = end;
}

/** @param by whose key it is signed with */
function signed(owner: string, version: number, of: Map<string, string>, by = owner): Sheet {
  const { digest } = new Sheet(owner, version, of);
  return new Sheet(owner, version, of, keys.get(by)!.sign(statementOf({ owner, version, digest })));
}
const versionOf = ({ owner, version, digest, signature }: Sheet) => ({ owner, version, digest, signature });
const say = (frame: Frame, from = 'rogue') => victim.receive(encodeFrame(frame), from);
const partOf = (sheet: Sheet, puts: ReadonlyMap<string, string> = sheet.records): Frame => ({
  type: 'part',
  ...versionOf(sheet),
  index: 0,
  total: 1,
  puts,
});
const deltaTo = (sheet: Sheet, from = 0, puts = sheet.records): Frame => ({
  type: 'delta',
  ...versionOf(sheet),
  from,
  puts,
  deletes: [],
});
/** A claim without a signature, as members make when they compare. */
const claim = (sheet: Sheet, from = 'rogue') => {
  const { owner, version, digest } = sheet;
  victim.compare(encodeInventory({ from, sheets: [{ owner, version, digest }] }));
};
/** Whom it asked for what since. */
const asked = () =>
  sent
    .splice(0)
    .flatMap(({ to, frame }) => (frame.type === 'want' ? frame.sheets.map(({ owner }) => [to, owner]) : []));
const forged = () => signed('registry', WALL + 5_000, records(['a', 'mine']), 'rogue');
const genuine = () => signed('registry', WALL, records(['a', '1']));

test.each([
  ['a change', () => say(deltaTo(forged()))],
  ['a change in the name of its writer', () => say(deltaTo(forged()), 'registry')],
  ['that there is a newer version', () => say({ type: 'head', ...versionOf(forged()) })],
  ['a part that nobody asked for', () => say(partOf(forged()))],
  [
    'changes that nobody asked for',
    () => say({ type: 'changes', owner: 'registry', deltas: [encodeFrame(deltaTo(forged()))] }),
  ],
])("without the writer's key: %s", (_, attack) => {
  say(deltaTo(genuine()), 'honest');
  attack();
  pass(30_000);
  expect(asked()).toEqual([]);
  expect(victim.get('registry')?.records).toEqual(records(['a', '1']));
});

test('who claims to have more is asked, and believed no further: not the whole, not the changes, nor in another name', () => {
  say(deltaTo(genuine()), 'honest');
  claim(forged());
  pass(1_000);
  expect(asked()).toEqual([['rogue', 'registry']]);
  say(partOf(forged()), 'honest');
  say({ type: 'changes', owner: 'registry', deltas: [encodeFrame(deltaTo(forged(), WALL))] });
  pass(100);
  say(partOf(forged()));
  expect(victim.get('registry')?.records).toEqual(records(['a', '1']));
  expect(refused).toContain('registry');
  // And for a while nothing more is asked of it, while others still are.
  asked();
  claim(forged());
  pass(30_000);
  expect(asked()).toEqual([]);
  claim(signed('registry', WALL + 9_000, records(['a', '2'])), 'honest');
  pass(1_000);
  expect(asked()).toEqual([['honest', 'registry']]);
});

test('a signed version with other records is not taken', () => {
  const newer = signed('registry', WALL + 1_000, records(['a', '2']));
  say(deltaTo(newer, 0, records(['a', 'mine'])));
  say({ type: 'head', ...versionOf(newer) });
  pass(2_000);
  say(partOf(newer, records(['a', 'mine'])));
  expect(victim.get('registry')).toBeUndefined();
  say(deltaTo(newer), 'honest');
  expect(victim.get('registry')?.records).toEqual(records(['a', '2']));
});

test('what was true once is not taken again', () => {
  const [older, newer] = [
    signed('registry', WALL, records(['a', '1'])),
    signed('registry', WALL + 1, records(['a', '2'])),
  ];
  say(deltaTo(older), 'honest');
  say(deltaTo(newer, WALL), 'honest');
  say(deltaTo(older));
  claim(older);
  pass(30_000);
  expect(asked()).toEqual([]);
  expect(victim.get('registry')?.records).toEqual(records(['a', '2']));
});

test('no version is taken that runs ahead of the clock, so nobody can be kept from going beyond it', () => {
  for (const version of [WALL + 3_600_000, Number.MAX_SAFE_INTEGER - 1]) {
    say(deltaTo(signed('honest', version, records(['x', '1']))), 'honest');
    claim(signed('honest', version, records(['x', '1'])));
  }
  pass(30_000);
  expect(asked()).toEqual([]);
  expect(victim.get('honest')).toBeUndefined();
});

test("nobody moves the version of another's own sheet by a claim", () => {
  victim.publish('victim', records(['mine', '1']), WALL);
  claim(signed('victim', WALL + 500_000, records(['not', 'mine']), 'rogue'));
  pass(1_000);
  say(partOf(signed('victim', WALL + 500_000, records(['not', 'mine']), 'rogue')));
  say({ type: 'head', ...versionOf(signed('victim', WALL + 500_000, records(['not', 'mine']), 'rogue')) });
  expect(victim.get('victim')).toMatchObject({ version: WALL, records: records(['mine', '1']) });
});

test('a claim displaces no version that is signed: its writer is asked all the same', () => {
  say({ type: 'head', ...versionOf(signed('honest', WALL + 10, records(['x', '1']))) }, 'honest');
  for (let i = 0; i < 20; i++) claim(signed('honest', WALL + 1_000 + i, records(['x', 'no'])), `rogue-${i}`);
  pass(2_000);
  expect(asked()).toEqual([['honest', 'honest']]);
});

test('one that says nothing when asked is not waited for forever', () => {
  claim(signed('honest', WALL + 1_000, records(['x', 'no'])));
  pass(1_000);
  expect(asked()).toEqual([['rogue', 'honest']]);
  pass(11_000);
  claim(signed('honest', WALL + 10, records(['x', '1'])), 'honest');
  pass(1_000);
  expect(asked()).toEqual([['honest', 'honest']]);
});

test('its own sheet may be as large as a sheet may be, in whatever way it comes; and parts never take more room', () => {
  const many = (from: number, count: number) =>
    new Map(Array.from({ length: count }, (_, i): [string, string] => [`k${from + i}`, 'v']));
  const large = signed('rogue', WALL + 1, many(0, 101));
  say(deltaTo(large));
  say({ type: 'head', ...versionOf(large) });
  pass(2_000);
  say(partOf(large));
  expect(victim.get('rogue')).toBeUndefined();
  expect(victim.overflow).toEqual(['rogue']);
  // By and by.
  const first = signed('rogue', WALL + 2, many(0, 60));
  say(deltaTo(first));
  say(deltaTo(signed('rogue', WALL + 3, many(0, 120)), WALL + 2, many(60, 60)));
  expect(victim.get('rogue')?.size.records).toBe(60);
  // A few large ones.
  const heavy = records(['a', 'x'.repeat(6_000)], ['b', 'x'.repeat(6_000)]);
  say(deltaTo(signed('rogue', WALL + 4, heavy)));
  expect(victim.get('rogue')?.size.records).toBe(60);
  expect(victim.size).toBe(60);
});

test('asking for a sheet a thousand times gets it once, whoever asks; and all answers together have their bounds', () => {
  const text = () => randomBytes(4_000).toString('base64');
  victim.publish('victim', new Map(Array.from({ length: 200 }, (_, i) => [`k${i}`, text()])), WALL);
  const want = () =>
    encodeFrame({ type: 'want', sheets: Array.from({ length: 64 }, () => ({ owner: 'victim', have: 0 })) });
  const bytes = () => sent.splice(0).reduce((sum, { size }) => sum + size, 0);
  victim.receive(want(), 'honest');
  const whole = bytes();
  expect(whole).toBeGreaterThan(800_000);
  for (let i = 0; i < 8; i++) victim.receive(want(), 'honest');
  pass(4_000);
  expect(bytes()).toBe(0);
  // What came too soon is answered later, once.
  pass(20_000);
  expect(bytes()).toBe(whole);
  // And whatever names the asker makes up.
  for (let i = 0; i < 100; i++) victim.receive(want(), `made-up-${i}`);
  expect(bytes()).toBeLessThan(20 * 1024 * 1024);
  pass(1_000);
  expect(bytes()).toBeLessThan(20 * 1024 * 1024);
  pass(20_000);
  bytes();
  victim.receive(want(), 'late');
  expect(bytes()).toBe(whole);
});
