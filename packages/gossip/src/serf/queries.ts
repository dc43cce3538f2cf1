import { GossipError } from '../core/error.ts';
import type { Clock } from '../world.ts';
import { encodeFilter, isMeant, type QueryFilter } from './filter.ts';
import { LamportClock } from './lamport.ts';
import { ANSWER_FLAGS, type Answer, MESSAGES, QUERY_FLAGS, type Query } from './message.ts';
import { Past } from './past.ts';
import type { Tags } from './tags.ts';

export interface QueryOptions extends QueryFilter {
  /** Whether those who are meant should say that it has reached them. */
  readonly acknowledge?: boolean;
  /** Through how many other members each answer goes as well as straight; 0 to 5, 0 unless told otherwise. */
  readonly relayFactor?: number;
  /** How long to wait for answers, ms; unless told otherwise as long as gossip takes to reach everybody. */
  readonly timeout?: number;
  /** Ends the wait early: this many members have answered. */
  readonly enough?: number;
}

export interface QueryResult {
  /** Names of those it has reached. */
  readonly acks: readonly string[];
  readonly answers: readonly { readonly from: string; readonly payload: Uint8Array }[];
}

/** A question of another member, or of this node. */
export interface Question {
  readonly name: string;
  readonly payload: Uint8Array;
  /** Who asks. */
  readonly from: string;
  /** Answers, once and in time: what comes later goes nowhere. @throws GossipError when it is over 1,024 bytes */
  answer(payload: Uint8Array): void;
}

export interface Destination {
  /** 4 or 16 bytes. */
  readonly addr: Uint8Array;
  readonly port: number;
  readonly name: string;
}

export interface QueriesOptions {
  readonly clock: Clock;
  readonly random: () => number;
  /** Who this node is now. */
  readonly self: () => Destination & { readonly tags: Tags };
  /** How long gossip takes to reach everybody, generously, ms. */
  readonly patience: () => number;
  /** How many members there are. */
  readonly population: () => number;
  readonly ask: (question: Question) => void;
  readonly broadcast: (message: Uint8Array) => void;
  /** Sends a user message in a packet. */
  readonly send: (message: Uint8Array, to: Destination) => void;
  /** Random members that are alive, without this node; fewer when there are not as many. */
  readonly others: (count: number) => Destination[];
}

/** Bytes of a question, and of an answer: each has to fit into a packet. */
const SIZE_LIMIT = 1_024;
const RELAYS_LIMIT = 5;
/** Questions of this node at one time. */
const RUNNING_LIMIT = 1_024;
const LONGEST_TIMEOUT = 600_000;

interface Running {
  readonly lTime: number;
  readonly acks: Set<string>;
  readonly answers: Map<string, Uint8Array>;
  check(): void;
}

/** Questions to the whole cluster: they spread by gossip, answers come straight back. */
export class Queries {
  readonly time = new LamportClock();
  readonly #options: QueriesOptions;
  readonly #past = new Past<number>((one, other) => one === other);
  readonly #running = new Map<number, Running>();
  readonly #stopped = new AbortController();

  constructor(options: QueriesOptions) {
    this.#options = options;
  }

