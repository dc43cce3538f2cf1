import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Gossip } from './gossip.ts';
import type { Question } from './serf/queries.ts';
import type { GossipEvent } from './serf/serf.ts';

/**
 * Keys that do not travel by gossip: whoever has an old key would hear the new one. Members are told that there are others,
 * which anybody may say, get them where they can show who they are, and answer with digests of what they have by then.
 */
const QUERY = 'portolan-keys';

/** How long the members have to get the keys and answer, ms. */
const TIMEOUT = 4_000;
/** How often those are asked who have not answered. */
const ROUNDS = 2;
/** Letters of the names that fit into a query; of more, all members are asked again. */
const NAMES_LIMIT = 512;
/** How often a member gets keys at most because of nudges, ms: anybody can send them. */
const REFRESH_EVERY = 1_000;
/** Nudges that wait for an answer; of more, none is given. */
const WAITING_MAX = 100;
const TROUBLE_MAX = 200;

/** What a member says of its keys. Any member may lie, of itself and of others. */
export interface KeyAccount {
  /** Digests of its keys, that of the one which encrypts first. */
  readonly digests: readonly string[];
  /** Why it could not get others. */
  readonly trouble: string;
}

/** The first 16 hex digits of its SHA-256: enough to tell keys apart, and of no use to whoever wants one. */
export function digestOfKey(key: string): string {
  return createHash('sha256').update(Buffer.from(key, 'base64')).digest('hex').slice(0, 16);
}

/**
 * Has all members get the keys, if they have others than these.
 *
 * @returns what each member that is up says, by its name; `undefined` for those that say nothing
 */
export async function nudge(
  gossip: Pick<Gossip, 'members' | 'query'>,
  keys: readonly string[],
): Promise<Map<string, KeyAccount | undefined>> {
  const payload = new TextEncoder().encode(keys.map(digestOfKey).join(' '));
  const accounts = new Map<string, KeyAccount | undefined>();
  const missing = () => upNames(gossip).filter((name) => !accounts.has(name));
  for (let round = 0; round < ROUNDS && missing().length > 0; round++) {
    const names = missing();
    const some = accounts.size > 0 && names.join('').length <= NAMES_LIMIT;
    const how = { enough: names.length, timeout: TIMEOUT, ...(some ? { names } : {}) };
    const { answers } = await gossip.query(QUERY, payload, how);
    for (const { from, payload: answer } of answers) accounts.set(from, readAccount(answer));
  }
  for (const name of missing()) accounts.set(name, undefined);
  return accounts;
}

/**
 * Answers nudges.
 *
 * @param refresh gets the keys where they are, and gives them to `setKeys`; what it throws is told to whoever nudged
 * @returns what takes an event of gossip
 */
export function answerNudges(
  gossip: Pick<Gossip, 'keyring'>,
  refresh: () => Promise<void>,
): (event: GossipEvent) => void {
  let began = Number.NEGATIVE_INFINITY;
  /** One that has begun may have missed what a later nudge is about; one that waits has not. */
  let waiting: Promise<string> | undefined;
  let running: Promise<unknown> = Promise.resolve();

  const next = () => {
    waiting ??= (async () => {
      await running;
      await setTimeout(Math.max(0, began + REFRESH_EVERY - performance.now()), undefined, { ref: false });
      began = performance.now();
      waiting = undefined;
      const refreshed = refresh().then(
        () => '',
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
      running = refreshed;
      return refreshed;
    })();
    return waiting;
  };
  let asked = 0;
  const answer = async (question: Question) => {
    const wanted = new TextDecoder().decode(question.payload);
    const own = () => gossip.keyring.map(digestOfKey).join(' ');
    const trouble = own() === wanted ? '' : await next();
    question.answer(new TextEncoder().encode(`${own()}\n${trouble.slice(0, TROUBLE_MAX)}`));
  };
  return (event) => {
    if (event.type !== 'query' || event.question.name !== QUERY || asked >= WAITING_MAX) return;
    asked++;
    void answer(event.question).finally(() => asked--);
  };
}

function readAccount(payload: Uint8Array): KeyAccount | undefined {
  const [digests = '', trouble = ''] = new TextDecoder().decode(payload).split('\n');
  if (!/^([0-9a-f]{16}( |$))*$/.test(digests)) return undefined;
  return { digests: digests.split(' ').filter(Boolean), trouble: trouble.replaceAll(/\p{Cc}/gu, ' ') };
}

/** Those that should answer, this node among them. */
function upNames(gossip: Pick<Gossip, 'members'>): string[] {
  const up = gossip.members().filter(({ status }) => status === 'alive' || status === 'leaving');
  return up.map(({ name }) => name);
}
