import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { Schedule } from '../sim/schedule.ts';
import { MESSAGES } from './message.ts';
import { Past } from './past.ts';
import { UserEvents } from './user-events.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (payload: Uint8Array) => Buffer.from(payload).toString();

interface Node {
  readonly events: UserEvents;
  readonly delivered: string[];
  readonly sent: Uint8Array[];
}

let clock: Schedule;
let node: Node;

beforeEach(() => {
  clock = new Schedule();
  node = create();
});

function create(): Node {
  const [delivered, sent]: [string[], Uint8Array[]] = [[], []];
  const events = new UserEvents({
    clock,
    deliver: ({ name, payload }) => delivered.push(`${name} ${text(payload)}`),
    broadcast: (message) => sent.push(message),
    coalescing: { quiet: 1_000, most: 3_000 },
  });
  return { events, delivered, sent };
}

const heard = (to: Node, lTime: number, name: string, payload = '', coalesce = false) =>
  to.events.heard({ lTime, name, payload: bytes(payload), coalesce });

describe('an event', () => {
  test('of this node is heard here at once and sent; each has a time of its own', () => {
    node.events.send('deploy', bytes('1'), false);
    node.events.send('deploy', bytes('1'), false);
    expect(node.delivered).toEqual(['deploy 1', 'deploy 1']);
    expect(node.sent.map((message) => MESSAGES.event.decode(message).lTime)).toEqual([1, 2]);
  });

  test('is heard and passed on once, however often it comes', () => {
    for (let i = 0; i < 3; i++) heard(node, 4, 'deploy', '1');
    heard(node, 4, 'deploy', '2');
    expect(node.delivered).toEqual(['deploy 1', 'deploy 2']);
    expect(node.sent).toHaveLength(2);
    expect(node.events.time.time).toBe(5);
  });

  test('that is older than what is remembered is taken for seen', () => {
    heard(node, 1_000, 'new');
    heard(node, 400, 'old');
    heard(node, 600, 'late');
    expect(node.delivered).toEqual(['new ', 'late ']);
  });

  test('over 512 bytes is refused when sent, over 9 KiB when heard', () => {
    expect(() => node.events.send('name', new Uint8Array(509), false)).toThrow('513 bytes');
    node.events.send('name', new Uint8Array(508), false);
    heard(node, 9, 'name', 'x'.repeat(9 * 1024));
    expect(node.delivered).toHaveLength(1);
  });
});

describe('a state', () => {
  test('brings events that gossip has missed, and they are not sent again', () => {
    for (let i = 1; i <= 3; i++) heard(node, i, `event-${i}`);
    const other = create();
    heard(other, 2, 'event-2');
    other.events.merge({ ...empty, ...node.events.state() }, false);
    expect([...other.delivered].sort()).toEqual(['event-1 ', 'event-2 ', 'event-3 ']);
    expect(other.sent).toHaveLength(1);
    other.events.merge({ ...empty, ...node.events.state() }, false);
    expect(other.delivered).toHaveLength(3);
  });

  test('when joining brings nothing that was before; what comes after is heard', () => {
    heard(node, 5, 'before');
    const other = create();
    other.events.merge({ ...empty, ...node.events.state() }, true);
    heard(other, 5, 'before');
    other.events.send('after', bytes(''), false);
    heard(other, 6, 'at the same time');
    expect(other.delivered).toEqual(['after ', 'at the same time ']);
  });

  test('has the newest events when not all have room', () => {
    for (let i = 1; i <= 300; i++) heard(node, i, `${i}`, 'x'.repeat(450));
    const { events } = node.events.state();
    expect(events[0]?.lTime).toBe(300);
    expect(events.length).toBeGreaterThan(100);
    expect(events.length).toBeLessThan(160);
  });
});

describe('events that may stand for one another', () => {
  test('are heard as the latest one, once none has come for a while', () => {
    heard(node, 1, 'deploy', '1', true);
    clock.run(500);
    heard(node, 3, 'deploy', '3', true);
    heard(node, 2, 'deploy', '2', true);
    heard(node, 2, 'restart', 'a', true);
    clock.run(900);
    expect(node.delivered).toEqual([]);
    clock.run(200);
    expect([...node.delivered].sort()).toEqual(['deploy 3', 'restart a']);
    expect(node.sent).toHaveLength(4);
  });

  test('are not held back for ever', () => {
    for (let i = 1; i <= 10; i++) {
      heard(node, i, 'deploy', `${i}`, true);
      clock.run(500);
    }
    expect(node.delivered).toEqual(['deploy 6']);
  });
});

test('what was seen is remembered as long as it is among the last 512 times', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 1_500 }), fc.integer({ min: 0, max: 2 }))), (items) => {
      const past = new Past<number>((one, other) => one === other);
      const seen = new Set<string>();
      let now = 1;
      for (const [lTime, item] of items) {
        now = Math.max(now, lTime + 1);
        const isNew = past.add(lTime, item, now);
        // Nothing is new twice; what is recent is new once.
        if (isNew) expect(seen.has(`${lTime} ${item}`)).toBe(false);
        else if (lTime > now - 500) expect(seen.has(`${lTime} ${item}`)).toBe(true);
        if (isNew) seen.add(`${lTime} ${item}`);
      }
    }),
  );
});

const empty = { lTime: 0, statusLTimes: new Map(), leftMembers: [], queryLTime: 0, appState: new Uint8Array(0) };
