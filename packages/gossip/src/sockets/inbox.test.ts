import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Budget } from './budget.ts';
import { Inbox } from './inbox.ts';

describe('an inbox', () => {
  test('gives the same message however it is cut, and asks only when the answer may have changed', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 400 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
        (body, cuts) => {
          let asked = 0;
          const budget = new Budget(10_000);
          const whole = Uint8Array.of(body.length >> 8, body.length & 255, ...body);
          const inbox = new Inbox((bytes) => {
            asked++;
            if (bytes.length < 2) return 2;
            const length = 2 + ((bytes[0] as number) << 8) + (bytes[1] as number);
            return bytes.length >= length || length;
          }, budget);
          let got: Uint8Array | null = null;
          for (let at = 0, i = 0; at < whole.length; i++) {
            expect(got).toBeNull();
            const size = cuts[i % cuts.length] as number;
            got = inbox.add(whole.subarray(at, at + size));
            at += size;
          }
          expect(got).toEqual(whole);
          expect(asked).toBeLessThanOrEqual(3);
          inbox.close();
          expect(budget.used).toBe(0);
        },
      ),
    );
  });

  test('holds nothing for what was announced, and refuses what there is no room for', () => {
    const budget = new Budget(1_000);
    const inbox = new Inbox(() => 2 ** 30, budget);
    inbox.add(new Uint8Array(10));
    expect(budget.used).toBe(10);
    expect(() => inbox.add(new Uint8Array(1_000))).toThrow('no room');
    expect(budget.used).toBe(10);
    inbox.close();
    expect(budget.used).toBe(0);
  });
});
