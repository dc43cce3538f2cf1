import { expect, test } from 'vitest';
import { confirmations, durabilityOf, NONE_REQUIRED, type Required, requiredReplicas, seen } from './durability.ts';

const AT = '10.0.0.1:6379';
const A = '10.0.0.2:6379';
const B = '10.0.0.3:6379';
const facts = (...online: string[]) => ({ runId: 'p', at: AT, online });
const told = (known: string[], down: string[] = [], certain = true) => ({
  known: new Set(known),
  down: new Set(down),
  doubted: new Set<string>(),
  others: new Set<string>(),
  certain,
  why: '',
});
const level = (required: Required, kind: 'single' | 'sentinel' = 'sentinel') =>
  durabilityOf({ kind, persistence: 'always', required }, undefined);

test('all replicas that are in step have to confirm', () => {
  const required = requiredReplicas(NONE_REQUIRED, facts(A, B), told([A, B]), 0);
  expect(level(required)).toMatchObject({ level: 'replicas:2', replicas: 2, lowered: null });
});

test('a replica that went away may have been promoted: it is waited for until a majority has given it up', () => {
  const before = requiredReplicas(NONE_REQUIRED, facts(A, B), told([A, B]), 0);
  // A planned failover: the one promoted has left the old primary and lives.
  const promoted = requiredReplicas(before, facts(B), told([A, B]), 60_000);
  expect(level(promoted)).toMatchObject({ level: 'replicas:2', replicas: 2 });
  // On the small side of a cut nobody can say anything for sure.
  const cut = requiredReplicas(before, facts(B), told([A, B], [A], false), 60_000);
  expect(level(cut)).toMatchObject({ replicas: 2 });
  const dead = requiredReplicas(before, facts(B), told([A, B], [A]), 1_000);
  expect(level(dead)).toMatchObject({ level: 'replicas:1', replicas: 1, lowered: expect.stringContaining(A) });
  expect(level(requiredReplicas(dead, facts(A, B), told([A, B]), 2_000))).toMatchObject({ replicas: 2, lowered: null });
});

test('one that was taken out of the set for good counts no more, one of a name never told does', () => {
  const before = requiredReplicas(NONE_REQUIRED, facts(A, B), told([A, B]), 0);
  expect(level(requiredReplicas(before, facts(B), told([B]), 0))).toMatchObject({ replicas: 1, lowered: null });
  const otherwise = requiredReplicas(NONE_REQUIRED, facts(A), told(['replica-1:6379']), 0);
  expect(level(requiredReplicas(otherwise, facts(), told(['replica-1:6379']), 0))).toMatchObject({ replicas: 1 });
});

test('the one that was promoted is not waited for once it is the primary', () => {
  const before = requiredReplicas(NONE_REQUIRED, facts(A, B), told([A, B]), 0);
  const after = requiredReplicas(before, { runId: 'a', at: A, online: [B] }, told([AT, B], [AT], false), 0);
  expect([...after.replicas.keys()]).toEqual([B]);
});

test('a primary whose replicas are still on their way acknowledges nothing alone', () => {
  const fresh = requiredReplicas(NONE_REQUIRED, facts(), told([A, B]), 0);
  expect(level(fresh)).toMatchObject({ replicas: 2 });
  const alone = requiredReplicas(NONE_REQUIRED, facts(), told([A], [A]), 0);
  expect(level(alone)).toMatchObject({ level: 'disk', replicas: 0, lowered: expect.stringContaining(A) });
});

test('who begins on the small side of a cut waits for every replica that anybody knows', () => {
  const cut = requiredReplicas(NONE_REQUIRED, facts(A), told([A, B], [], false), 0);
  expect(level(cut)).toMatchObject({ replicas: 2 });
  const doubted = { ...told([A, B]), doubted: new Set([B]) };
  expect(level(requiredReplicas(NONE_REQUIRED, facts(A), doubted, 0))).toMatchObject({ replicas: 2 });
});

test('who begins in the middle of a failover waits for the one that has left and may be the next primary', () => {
  const begun = requiredReplicas(NONE_REQUIRED, facts(B), told([A, B]), 0);
  expect(level(begun)).toMatchObject({ replicas: 2 });
  expect(confirmations(begun, new Map([[B, 100]]), 100)).toBeNull();
  // Once all were in step, the primary of before need not be waited for until it is a replica.
  const whole = requiredReplicas(NONE_REQUIRED, facts(A, B), told([A, B]), 0);
  const after = requiredReplicas(whole, { runId: 'a', at: A, online: [B] }, told([AT, B]), 0);
  expect(level(after)).toMatchObject({ replicas: 1 });
});

