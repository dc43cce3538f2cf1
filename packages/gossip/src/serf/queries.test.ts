import { beforeEach, describe, expect, test } from 'vitest';
import { Schedule } from '../sim/schedule.ts';
import { seededRandom } from '../sim/seeded-random.ts';
import { Keyring } from '../wire/keyring.ts';
import { isLost } from './conflict.ts';
import { encodeFilter, isMeant } from './filter.ts';
import { answerKeyQuery, createClusterKeys, parseKey } from './keys.ts';
import { MESSAGES, SERF } from './message.ts';
import { type Destination, Queries, type Question } from './queries.ts';
import type { Tags } from './tags.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (payload: Uint8Array) => Buffer.from(payload).toString();

let clock: Schedule;
let random: () => number;
let network: Map<string, Node>;

beforeEach(() => {
  clock = new Schedule();
  random = seededRandom(1);
  network = new Map();
});

interface Node {
  readonly queries: Queries;
  readonly asked: Question[];
  /** What went out in packets, and to whom. */
  readonly sent: { message: Uint8Array; to: string }[];
  readonly broadcasts: Uint8Array[];
}

/** A node that hears every broadcast of the others at once, and answers what `answer` says. */
function create(name: string, answer?: (question: Question) => void, tags: Tags = {}): Node {
  const self: Destination = { name, addr: Uint8Array.of(10, 0, 0, network.size + 1), port: 7946 };
  const node: Node = {
    asked: [],
    sent: [],
    broadcasts: [],
    queries: new Queries({
      clock,
      random,
      self: () => ({ ...self, tags }),
      patience: () => 3_200,
      population: () => network.size,
      ask(question) {
        node.asked.push(question);
        answer?.(question);
      },
      broadcast(message) {
        node.broadcasts.push(message);
        const query = MESSAGES.query.decode(message);
        for (const other of network.values()) if (other !== node) other.queries.heard(query, message);
      },
      send(message, to) {
        node.sent.push({ message, to: to.name });
        const { body, value } =
          message[0] === SERF.relay ? MESSAGES.relay.split(message) : { body: message, value: null };
        network.get(value?.destName ?? to.name)?.queries.answered(MESSAGES.answer.decode(body));
      },
      others: (count) =>
        [...network.keys()]
          .filter((each) => each !== name)
          .slice(0, count)
          .map((each) => ({ name: each, addr: Uint8Array.of(10, 0, 0, 99), port: 7946 })),
    }),
  };
  network.set(name, node);
  return node;
}

