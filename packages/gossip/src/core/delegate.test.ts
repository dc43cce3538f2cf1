import { expect, test } from 'vitest';
import { type Delegate, guard } from './delegate.ts';

const fails = () => {
  throw new Error('no');
};

test('what a delegate leaves out does nothing and refuses nobody', () => {
  const guarded = guard({}, fails);
  expect(guarded.admit(null!)).toBe(true);
  expect(guarded.refuseMerge([])).toBeNull();
  expect(guarded.state(true)).toHaveLength(0);
  expect(guarded.ackPayload()).toBeNull();
  expect(guarded.outgoing.take(100, 3, 10, null)).toEqual([]);
  guarded.message(new Uint8Array(1));
});

test('what a delegate throws goes no further, and whom it could not judge stays out', () => {
  const errors: unknown[] = [];
  const delegate: Delegate = {
    event: fails,
    admit: fails,
    refuseMerge: fails,
    message: fails,
    state: fails,
    ackPayload: fails,
    outgoing: { length: 1, take: fails },
  };
  const guarded = guard(delegate, (error) => errors.push(error));
  guarded.event(null!);
  guarded.message(new Uint8Array(1));
  expect(guarded.admit(null!)).toBe(false);
  expect(guarded.refuseMerge([])).toBe('its check failed');
  expect(guarded.state(false)).toHaveLength(0);
  expect(guarded.ackPayload()).toBeNull();
  expect(guarded.outgoing.take(100, 3, 10, null)).toEqual([]);
  expect(errors).toHaveLength(7);
});

test('a delegate may be an object with methods of its own', () => {
  class Application implements Delegate {
    readonly #heard: string[] = [];
    message(payload: Uint8Array): void {
      this.#heard.push(String(payload));
    }
    get heard(): string[] {
      return this.#heard;
    }
  }
  const application = new Application();
  guard(application, fails).message(Uint8Array.of(1, 2));
  expect(application.heard).toEqual(['1,2']);
});
