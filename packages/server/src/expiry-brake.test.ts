import fc from 'fast-check';
import { expect, test } from 'vitest';
import { brake, type Ended, MASS_MIN, MASS_PART } from './expiry-brake.ts';

const SWEEP = 1_000;

interface Lease {
  readonly ttl: number;
  readonly dueAt: number;
}

/** Holders are cut off at 0: sweeps each second, `most` leases at once, until the alarm or the end. */
function sweepUntilAlarm(leases: readonly Lease[], most: number): { ended: number; alarmed: boolean } {
  const byTime = [...leases].sort((a, b) => a.dueAt - b.dueAt);
  let counted: readonly Ended[] = [];
  let ended = 0;
  for (let now = 0; ended < byTime.length; now += SWEEP) {
    // Nothing is due before that.
    now = Math.max(now, Math.floor(byTime[ended]!.dueAt / SWEEP) * SWEEP);
    const due: { ttl: number; spared: boolean }[] = [];
    for (let i = ended; i < byTime.length && byTime[i]!.dueAt <= now && due.length < most; i++) {
      due.push({ ttl: byTime[i]!.ttl, spared: false });
    }
    const verdict = brake(counted, { now, due, standing: byTime.length - ended });
    if (verdict.alarm) return { ended, alarmed: true };
    counted = verdict.ended;
    ended += verdict.end.length;
  }
  return { ended, alarmed: false };
}

/** Holders renew each third of the ttl, at times of their own: so what is left of it when they are cut off differs. */
const fleet = fc
  .record({
    size: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 60, max: 12_000 })),
    ttl: fc.oneof(fc.integer({ min: 5, max: 60 }), fc.constantFrom(60, 300, 3_600, 86_400)),
    phases: fc.constantFrom('equal', 'spread', 'bunched'),
    seed: fc.integer(),
  })
  .map(({ size, ttl, phases, seed }): Lease[] => {
    let state = seed | 1;
    const random = () => {
      state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
      return ((state ^ (state >>> 12)) >>> 0) / 2 ** 32;
    };
    const phase = { equal: () => 0, spread: random, bunched: () => random() ** 4 }[phases];
    return Array.from({ length: size }, () => ({ ttl: ttl * 1000, dueAt: ttl * 1000 * (1 - phase() / 3) }));
  });

test('of any number of leases, with any ttl and whenever they are renewed, a cut ends a part before the alarm', () => {
  fc.assert(
    fc.property(fleet, fc.constantFrom(500, 2_000), (leases, most) => {
      const { ended, alarmed } = sweepUntilAlarm(leases, most);
      expect(ended).toBeLessThanOrEqual(Math.max(MASS_MIN, leases.length * MASS_PART));
      expect(alarmed).toBe(leases.length > MASS_MIN);
    }),
    { numRuns: 150 },
  );
});

test('fleets of several ttls are spared as a whole', () => {
  const leases = [5, 60, 3_600].flatMap((ttl) =>
    Array.from({ length: 1_000 }, (_, i) => ({ ttl: ttl * 1000, dueAt: ttl * 1000 * (1 - i / 3_000) })),
  );
  const { ended, alarmed } = sweepUntilAlarm(leases, 500);
  expect(alarmed).toBe(true);
  expect(ended).toBeLessThanOrEqual(leases.length * MASS_PART);
});

test('holders that leave one by one never raise an alarm', () => {
  let counted: readonly Ended[] = [];
  // One a second of 600 that renew each 20 s: in half a ttl these are 30 of 600.
  for (let now = 0; now < 600_000; now += SWEEP) {
    const verdict = brake(counted, { now, due: [{ ttl: 60_000, spared: false }], standing: 600 });
    expect(verdict).toMatchObject({ alarm: false, end: [{ ttl: 60_000 }] });
    counted = verdict.ended;
  }
});

test('whoever is silent after the alarm still is ended, a part in a sweep, and raises none', () => {
  const due = Array.from({ length: 500 }, () => ({ ttl: 60_000, spared: true }));
  const verdict = brake([], { now: 0, due, standing: 1_000 });
  expect(verdict).toMatchObject({ alarm: false, ended: [] });
  expect(verdict.end).toHaveLength(150);
});

test('a fault that comes while some are still silent from the last one is an alarm of its own', () => {
  const spared = Array.from({ length: 100 }, () => ({ ttl: 60_000, spared: true }));
  const fresh = Array.from({ length: 200 }, () => ({ ttl: 60_000, spared: false }));
  expect(brake([], { now: 0, due: [...spared, ...fresh], standing: 1_000 })).toMatchObject({ alarm: true, end: [] });
});
