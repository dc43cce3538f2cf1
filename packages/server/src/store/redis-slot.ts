import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress, RedisNode } from './redis-address.ts';

/** How long one node may take to say who has the slot, ms. */
const ANSWER_WITHIN = 2000;

/**
 * Finds the node of a cluster that has the slot of a fleet. A fleet lives in one slot: so one plain connection to that
 * node does all that is needed, and WAIT counts the replicas of what was written on it.
 */
export class SlotOwner {
  readonly #address: RedisAddress;
  readonly #key: string;
  /** Whom to ask: first those of the URL, later those that the cluster told of as well. */
  #nodes: readonly RedisNode[];
  #turn = 0;
  #redirection: RedisNode | undefined;

  constructor(address: RedisAddress, key: string) {
    this.#address = address;
    this.#key = key;
    this.#nodes = address.nodes;
  }

  /**
   * Takes a node's word that the slot is elsewhere now: it is the first to know.
   *
   * @param message of the error `MOVED <slot> <host>:<port>`
   */
  moved(message: string): void {
    const [, host, port] = /^MOVED \d+ (\S+):(\d+)/.exec(message) ?? [];
    if (host) this.#redirection = { host, port: Number(port) };
  }

  /** @throws Error when no node tells */
  async find(): Promise<RedisNode> {
    const redirection = this.#redirection;
    this.#redirection = undefined;
    if (redirection) return redirection;
    let reason = '';
    // Each time from another one on: a node that is cut off from the others tells what was true before.
    const first = this.#turn++;
    for (let i = 0; i < this.#nodes.length; i++) {
      const node = this.#nodes[(first + i) % this.#nodes.length] as RedisNode;
      try {
        return await this.#ask(node);
      } catch (error) {
        reason ||= `${node.host}:${node.port}: ${(error as Error).message}`;
      }
    }
    throw new Error(`no node of the cluster tells who has the fleet's slot (${reason})`);
  }

  async #ask(node: RedisNode): Promise<RedisNode> {
    const { user, tls } = this.#address;
    const asked = new Redis({
      ...node,
      ...(user.name && { username: user.name }),
      ...(user.password && { password: user.password }),
      ...(tls && { tls }),
      lazyConnect: true,
      enableReadyCheck: false,
      disableClientInfo: true,
      retryStrategy: null,
      connectTimeout: ANSWER_WITHIN,
      commandTimeout: ANSWER_WITHIN,
    });
    let reason: Error | undefined;
    asked.on('error', (error: Error) => {
      reason = error;
    });
    try {
      await asked.connect();
      const [slot, slots] = (await Promise.all([
        asked.call('CLUSTER', 'KEYSLOT', this.#key),
        asked.call('CLUSTER', 'SLOTS'),
      ])) as [number, [from: number, to: number, ...nodes: [host: string | null, port: number][]][]];
      // A node that gives no address for another one means its own.
      const told = slots.map(([from, to, ...nodes]) => ({
        serves: from <= slot && slot <= to,
        nodes: nodes.map(([host, port]) => ({ host: host || node.host, port })),
      }));
      this.#nodes = unique([...this.#address.nodes, ...told.flatMap(({ nodes }) => nodes)]);
      const owner = told.find(({ serves }) => serves)?.nodes[0];
      if (!owner) throw new Error(`nobody has the slot ${slot}`);
      return owner;
    } catch (error) {
      throw reason ?? error;
    } finally {
      asked.disconnect();
    }
  }
}

/** Makes ioredis connect to whoever has the slot at that time. */
export function slotConnector(owner: SlotOwner, { tls }: RedisAddress): RedisOptions['Connector'] {
  class SlotConnector extends AbstractConnector {
    override async connect() {
      this.connecting = true;
      const node = await owner.find();
      if (!this.connecting) throw new Error('the connection was closed while the node was looked for');
      this.stream = tls ? connectTls({ ...node, ...tls }) : connectTcp(node);
      this.stream.once('error', (error) => {
        this.firstError = error;
      });
      return this.stream;
    }
  }
  return class extends SlotConnector {
    constructor(options: unknown) {
      super((options as { disconnectTimeout: number }).disconnectTimeout);
    }
  };
}

function unique(nodes: readonly RedisNode[]): RedisNode[] {
  return [...new Map(nodes.map((node) => [`${node.host}:${node.port}`, node])).values()];
}