test('where servers have other names for those who promote, numbers decide', () => {
  const [a, b] = ['replica-a:6379', 'replica-b:6379'];
  const before = requiredReplicas(NONE_REQUIRED, facts(A, B), told([a, b]), 0);
  expect(level(before)).toMatchObject({ level: 'replicas:2', lowered: null });
  // Promoted, or dead: that is not known yet.
  expect(level(requiredReplicas(before, facts(B), told([a, b]), 0))).toMatchObject({ replicas: 2 });
  expect(level(requiredReplicas(before, facts(B), told([a, b], [a]), 0))).toMatchObject({ replicas: 1 });
  // It is the primary now, under a name that nobody else uses.
  const promoted = requiredReplicas(before, { runId: 'a', at: '127.0.0.1:6379', online: [B, AT] }, told(['p:1', b]), 0);
  expect(level(promoted)).toMatchObject({ level: 'replicas:2', replicas: 2 });
});

test('where nobody promotes by itself, a replica whose place another one has taken is not missed', () => {
  const before = requiredReplicas(NONE_REQUIRED, facts(A), undefined, 0);
  const away = requiredReplicas(before, facts(), undefined, 1_000);
  const replaced = requiredReplicas(away, facts(B), undefined, 5_000);
  expect(level(replaced, 'single')).toMatchObject({ level: 'replicas:1', lowered: null });
});

test('replicas of a primary that syncs later follow it when it forgets, which is told', () => {
  const required = requiredReplicas(NONE_REQUIRED, facts(A), told([A]), 0);
  expect(durabilityOf({ kind: 'sentinel', persistence: 'lazy', required }, undefined)).toMatchObject({
    level: 'replicas:1',
    lowered: expect.stringContaining('loses power'),
  });
});

test('a commit is confirmed by those that could be promoted, and not by as many others', () => {
  const before = requiredReplicas(NONE_REQUIRED, facts(A), told([A]), 0);
  // A left and was promoted, and B came in step meanwhile.
  expect(confirmations(before, new Map([[B, 100]]), 100)).toBeNull();
  expect(confirmations(before, new Map([[A, 99]]), 100)).toBeUndefined();
  expect(confirmations(before, new Map([[A, 100]]), 100)).toBe(1);
  const both = seen(before, [A, B]);
  expect(confirmations(both, new Map([[A, 100]]), 100)).toBeNull();
  expect(
    confirmations(
      before,
      new Map([
        [A, 100],
        [B, 50],
      ]),
      100,
    ),
  ).toBeUndefined();
  const alone = requiredReplicas(NONE_REQUIRED, facts(), told([A]), 0);
  expect(confirmations(alone, new Map(), 100)).toBeNull();
});

test('sentinels without a replica are told of', () => {
  expect(level(requiredReplicas(NONE_REQUIRED, facts(), told([]), 0))).toMatchObject({
    level: 'disk',
    lowered: expect.stringContaining('no replica'),
  });
});

test('where nobody promotes by itself a replica is given up after a moment, aloud', () => {
  const before = requiredReplicas(NONE_REQUIRED, facts(A), undefined, 0);
  const away = requiredReplicas(before, facts(), undefined, 1_000);
  expect(level(away, 'single')).toMatchObject({ replicas: 1 });
  expect(level(requiredReplicas(away, facts(), undefined, 2_000), 'single')).toMatchObject({ replicas: 1 });
  const later = requiredReplicas(away, facts(), undefined, 4_500);
  expect(level(later, 'single')).toMatchObject({ level: 'disk', replicas: 0, lowered: expect.stringContaining(A) });
  expect(level(requiredReplicas(later, facts(A), undefined, 5_000), 'single')).toMatchObject({
    level: 'replicas:1',
    lowered: null,
  });
});

test('a level that was asked for is kept or refused, and not lowered', () => {
  const required = requiredReplicas(NONE_REQUIRED, facts(), undefined, 0);
  const asked = (wanted: string, persistence: 'always' | 'lazy' | 'off') =>
    durabilityOf({ kind: 'single', persistence, required }, wanted);
  expect(asked('replicas:2', 'always')).toEqual({ level: 'replicas:2', replicas: 2, lowered: null, refused: null });
  expect(asked('replicas:2', 'off').lowered).toContain('copy its empty state');
  expect(asked('disk', 'always')).toMatchObject({ level: 'disk', refused: null });
  expect(asked('disk', 'lazy').refused).toContain('does not sync each write');
  expect(asked('memory', 'off')).toEqual({ level: 'memory', replicas: 0, lowered: null, refused: null });
});
