import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BroadcastQueue } from './broadcast-queue.ts';

test('a message is given as often as it is to be sent, then its sender is told', () => {
  const queue = create(2);
  const told: string[] = [];
  queue.add({ message: bytes(10), finished: (outcome) => told.push(outcome) });
  expect(lengths(queue.take(100, 2))).toEqual([10]);
  expect(told).toEqual([]);
  expect(lengths(queue.take(100, 2))).toEqual([10]);
  expect(told).toEqual(['sent']);
  expect(queue.take(100, 2)).toEqual([]);
});

test('a later message about the same takes the place of the first', () => {
  const queue = create(4);
  const told: string[] = [];
  queue.add({ message: bytes(10), about: 'a', finished: (outcome) => told.push(outcome) });
  queue.add({ message: bytes(11), about: 'b' });
  queue.take(100, 2);
  queue.add({ message: bytes(12), about: 'a' });
  expect(told).toEqual(['replaced']);
  expect(lengths(queue.take(100, 2))).toEqual([12, 11]);
});

test('what was sent least goes first, the largest that fits among equals, the newest among those', () => {
  const queue = create(4);
  queue.add({ message: bytes(40) });
  queue.take(100, 2);
  queue.add({ message: bytes(20, 1) });
  queue.add({ message: bytes(30) });
  queue.add({ message: bytes(20, 2) });
  expect(queue.take(80, 2).map((message) => [message.length, message[0]])).toEqual([
    [30, 0],
    [20, 2],
    [20, 1],
  ]);
  expect(lengths(queue.take(45, 2))).toEqual([40]);
});

test('overhead counts for each message', () => {
  const queue = create(4);
  for (let i = 0; i < 5; i++) queue.add({ message: bytes(8) });
  expect(queue.take(30, 2)).toHaveLength(3);
  expect(queue.take(29, 2)).toHaveLength(2);
  expect(queue.take(1_000, 2, 1)).toHaveLength(1);
});

test('an urgent message goes before all others each time', () => {
  const queue = create(3);
  queue.add({ message: bytes(5), urgent: true });
  queue.take(100, 2);
  queue.add({ message: bytes(50) });
  expect(lengths(queue.take(20, 2))).toEqual([5]);
  expect(lengths(queue.take(100, 2))).toEqual([5, 50]);
  expect(lengths(queue.take(100, 2))).toEqual([50]);
});

test('beyond its capacity it drops what was sent most, and tells', () => {
  const queue = create(4, 2);
  const told: string[] = [];
  queue.add({ message: bytes(10, 1), about: 'old', finished: (outcome) => told.push(outcome) });
  queue.take(100, 2);
  queue.add({ message: bytes(10, 2) });
  queue.add({ message: bytes(10, 3) });
  expect(told).toEqual(['dropped']);
  expect(queue.length).toBe(2);
  expect(queue.take(100, 2).map(([first]) => first)).toEqual([3, 2]);
  queue.prune(0);
  expect(queue.length).toBe(0);
});

test('every message is sent exactly as often as it should be, in packets that hold it', () => {
  const step = fc.oneof(
    fc.record({ length: fc.integer({ min: 1, max: 60 }), about: fc.option(fc.integer({ min: 0, max: 5 })) }),
    fc.record({ room: fc.integer({ min: 0, max: 200 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (steps, transmits) => {
      const queue = create(transmits);
      const sent = new Map<Uint8Array, number>();
      const ends = new Map<Uint8Array, string>();
      for (const each of steps) {
        if ('length' in each) {
          const message = bytes(each.length);
          sent.set(message, 0);
          const about = each.about === null ? {} : { about: String(each.about) };
          queue.add({ message, ...about, finished: (outcome) => ends.set(message, outcome) });
        } else {
          const taken = queue.take(each.room, 2);
          expect(taken.reduce((sum, { length }) => sum + length + 2, 0)).toBeLessThanOrEqual(each.room);
          expect(new Set(taken).size).toBe(taken.length);
          for (const message of taken) sent.set(message, sent.get(message)! + 1);
        }
      }
      let waiting = 0;
      for (const [message, times] of sent) {
        const end = ends.get(message);
        if (end === undefined) waiting++;
        expect(end === 'sent' ? times === transmits : times < transmits).toBe(true);
      }
      expect(queue.length).toBe(waiting);
    }),
    { numRuns: 500 },
  );
});

function create(transmits: number, capacity = 1_000): BroadcastQueue {
  return new BroadcastQueue({ transmits: () => transmits, capacity });
}

function bytes(length: number, first = 0): Uint8Array {
  const message = new Uint8Array(length);
  message[0] = first;
  return message;
}

function lengths(messages: Uint8Array[]): number[] {
  return messages.map(({ length }) => length);
}