describe('a question', () => {
  test('is answered by all that have an answer, itself too, and those who got it say so when asked to', async () => {
    const node = create('a', (question) => question.answer(bytes('me too')));
    create('b', (question) => question.answer(bytes(`${question.name} ${text(question.payload)} ${question.from}`)));
    create('c');
    const result = node.queries.send('load', bytes('now'), { acknowledge: true });
    clock.run(3_300);
    const { acks, answers } = await result;
    expect([...acks].sort()).toEqual(['a', 'b', 'c']);
    expect(answers.map(({ from, payload }) => [from, text(payload)]).sort()).toEqual([
      ['a', 'me too'],
      ['b', 'load now a'],
    ]);
  });

  test('ends when enough have answered', async () => {
    const node = create('a');
    create('b', (question) => question.answer(bytes('1')));
    const { answers } = await node.queries.send('load', bytes(''), { enough: 1 });
    expect(answers).toHaveLength(1);
    expect(clock.now()).toBe(0);
  });

  test('is heard once, and passed on once, however often it comes', () => {
    const node = create('a');
    const query = MESSAGES.query.encode({
      lTime: 3,
      id: 7,
      addr: Uint8Array.of(10, 0, 0, 9),
      port: 1,
      sourceNode: 'z',
      filters: [],
      flags: 0,
      relayFactor: 0,
      timeout: 1e9,
      name: 'load',
      payload: bytes(''),
    });
    for (let i = 0; i < 3; i++) node.queries.heard(MESSAGES.query.decode(query), query);
    expect(node.asked).toHaveLength(1);
    expect(node.broadcasts).toHaveLength(1);
    expect(node.queries.time.time).toBe(4);
    // With a time that nobody has counted to it is none, and the next one is heard as ever.
    const forged = { ...MESSAGES.query.decode(query), lTime: Number.MAX_SAFE_INTEGER - 1 };
    node.queries.heard(forged, MESSAGES.query.encode(forged));
    expect([node.asked.length, node.queries.time.time]).toEqual([1, 4]);
    const kept = { ...MESSAGES.query.decode(query), id: 8, flags: 2 };
    node.queries.heard(kept, MESSAGES.query.encode(kept));
    expect([node.asked.length, node.broadcasts.length]).toEqual([2, 1]);
  });

  test('is for those who are meant alone; the others pass it on all the same', async () => {
    const node = create('a');
    const web = create('b', undefined, { role: 'web-1' });
    const db = create('c', undefined, { role: 'db' });
    const result = node.queries.send('load', bytes(''), { tags: { role: '^web' }, names: ['b', 'c'], timeout: 10 });
    clock.run(11);
    await result;
    expect([web.asked.length, db.asked.length, node.asked.length]).toEqual([1, 0, 0]);
    expect(db.broadcasts).toHaveLength(1);
  });

  test('can be answered once, in time, and briefly', async () => {
    const node = create('a');
    const { asked } = create('b');
    const result = node.queries.send('load', bytes(''), { timeout: 100 });
    expect(() => asked[0]?.answer(new Uint8Array(1_025))).toThrow('1024 bytes');
    asked[0]?.answer(bytes('first'));
    asked[0]?.answer(bytes('second'));
    clock.run(101);
    expect((await result).answers.map(({ payload }) => text(payload))).toEqual(['first']);
    const late = node.queries.send('load', bytes(''), { timeout: 100 });
    clock.run(101);
    asked[1]?.answer(bytes('too late'));
    expect((await late).answers).toEqual([]);
    expect(network.get('b')?.sent).toHaveLength(1);
  });

  test('has its answers sent through others too, when there are enough', async () => {
    const node = create('a');
    const answering = create('b', (question) => question.answer(bytes('x')));
    const few = node.queries.send('load', bytes(''), { relayFactor: 2, timeout: 10 });
    clock.run(11);
    await few;
    expect(answering.sent).toHaveLength(1);
    for (const name of ['c', 'd', 'e']) create(name);
    const many = node.queries.send('load', bytes(''), { relayFactor: 2, timeout: 10 });
    clock.run(11);
    expect((await many).answers).toHaveLength(1);
    expect(answering.sent.slice(1).map(({ message }) => message[0])).toEqual([SERF.answer, SERF.relay, SERF.relay]);
  });

  test('that is too large, or waits too long, is refused; stopping ends all with what they have', async () => {
    const node = create('a');
    await expect(node.queries.send('load', new Uint8Array(1_024))).rejects.toThrow('1024 are allowed');
    await expect(node.queries.send('load', bytes(''), { timeout: 1e9 })).rejects.toThrow('600000 ms');
    await expect(node.queries.send('load', bytes(''), { tags: { role: '(' } })).rejects.toThrow('pattern');
    const waiting = node.queries.send('load', bytes(''), { acknowledge: true });
    node.queries.stop();
    expect(await waiting).toEqual({ acks: ['a'], answers: [] });
    await expect(node.queries.send('load', bytes(''))).rejects.toThrow('stopped');
  });
});

describe('filters', () => {
  const node = { name: 'b', tags: { role: 'web' } };

  test('must all be met; those that cannot be read are met by nobody', () => {
    expect(isMeant([], node)).toBe(true);
    expect(isMeant(encodeFilter({ names: ['a', 'b'], tags: { role: 'w.b' } }), node)).toBe(true);
    expect(isMeant(encodeFilter({ names: ['a'], tags: { role: 'w.b' } }), node)).toBe(false);
    expect(isMeant(encodeFilter({ tags: { zone: '^$' } }), node)).toBe(true);
    for (const bad of [Uint8Array.of(), Uint8Array.of(0, 0xdd), Uint8Array.of(1, 0x81), Uint8Array.of(9)]) {
      expect(isMeant([bad], node)).toBe(false);
    }
    expect(isMeant(Array(17).fill(encodeFilter({ names: ['b'] })[0]), node)).toBe(false);
  });
});

