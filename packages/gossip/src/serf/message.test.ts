import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Keyring } from '../wire/keyring.ts';
import { openPacket } from '../wire/packet.ts';
import { openStream } from '../wire/stream.ts';
import { MESSAGES, SERF } from './message.ts';
import { decodeTags, encodeTags } from './tags.ts';

interface Vector {
  readonly name: string;
  readonly transport: 'udp' | 'tcp';
  readonly hex: string;
  readonly key?: string;
}

const file = new URL('../../vectors/vectors.json', import.meta.url);
const { vectors }: { vectors: Vector[] } = JSON.parse(readFileSync(file, 'utf8'));

/** The user messages of a recorded packet. */
function recorded(name: string): Uint8Array[] {
  const { hex, key } = vectors.find((vector) => vector.name === name) as Vector;
  const keyring = key === undefined ? null : new Keyring(key.split(',').map((each) => Buffer.from(each, 'base64')));
  return openPacket(Buffer.from(hex, 'hex'), { label: '', keyring, verifyIncoming: true }).flatMap((message) =>
    message.type === 'user' ? [message.payload] : [],
  );
}

function recordedState(name: string) {
  const { hex } = vectors.find((vector) => vector.name === name) as Vector;
  const options = { label: '', keyring: null, verifyIncoming: true, dialling: false };
  const message = openStream(Buffer.from(hex, 'hex'), options);
  if (message.type !== 'pushPull') throw new Error(`${name} holds no state`);
  return message;
}

const one = (name: string) => recorded(name)[0] as Uint8Array;
const bytes = (text: string) => Buffer.from(text);

describe('messages of Serf as they were recorded', () => {
  test.each([
    ['serf-join-intent', MESSAGES.join, { lTime: 1, node: 's2' }],
    ['serf-leave-intent', MESSAGES.leave, { lTime: 2, node: 's2', prune: false }],
    ['serf-user-event', MESSAGES.event, { lTime: 1, name: 'deploy', payload: bytes('payload-1'), coalesce: true }],
    ['serf-query', MESSAGES.query, { lTime: 1, id: 1232970367, sourceNode: 's1', flags: 1, name: 'ask', timeout: 2e9 }],
    ['serf-query-ack', MESSAGES.answer, { lTime: 1, id: 1232970367, from: 's1', flags: 1, payload: bytes('') }],
    ['serf-query-response-foreign', MESSAGES.answer, { from: 'q2', flags: 0, payload: bytes('pong-ts') }],
    ['serf-internal-ping-query', MESSAGES.query, { name: '_serf_ping', payload: bytes('') }],
  ])('%s', (name, codec, expected) => {
    const value = codec.decode(one(name)) as unknown as Record<string, unknown>;
    for (const [field, wanted] of Object.entries(expected)) {
      const found = value[field];
      expect(found instanceof Uint8Array ? Buffer.from(found) : found).toEqual(wanted);
    }
  });

  test('those without bytes that may be nil are written byte for byte as Serf writes them', () => {
    const { join, leave, event } = MESSAGES;
    expect(join.encode(join.decode(one('serf-join-intent')))).toEqual(one('serf-join-intent'));
    expect(leave.encode(leave.decode(one('serf-leave-intent')))).toEqual(one('serf-leave-intent'));
    expect(event.encode(event.decode(one('serf-user-event')))).toEqual(one('serf-user-event'));
    const query = one('serf-query-with-filters');
    expect(MESSAGES.query.encode(MESSAGES.query.decode(query))).toEqual(query);
  });

  test('a relayed message stands behind its header as it is', () => {
    const { value, body } = MESSAGES.relay.split(one('serf-relayed-query-ack'));
    expect(value.destName).toBe('s1');
    expect(value.destAddr).toMatchObject({ port: 27946 });
    expect(body[0]).toBe(SERF.answer);
    expect(MESSAGES.answer.decode(body)).toMatchObject({ from: 's1', id: 66476337 });
    const again = MESSAGES.relay.encode(value, body);
    expect(MESSAGES.relay.split(again)).toEqual({ value, body });
  });

  test('the answer about a name conflict, and about keys', () => {
    const conflict = MESSAGES.answer.decode(one('serf-conflict-response')).payload;
    expect(conflict[0]).toBe(SERF.conflictAnswer);
    const record = MESSAGES.conflictAnswer.decode(conflict);
    expect(record).toMatchObject({
      name: 's1',
      port: 27946,
      status: 1,
      protocolMax: 5,
      delegateMin: 2,
      delegateCur: 5,
    });
    expect(Object.fromEntries(record.tags)).toEqual({ role: 'agent', dc: 'a' });
    const keys = MESSAGES.answer.decode(one('serf-key-list-response')).payload;
    expect(MESSAGES.keyAnswer.decode(keys)).toEqual({
      result: true,
      message: '',
      keys: ['AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='],
      primaryKey: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=',
    });
    const [install] = recorded('serf-key-install-query').map((message) => MESSAGES.query.decode(message));
    expect(MESSAGES.keyRequest.decode(install!.payload).key).toEqual(new Uint8Array(16).fill(9));
  });

  test('a whole state, its 512 places for events all empty; ours is short, with a key that Serf passes over', () => {
    const { userState, nodes } = recordedState('push-pull-periodic-with-left-node');
    const state = MESSAGES.state.decode(userState);
    expect(state.events).toEqual([]);
    expect(state.leftMembers.length).toBeGreaterThan(0);
    expect([...state.statusLTimes.keys()].sort()).toEqual(nodes.map(({ name }) => name).sort());
    const ours = MESSAGES.state.encode({ ...state, appState: bytes('mine') });
    expect(ours.length).toBeLessThan(userState.length / 2);
    expect(MESSAGES.state.decode(ours)).toEqual({ ...state, appState: new Uint8Array(bytes('mine')) });
  });
});

describe('tags', () => {
  test('are read and written as Serf does', () => {
    const [node] = recordedState('push-pull-join-response').nodes;
    expect(decodeTags(node!.meta)).toEqual({ dc: 'a', role: 'agent' });
    expect(encodeTags({ role: 'agent', dc: 'a' })).toEqual(node!.meta);
    expect(encodeTags({})).toEqual(Uint8Array.of(0xff, 0x80));
  });

  test('bytes without the mark are the role; those that cannot be read are none', () => {
    expect(decodeTags(bytes('web'))).toEqual({ role: 'web' });
    expect(decodeTags(bytes(''))).toEqual({ role: '' });
    expect(decodeTags(Uint8Array.of(0xff, 0x81, 0xa1))).toEqual({});
    expect(decodeTags(Uint8Array.of(0xff, 0xdf, 0xff, 0xff, 0xff, 0xff))).toEqual({});
  });

  test('a name that objects have of their own is a tag like any other', () => {
    const tags = decodeTags(encodeTags(JSON.parse('{"__proto__":"x","constructor":"y"}')));
    expect(Object.entries(tags).sort()).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y'],
    ]);
  });

  test('up to 512 bytes fit', () => {
    expect(encodeTags({ a: 'x'.repeat(505) })).toHaveLength(512);
    expect(() => encodeTags({ a: 'x'.repeat(506) })).toThrow('513 bytes');
  });
});
