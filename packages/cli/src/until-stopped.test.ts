import { afterEach, expect, test } from 'vitest';
import { untilStopped } from './until-stopped.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const before = new Map(signals.map((signal) => [signal, process.listeners(signal)]));

afterEach(() => {
  for (const [signal, listeners] of before) {
    for (const each of process.listeners(signal)) if (!listeners.includes(each)) process.off(signal, each);
  }
});

test.each(signals)('who is told that it is ready may send %s at once', async (signal) => {
  const waits = untilStopped(() => expect(process.emit(signal, signal)).toBe(true));
  await expect(waits).resolves.toBeUndefined();
});
