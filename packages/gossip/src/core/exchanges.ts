import type { Address } from '../transport.ts';
import { encodeStreamMessage } from '../wire/codec.ts';
import type { StreamMessage } from '../wire/message.ts';
import type { OpenOptions, SealOptions } from '../wire/packet.ts';
import { measureStream, openStream, sealStream } from '../wire/stream.ts';
import { GossipError } from './error.ts';
import type { Local } from './local.ts';
import type { Member } from './member.ts';
import { sourceOf } from './probe.ts';
import { below } from './random.ts';

/** Characters of another node's complaint that are shown. */
const COMPLAINT = 300;

/** What this node asks others by streams: one question and one answer each. */
export class Exchanges {
  readonly #local: Local;
  readonly #security: SealOptions & OpenOptions;

  constructor(local: Local, security: SealOptions & OpenOptions) {
    this.#local = local;
    this.#security = security;
  }

  /** @throws Error when there is no answer, or it cannot be read, or it is a complaint */
  async ask(to: Address, message: StreamMessage, timeout: number): Promise<StreamMessage> {
    const { transport } = this.#local.world;
    const side = { ...this.#security, dialling: true };
    const bytes = await transport.exchange(to, this.#seal(message), measureStream(side), timeout);
    const answer = openStream(bytes, side);
    const { counters } = this.#local;
    counters.streamBytesIn += bytes.length;
    counters.messagesIn[answer.type]++;
    if (answer.type === 'error') {
      throw new GossipError('remote-error', `it refused: ${answer.error.slice(0, COMPLAINT)}`);
    }
    return answer;
  }

  /** Gives a user message, of up to 20 MiB. */
  async deliver(to: Address, payload: Uint8Array): Promise<void> {
    const { world, profile } = this.#local;
    await world.transport.deliver(to, this.#seal({ type: 'user', payload }), profile.streamTimeout);
  }

  /** @throws Error unless it answers, by that name */
  async ping({ name, address }: Pick<Member, 'name' | 'address'>, timeout: number): Promise<void> {
    const seqNo = below(2 ** 32, this.#local.world.random);
    const ping = { type: 'ping', seqNo, node: name, ...sourceOf(this.#local) } as const;
    const answer = await this.ask(address, ping, timeout);
    if (answer.type !== 'ack' || answer.seqNo !== seqNo) {
      throw new GossipError('wrong-answer', `${name} answered a ping with another message (${answer.type})`);
    }
  }

  #seal(message: StreamMessage): Uint8Array {
    const { counters } = this.#local;
    const bytes = sealStream(encodeStreamMessage(message), { ...this.#security, dialling: true });
    counters.streamsOut++;
    counters.streamBytesOut += bytes.length;
    counters.messagesOut[message.type]++;
    return bytes;
  }
}
