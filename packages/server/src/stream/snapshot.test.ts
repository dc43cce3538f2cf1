import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Fleet, type HostListener, key, type Readiness, type ServerFrame } from '@portolan/model';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Hub } from './hub.ts';
import { Picture, Pictures } from './picture.ts';

const NO_READINESS = { now: {} as Readiness, subscribe: () => () => {} };

const LISTENERS = 20_000;
const READERS = 20;

let fleet: Fleet;
let hub: Hub;
beforeEach(() => {
  fleet = new Fleet();
  const listener = (port: number): HostListener => ({
    protocol: 'tcp',
    address: '0.0.0.0',
    port,
    netns: 'host',
    v6only: null,
    socket: `${port} ${'s'.repeat(200)}`,
    process: null,
    container: null,
    identity: null,
    since: '2026-01-01T00:00:00Z',
    host: 'h',
  });
  const entries = Array.from({ length: LISTENERS }, (_, i) => {
    const value = listener(i + 1);
    return { key: key.listener('h', value), value: JSON.stringify(value), version: '1.1' as const };
  });
  fleet.load({ entries, position: '1-1', epoch: 1 });
  const replica = { fleet, subscribe: () => () => {}, reached: async () => {} };
  hub = new Hub(replica, { changes: async function* () {} }, NO_READINESS, pino({ level: 'silent' }));
  hub.start();
});
afterEach(() => hub.stop());

function heap(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed / 1024 / 1024;
}

/** Reads at once what it is sent. */
function read(to: number) {
  const told = { entries: 0, synced: false, turn: 0 };
  const send = ({ text }: { text: string }) => {
    const frame = JSON.parse(text) as ServerFrame;
    if (frame.type === 'snapshot') told.entries += frame.entries.length;
    told.synced ||= frame.type === 'synced';
  };
  const filter = { ports: { from: 1, to } };
  hub.subscribe({ topics: ['listener'], filter }, { send, backlog: () => 0, close() {} });
  return told;
}

test('many filters keep no frames, and others have their turn while they are sent', async () => {
  const before = heap();
  const readers = Array.from({ length: READERS }, (_, i) => read(LISTENERS - i));
  let turns = 0;
  while (!readers.every(({ synced }) => synced)) {
    await turn();
    turns++;
  }
  expect(readers.map(({ entries }) => entries)).toEqual(Array.from({ length: READERS }, (_, i) => LISTENERS - i));
  expect(turns).toBeGreaterThan(READERS);
  // All frames are 150 MB.
  expect(heap() - before).toBeLessThan(40);
});

test('one who reads nothing is made one part of its snapshot', async () => {
  let [frames, backlog] = [0, 0];
  const sink = {
    send({ text }: { text: string }) {
      frames++;
      backlog += text.length;
    },
    backlog: () => backlog,
    close() {},
  };
  hub.subscribe({ topics: ['listener'] }, sink);
  await turn();
  expect(frames).toBeLessThan(LISTENERS / 500 / 4);
  backlog = 0;
  await vi.waitFor(() => expect(backlog).toBeGreaterThan(0));
});

test('a few pictures are held, however many read slowly; the oldest is dropped when the last leads nowhere', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    let leadsOn = true;
    const pictures = new Pictures(fleet, () => leadsOn);
    const read: Picture[] = [];
    const later = () => {
      vi.advanceTimersByTime(3_000);
      // While nothing changes, one picture serves all.
      fleet.position = `${1_000_000 + read.length}-later`;
      read.push(pictures.now(() => read));
    };
    for (let i = 0; i < 10; i++) later();
    expect(new Set(read).size).toBe(4);
    expect(read.some(({ dropped }) => dropped)).toBe(false);
    leadsOn = false;
    later();
    expect(read.map(({ dropped }) => dropped).filter(Boolean)).toHaveLength(1);
    expect(read[0]).toMatchObject({ dropped: true, entries: [] });
    read.splice(0);
    expect(pictures.now(() => read)).toBeInstanceOf(Picture);
  } finally {
    vi.useRealTimers();
  }
});
