import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoff } from './backoff.ts';

test('a back-off is never shorter than half its step nor longer than its cap, however often it failed', () => {
  const positive = fc.integer({ min: 1, max: 60_000 });
  const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(fc.nat(5000), positive, positive, unit, (attempt, base, cap, random) => {
      const wait = backoff(attempt, base, cap, random);
      const step = Math.min(cap, base * 2 ** attempt);
      expect(wait).toBeGreaterThanOrEqual(step / 2);
      expect(wait).toBeLessThanOrEqual(step);
    }),
  );
});
