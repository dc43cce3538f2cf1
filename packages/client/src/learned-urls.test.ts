import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LearnedUrls } from './learned-urls.ts';

const names = (count: number) => Array.from({ length: count }, (_, i) => `http://host-${i}`);

let asked: string[];
beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
});
afterEach(() => vi.useRealTimers());

/** @param isOurs asked for each URL; one that is no coordinator takes 5 s over it */
function learnedUrls(isOurs: (url: string) => boolean, signal?: AbortSignal): LearnedUrls {
  return new LearnedUrls(async (url) => {
    asked.push(url);
    if (!isOurs(url)) await new Promise((resolve) => setTimeout(resolve, 5_000));
    return isOurs(url);
  }, signal);
}

test('only what has proved takes a place, a few are tried at once, and each comes to its turn', async () => {
  const learned = learnedUrls((url) => url === 'http://ours');
  learned.name([...names(31), 'http://ours']);
  await vi.advanceTimersByTimeAsync(0);
  expect(asked).toHaveLength(8);
  await vi.advanceTimersByTimeAsync(15_000);
  expect(learned.proven).toEqual(['http://ours']);
});

test('what did not prove is tried again after a while, and not sooner for being named again', async () => {
  const learned = learnedUrls(() => false);
  for (const urls of [names(1), [], names(1), [], names(1)]) {
    learned.name(urls);
    await vi.advanceTimersByTimeAsync(6_000);
  }
  expect(asked).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toHaveLength(2);
});

test('what has proved is dropped when it proves no more or is named no more, and comes back', async () => {
  let proves = true;
  const learned = learnedUrls(() => proves);
  learned.name(names(2));
  await vi.advanceTimersByTimeAsync(0);
  expect(await learned.isTrusted('http://host-0')).toBe(true);
  learned.doubt('http://host-0');
  proves = false;
  const trusted = learned.isTrusted('http://host-0');
  await vi.advanceTimersByTimeAsync(5_000);
  expect([await trusted, learned.proven]).toEqual([false, ['http://host-1']]);
  proves = true;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(learned.proven).toEqual(['http://host-1', 'http://host-0']);
  learned.name(names(1));
  expect(learned.proven).toEqual(['http://host-0']);
});

test('places are bounded, and nothing is tried after the end', async () => {
  const end = new AbortController();
  const learned = learnedUrls(() => true, end.signal);
  learned.name(names(100));
  await vi.advanceTimersByTimeAsync(0);
  expect(learned.proven).toHaveLength(32);
  end.abort();
  const before = asked.length;
  learned.name(names(1).map((url) => `${url}-more`));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toHaveLength(before);
});
