import { expect, test } from 'vitest';
import { Acks } from './acks.ts';

test('an ack is taken once, by who awaits it', () => {
  const { acks, told, expectOne } = create();
  const [first, second] = [expectOne('first'), expectOne('second')];
  acks.ack(second, Uint8Array.of(7));
  acks.ack(second, null);
  acks.ack(first, null);
  expect(told).toEqual(['second: ack 7', 'first: ack ']);
  expect(acks.size).toBe(0);
});

test('a nack does not use it up', () => {
  const { acks, told, expectOne } = create();
  const seqNo = expectOne('ping');
  acks.nack(seqNo);
  acks.nack(seqNo);
  acks.ack(seqNo, null);
  expect(told).toEqual(['ping: nack', 'ping: nack', 'ping: ack ']);
});

test('what is not awaited, or no more, is nobody’s', () => {
  const { acks, told, expectOne } = create();
  const seqNo = expectOne('ping');
  acks.ack(seqNo + 1, null);
  acks.nack(seqNo + 1);
  acks.forget(seqNo);
  acks.ack(seqNo, null);
  expect(told).toEqual([]);
});

test('numbers count on, and around at 32 bits', () => {
  const acks = new Acks(() => (2 ** 32 - 2) / 2 ** 32);
  const numbers = [1, 2, 3].map(() => acks.expect({ ack() {} }));
  expect(numbers).toEqual([2 ** 32 - 1, 0, 1]);
});

function create() {
  const acks = new Acks(Math.random);
  const told: string[] = [];
  const expectOne = (who: string) =>
    acks.expect({
      ack: (payload) => told.push(`${who}: ack ${payload ?? ''}`),
      nack: () => told.push(`${who}: nack`),
    });
  return { acks, told, expectOne };
}
