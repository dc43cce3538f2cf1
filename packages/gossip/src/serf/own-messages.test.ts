import { beforeEach, describe, expect, test } from 'vitest';
import { MESSAGES } from './message.ts';
import { OwnMessages } from './own-messages.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (payload: Uint8Array) => Buffer.from(payload).toString();

let delivered: string[];
let node: OwnMessages;

beforeEach(() => {
  delivered = [];
  node = create('b');
});

function create(name: string, sequence = 1): OwnMessages {
  return new OwnMessages({
    name,
    sequence,
    highest: () => 1_000_000,
    transmits: () => 1,
    isMember: (origin) => origin !== 'stranger',
    deliver: (payload, from) => delivered.push(`${from} ${text(payload)}`),
  });
}

const waiting = (of: OwnMessages) => of.queue.take(60_000, 0);
const message = (sequence: number, payload: string, key = '', origin = 'a') =>
  MESSAGES.ownBroadcast.encode({ origin, sequence, key }, bytes(payload));

describe('a broadcast', () => {
  test('of one node is heard by another once, and passed on as it is', () => {
    const sender = create('a');
    sender.send(bytes('one'));
    sender.send(bytes('two'));
    const sent = waiting(sender);
    for (const each of [...sent, ...sent]) node.heard(each);
    expect(delivered.sort()).toEqual(['a one', 'a two']);
    expect(waiting(node).map(text).sort()).toEqual(sent.map(text).sort());
    for (const each of sent) sender.heard(each);
    expect(waiting(sender)).toEqual([]);
  });

  test('with a key takes the place of an earlier one, and an earlier one that comes late is not heard', () => {
    const sender = create('a');
    for (const payload of ['1', '2', '3']) sender.send(bytes(payload), 'load');
    sender.send(bytes('x'), 'other');
    expect(waiting(sender)).toHaveLength(2);
    node.heard(message(5, 'new', 'k'));
    node.heard(message(4, 'old', 'k'));
    node.heard(message(4, 'of another', 'k', 'c'));
    expect(delivered).toEqual(['a new', 'c of another']);
    expect(waiting(node)).toHaveLength(2);
  });

  test('out of order is heard, as long as its number may still be new', () => {
    for (let i = 5_000; i > 4_000; i--) node.heard(message(i, `${i}`));
    expect(delivered).toHaveLength(1_000);
    for (let i = 5_001; i < 6_000; i++) node.heard(message(i, `${i}`));
    node.heard(message(3_000, 'long ago'));
    node.heard(message(4_500, 'again'));
    expect(delivered).toHaveLength(1_999);
  });

  test('after a restart counts though the node counts anew, from a higher number', () => {
    node.heard(message(1_000, 'before'));
    const again = create('a', 2_000);
    again.send(bytes('after'));
    for (const each of waiting(again)) node.heard(each);
    expect(delivered).toEqual(['a before', 'a after']);
  });

  test('in the name of another does not silence it: it counts on from there, and nobody takes numbers out of reach', () => {
    const sender = create('a');
    const forged = Array.from({ length: 1_100 }, (_, i) => message(900_000 + i, 'no', 'k'));
    const beyond = Array.from({ length: 1_100 }, (_, i) => message(Number.MAX_SAFE_INTEGER - 2_000 + i, 'no', 'k'));
    for (const each of [...forged, ...beyond]) for (const hearer of [node, sender]) hearer.heard(each);
    delivered = [];
    waiting(sender);
    sender.send(bytes('real'), 'k');
    for (const each of waiting(sender)) node.heard(each);
    expect(delivered).toEqual(['a real']);
  });

  test('of nobody who is a member is not taken, and may be when it is one', () => {
    node.heard(message(1, 'x', '', 'stranger'));
    expect(delivered).toEqual([]);
    expect(waiting(node)).toEqual([]);
  });

  test('that does not fit into a packet is refused, sent or heard', () => {
    expect(() => node.send(new Uint8Array(1_024))).toThrow('send a digest');
    node.heard(message(1, 'x'.repeat(1_024)));
    expect(delivered).toEqual([]);
  });
});