describe('keys of the whole cluster', () => {
  const [first, second] = [Buffer.alloc(32, 1).toString('base64'), Buffer.alloc(16, 2).toString('base64')];

  function createKeys(keyrings: Record<string, Keyring | null>, { allowed = true } = {}) {
    for (const [name, keyring] of Object.entries(keyrings)) {
      create(name, (question) => {
        const answered = answerKeyQuery(question.name, question.payload, { keyring, allowed });
        if (answered) question.answer(answered.answer);
      });
    }
    const { queries } = network.get('a') as Node;
    return createClusterKeys({
      query: (name, payload, how) => queries.send(name, payload, how),
      up: () => [...network.keys()],
    });
  }

  /** @param time ms */
  async function pass(time: number): Promise<void> {
    for (let passed = 0; passed < time; passed += 100) {
      clock.run(100);
      // Lets whoever waited for an answer go on.
      await new Promise(setImmediate);
    }
  }

  test('are installed, used and removed at all members, which say what they have', async () => {
    const keyrings = { a: new Keyring([parseKey(first)]), b: new Keyring([parseKey(first)]) };
    const keys = createKeys(keyrings);
    expect(await keys.install(second)).toMatchObject({ complete: true, members: 2, answered: 2 });
    expect(await keys.use(second)).toMatchObject({ complete: true, primaryKeys: { [second]: 2 } });
    expect(await keys.remove(first)).toMatchObject({ complete: true, keys: { [second]: 2 } });
    expect(keyrings.b.keys).toHaveLength(1);
    const { complete, failures } = await keys.remove(second);
    expect(complete).toBe(false);
    expect(failures).toEqual({ a: expect.stringContaining('primary'), b: expect.stringContaining('primary') });
  });

  test('a member without keys says so, and one that is silent leaves the report incomplete', async () => {
    const keys = createKeys({ a: new Keyring([parseKey(first)]), b: null });
    const { complete, failures } = await keys.list();
    expect([complete, failures]).toEqual([false, { b: 'this member has no keyring: encryption is off' }]);
    const { asked } = create('c');
    const report = keys.list();
    await pass(3 * 3_300);
    expect(await report).toMatchObject({ complete: false, members: 3, answered: 2 });
    expect(asked).toHaveLength(3);
  });

  test('whom gossip missed is asked again, alone; who is gone meanwhile is not', async () => {
    const keyrings = { a: new Keyring([parseKey(first)]), b: new Keyring([parseKey(first)]) };
    const keys = createKeys(keyrings);
    const late = new Keyring([parseKey(first)]);
    const { asked } = create('late', (question) => {
      if (asked.length > 1) question.answer(answerKeyQuery(question.name, question.payload, { keyring: late })!.answer);
    });
    const gone = create('gone');
    const report = keys.install(second);
    await pass(1_000);
    network.delete('gone');
    await pass(3_300);
    expect(await report).toMatchObject({ complete: true, members: 3, answered: 3 });
    expect([asked, network.get('b')?.asked, gone.asked].map((each) => each?.length)).toEqual([2, 1, 1]);
  });

  test('what is no key is refused before anybody is asked', async () => {
    const keys = createKeys({ a: new Keyring([parseKey(first)]) });
    for (const bad of ['', 'short', Buffer.alloc(33).toString('base64'), '!'.repeat(44)]) {
      await expect(async () => keys.install(bad)).rejects.toThrow('openssl rand -base64 32');
    }
    expect(network.get('a')?.asked).toEqual([]);
  });

  test('a member that neither tells nor takes keys says so, and no key', async () => {
    const keyring = new Keyring([parseKey(first)]);
    const keys = createKeys({ a: keyring }, { allowed: false });
    for (const report of [await keys.install(second), await keys.list()]) {
      expect(report).toMatchObject({
        complete: false,
        keys: {},
        primaryKeys: {},
        failures: { a: expect.stringContaining('neither tells') },
      });
    }
    expect(keyring.keys).toEqual([parseKey(first)]);
  });

  test('an answer lists as many keys as it has room for', () => {
    const keyring = new Keyring(Array.from({ length: 40 }, (_, i) => new Uint8Array(32).fill(i)));
    const { answer } = answerKeyQuery('_serf_list-keys', MESSAGES.keyRequest.encode({ key: new Uint8Array(0) }), {
      keyring,
    })!;
    expect(answer.length).toBeLessThanOrEqual(1_024);
    const { keys, result, message } = MESSAGES.keyAnswer.decode(answer);
    expect([keys.length, result, message]).toEqual([expect.any(Number), true, expect.stringMatching(/only \d+ of 40/)]);
  });

  test('a query that is none of keys is not answered as one', () => {
    expect(answerKeyQuery('_serf_other', new Uint8Array(0), { keyring: null })).toBeNull();
    const { answer } = answerKeyQuery('_serf_use-key', Uint8Array.of(7, 0x81), {
      keyring: new Keyring([parseKey(first)]),
    })!;
    expect(MESSAGES.keyAnswer.decode(answer).result).toBe(false);
  });
});

describe('a name that two nodes claim', () => {
  const self = { addr: Uint8Array.of(10, 0, 0, 1), port: 1 };
  const vote = (last: number) => ({
    from: `${last}`,
    payload: MESSAGES.conflictAnswer.encode({
      name: 'x',
      addr: Uint8Array.of(10, 0, 0, last),
      port: 1,
      tags: new Map(),
      status: 1,
      protocolMin: 1,
      protocolMax: 5,
      protocolCur: 2,
      delegateMin: 2,
      delegateMax: 5,
      delegateCur: 5,
    }),
  });

  test('goes to the one whom most of those know that answer; with no answer nothing changes', () => {
    expect(isLost([], self)).toBe(false);
    expect(isLost([vote(1), vote(1), vote(2)], self)).toBe(false);
    expect(isLost([vote(1), vote(2)], self)).toBe(true);
    expect(isLost([vote(2)], self)).toBe(true);
    expect(isLost([{ from: 'liar', payload: Uint8Array.of(6, 1) }], self)).toBe(false);
  });
});
