import { GossipError } from '../core/error.ts';
import type { Keyring } from '../wire/keyring.ts';
import { type KeyAnswer, MESSAGES, SERF } from './message.ts';
import type { QueryOptions, QueryResult } from './queries.ts';

/** What the members say of their keyrings. */
export interface KeyReport {
  /** How many members were asked, and how many have answered. */
  readonly members: number;
  readonly answered: number;
  /** Why it did not work, by the names of the members that said so. */
  readonly failures: Readonly<Record<string, string>>;
  /** How many members have each key, by its base64. */
  readonly keys: Readonly<Record<string, number>>;
  /** How many members encrypt with each key. */
  readonly primaryKeys: Readonly<Record<string, number>>;
  /** Whether all members have answered and none has failed. */
  readonly complete: boolean;
}

/** The keyrings of all members at once. A key is 16, 24 or 32 bytes in base64. */
export interface ClusterKeys {
  list(): Promise<KeyReport>;
  /** Makes a key known to all; nobody encrypts with it yet. */
  install(key: string): Promise<KeyReport>;
  /** Lets all encrypt with a key that all know. */
  use(key: string): Promise<KeyReport>;
  /** Makes all forget a key with which nobody encrypts. */
  remove(key: string): Promise<KeyReport>;
}

/** What a member does when it is asked. */
const ACTIONS: Readonly<Record<string, (keyring: Keyring, key: Uint8Array) => void>> = {
  '_serf_list-keys': () => {},
  '_serf_install-key': (keyring, key) => keyring.add(key),
  '_serf_use-key': (keyring, key) => keyring.use(key),
  '_serf_remove-key': (keyring, key) => keyring.remove(key),
};

/** Bytes of an answer. */
const ANSWER_LIMIT = 1_024;
/**
 * How often those are asked who have not answered. Gossip misses somebody now and then (one query in 180 among five idle
 * agents of Serf), and with keys nobody should be missed; doing any of it twice changes nothing.
 */
const ROUNDS = 3;
/** Letters of the names that fit into a query; of more, all members are asked again. */
const NAMES_LIMIT = 512;

export interface ClusterKeysOptions {
  readonly query: (name: string, payload: Uint8Array, options: QueryOptions) => Promise<QueryResult>;
  /** Names of the members that should answer now, this node among them. */
  readonly up: () => readonly string[];
}

export function createClusterKeys({ query, up }: ClusterKeysOptions): ClusterKeys {
  const run = async (name: string, key: Uint8Array): Promise<KeyReport> => {
    const payload = MESSAGES.keyRequest.encode({ key });
    const answers = new Map<string, Uint8Array>();
    const missing = () => up().filter((member) => !answers.has(member));
    for (let round = 0; round < ROUNDS && missing().length > 0; round++) {
      const names = missing();
      const some = answers.size > 0 && names.join('').length <= NAMES_LIMIT;
      const result = await query(name, payload, { enough: names.length, ...(some ? { names } : {}) });
      for (const answer of result.answers) answers.set(answer.from, answer.payload);
    }
    return report(answers.size + missing().length, answers);
  };
  return {
    list: () => run('_serf_list-keys', new Uint8Array(0)),
    install: (key) => run('_serf_install-key', parseKey(key)),
    use: (key) => run('_serf_use-key', parseKey(key)),
    remove: (key) => run('_serf_remove-key', parseKey(key)),
  };
}

/**
 * Does what a key query asks of this node.
 *
 * @param allowed false: it is refused, and no key is told. Whoever has an old key hears all that goes by queries.
 * @returns the answer, and whether the keyring is another one now; null when it is no key query
 */
export function answerKeyQuery(
  name: string,
  payload: Uint8Array,
  { keyring, allowed = true }: { keyring: Keyring | null; allowed?: boolean | undefined },
): { answer: Uint8Array; changed: boolean } | null {
  const action = ACTIONS[name];
  if (!action) return null;
  if (!allowed) {
    const message = 'this member neither tells its keys by gossip nor takes any';
    return { answer: encodeAnswer({ result: false, message, keys: [], primaryKey: '' }), changed: false };
  }
  const before = keyring ? keyring.keys.map(toBase64) : [];
  let message = '';
  try {
    if (payload[0] !== SERF.keyRequest) throw new Error('the query holds no key request');
    if (!keyring) throw new Error('this member has no keyring: encryption is off');
    action(keyring, MESSAGES.keyRequest.decode(payload).key);
  } catch (error) {
    message = (error as Error).message;
  }
  const keys = keyring ? keyring.keys.map(toBase64) : [];
  const answer = encodeAnswer({ result: message === '', message, keys, primaryKey: keys[0] ?? '' });
  return { answer, changed: keys.join() !== before.join() };
}

/** @throws GossipError when it is no key */
export function parseKey(key: string): Uint8Array {
  const bytes = /^[A-Za-z0-9+/]+={0,2}$/.test(key.trim()) ? Buffer.from(key.trim(), 'base64') : Buffer.alloc(0);
  if (![16, 24, 32].includes(bytes.length)) {
    throw new GossipError(
      'invalid',
      'a key is 16, 24 or 32 random bytes in base64, as `openssl rand -base64 32` makes them',
    );
  }
  return new Uint8Array(bytes);
}

function report(members: number, answers: ReadonlyMap<string, Uint8Array>): KeyReport {
  const failures: Record<string, string> = {};
  const keys: Record<string, number> = {};
  const primaryKeys: Record<string, number> = {};
  for (const [from, payload] of answers) {
    const answer = decodeAnswer(payload);
    if (!answer?.result) failures[from] = answer?.message || 'its answer cannot be read';
    for (const key of answer?.keys ?? []) keys[key] = (keys[key] ?? 0) + 1;
    if (answer?.primaryKey) primaryKeys[answer.primaryKey] = (primaryKeys[answer.primaryKey] ?? 0) + 1;
  }
  const answered = answers.size;
  const complete = answered >= members && Object.keys(failures).length === 0;
  return { members, answered, failures, keys, primaryKeys, complete };
}

function decodeAnswer(payload: Uint8Array): KeyAnswer | null {
  try {
    return payload[0] === SERF.keyAnswer ? MESSAGES.keyAnswer.decode(payload) : null;
  } catch {
    return null;
  }
}

/** As many of the keys as an answer has room for. */
function encodeAnswer(answer: KeyAnswer): Uint8Array {
  for (let count = answer.keys.length; ; count--) {
    const cut = count < answer.keys.length ? `only ${count} of ${answer.keys.length} keys fit into the answer` : '';
    const keys = answer.keys.slice(0, count);
    const message = MESSAGES.keyAnswer.encode({ ...answer, keys, message: answer.message || cut });
    if (message.length <= ANSWER_LIMIT || count === 0) return message;
  }
}

export function toBase64(key: Uint8Array): string {
  return Buffer.from(key).toString('base64');
}
