import { expect, test } from 'vitest';
import { onBehalfOf, Sender } from './access/sender.ts';
import { Turns } from './turns.ts';

const line = { destroyed: false, readableEnded: false };
const of = (id: string, role: 'viewer' | 'admin' = 'viewer') => new Sender(line, undefined, { id, role });

/** Work of so many ms, as a request of the sender. */
const work = (sender: Sender, ms: number, wentOn = () => {}) =>
  onBehalfOf(sender, async () => {
    const turns = new Turns();
    let done = 0;
    for (let at = performance.now(); done < ms; ) {
      while (performance.now() - at < 0.05);
      done += performance.now() - at;
      if (turns.isOver) {
        await turns.next();
        wentOn();
      }
      at = performance.now();
    }
  });

test('however many requests need long, one goes on at a time, and others have many turns of the event loop', async () => {
  let most = 0;
  let inThisTurn = 0;
  let working = true;
  let turns = 0;
  let slices = 0;
  const watching = (async () => {
    while (working) {
      await new Promise(setImmediate);
      most = Math.max(most, inThisTurn);
      slices += inThisTurn;
      turns++;
      inThisTurn = 0;
    }
  })();
  await Promise.all(Array.from({ length: 32 }, (_, i) => work(of(`t${i % 2}`), 40, () => inThisTurn++)));
  working = false;
  await watching;
  expect(most).toBe(1);
  expect(turns / slices).toBeGreaterThan(10);
});

test('accounts take turns: whoever asks for one thing does not wait for all that another one asks for', async () => {
  const ended: string[] = [];
  const many = Array.from({ length: 20 }, () => work(of('greedy'), 40).then(() => ended.push('greedy')));
  await new Promise(setImmediate);
  await work(of('modest'), 40).then(() => ended.push('modest'));
  expect(ended.indexOf('modest')).toBeLessThan(10);
  await Promise.all(many);
});

test('more than 32 of one account that wait are refused, and those of an admin are not', async () => {
  const outcomes = (sender: Sender) => Promise.allSettled(Array.from({ length: 50 }, () => work(sender, 15)));
  const refused = (await outcomes(of('greedy'))).filter(({ status }) => status === 'rejected');
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]).toMatchObject({ reason: { code: 'too-many' } });
  expect((await outcomes(of('admin', 'admin'))).every(({ status }) => status === 'fulfilled')).toBe(true);
});

test('nothing more is done for one who has gone', async () => {
  const gone = { destroyed: false, readableEnded: false };
  const outcome = work(new Sender(gone, undefined, { id: 'gone', role: 'viewer' }), 1_000);
  gone.destroyed = true;
  await expect(outcome).rejects.toMatchObject({ code: 'abandoned' });
});