  /** @throws GossipError when it is too large, or this node has too many running */
  async send(name: string, payload: Uint8Array, options: QueryOptions = {}): Promise<QueryResult> {
    const { clock, random, self, patience, population } = this.#options;
    const { acknowledge = false, relayFactor = 0, timeout = patience(), enough = Number.POSITIVE_INFINITY } = options;
    if (this.#stopped.signal.aborted) throw new GossipError('stopped', 'this node has been stopped');
    if (this.#running.size >= RUNNING_LIMIT) throw new GossipError('invalid', `${RUNNING_LIMIT} queries run already`);
    if (!(timeout > 0 && timeout <= LONGEST_TIMEOUT)) {
      throw new GossipError('invalid', `a query may wait from 1 to ${LONGEST_TIMEOUT} ms, not ${timeout}`);
    }
    const { addr, port, name: sourceNode } = self();
    const query: Query = {
      lTime: this.time.tick(),
      id: Math.floor(random() * 2 ** 32),
      addr,
      port,
      sourceNode,
      filters: encodeFilter(options),
      flags: acknowledge ? QUERY_FLAGS.acknowledge : 0,
      relayFactor: Math.min(Math.max(0, relayFactor), RELAYS_LIMIT),
      timeout: Math.round(timeout * 1e6),
      name,
      payload,
    };
    const message = MESSAGES.query.encode(query);
    if (message.length > SIZE_LIMIT) {
      throw new GossipError('invalid', `the query "${name}" takes ${message.length} bytes; ${SIZE_LIMIT} are allowed`);
    }
    const over = Promise.withResolvers<void>();
    const most = 2 * population() + 16;
    const running: Running = {
      lTime: query.lTime,
      acks: new Set(),
      answers: new Map(),
      check() {
        if (running.answers.size >= Math.min(enough, most)) over.resolve();
      },
    };
    this.#running.set(query.id, running);
    const timer = clock.after(timeout, over.resolve);
    this.#stopped.signal.addEventListener('abort', () => over.resolve(), { once: true });
    this.heard(query, message);
    await over.promise;
    timer.cancel();
    this.#running.delete(query.id);
    return {
      acks: [...running.acks].slice(0, most),
      answers: Array.from(running.answers, ([from, answer]) => ({ from, payload: answer })),
    };
  }

  /** A question that came by gossip, or of this node itself; it is passed on if it is new. @param message the same */
  heard(query: Query, message: Uint8Array): void {
    if (!this.time.witness(query.lTime)) return;
    if (!this.#past.add(query.lTime, query.id, this.time.time)) return;
    if ((query.flags & QUERY_FLAGS.keepToYourself) === 0) this.#options.broadcast(message);
    if (!isMeant(query.filters, this.#options.self())) return;
    if ((query.flags & QUERY_FLAGS.acknowledge) !== 0) {
      this.#reply(query, ANSWER_FLAGS.acknowledgement, new Uint8Array(0));
    }
    this.#options.ask(this.#question(query));
  }

  /** An answer to a question of this node. */
  answered({ id, lTime, from, flags, payload }: Answer): void {
    const running = this.#running.get(id);
    if (!running || running.lTime !== lTime) return;
    if ((flags & ANSWER_FLAGS.acknowledgement) !== 0) running.acks.add(from);
    // Relays bring each of them several times.
    else if (!running.answers.has(from)) running.answers.set(from, payload);
    running.check();
  }

  /** @param isNewcomer this node joins the other's cluster */
  merge(queryLTime: number, isNewcomer: boolean): void {
    this.time.meet(queryLTime, isNewcomer);
  }

  /** Ends the wait of all questions of this node with what they have. */
  stop(): void {
    this.#stopped.abort();
  }

  #question(query: Query): Question {
    const { clock } = this.#options;
    const deadline = clock.now() + query.timeout / 1e6;
    let done = false;
    return {
      name: query.name,
      payload: query.payload,
      from: query.sourceNode,
      answer: (payload) => {
        if (payload.length > SIZE_LIMIT) {
          throw new GossipError('invalid', `an answer may have ${SIZE_LIMIT} bytes, not ${payload.length}`);
        }
        if (done || clock.now() > deadline) return;
        done = true;
        this.#reply(query, 0, payload);
      },
    };
  }

  #reply({ lTime, id, addr, port, sourceNode, relayFactor }: Query, flags: number, payload: Uint8Array): void {
    const { self, send, others } = this.#options;
    const { name: from } = self();
    const answer: Answer = { lTime, id, from, flags, payload };
    const asker: Destination = { addr, port, name: sourceNode };
    if (sourceNode === from) {
      this.answered(answer);
      return;
    }
    const message = MESSAGES.answer.encode(answer);
    send(message, asker);
    const relays = Math.min(relayFactor, RELAYS_LIMIT);
    if (relays === 0) return;
    const chosen = others(relays + 1).filter(({ name }) => name !== sourceNode);
    // With as few others as that, the straight way is as good.
    if (chosen.length < relays) return;
    const header = { destAddr: { ip: addr, port, zone: '' }, destName: sourceNode };
    const relayed = MESSAGES.relay.encode(header, message);
    for (const relay of chosen.slice(0, relays)) send(relayed, relay);
  }
}
