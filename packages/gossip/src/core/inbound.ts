import type { Address, Measure, Receiver } from '../transport.ts';
import { encodeStreamMessage } from '../wire/codec.ts';
import { WireError } from '../wire/error.ts';
import type { PacketMessage, Ping, Source, StreamMessage } from '../wire/message.ts';
import { type OpenOptions, openPacket, type SealOptions } from '../wire/packet.ts';
import { measureStream, openStream, sealStream } from '../wire/stream.ts';
import type { Acks } from './acks.ts';
import { addressText } from './address.ts';
import { countDrop } from './counters.ts';
import type { Local } from './local.ts';
import type { Membership } from './membership.ts';
import type { Outbox } from './outbox.ts';
import type { PushPull } from './push-pull.ts';
import type { Relay } from './relay.ts';

export interface InboundParts {
  readonly local: Local;
  readonly security: SealOptions & OpenOptions;
  readonly acks: Acks;
  readonly membership: Membership;
  readonly outbox: Outbox;
  readonly relay: Relay;
  readonly pushPull: PushPull;
}

/** What arrives, and who handles it. */
export class Inbound implements Receiver {
  readonly #parts: InboundParts;

  constructor(parts: InboundParts) {
    this.#parts = parts;
  }

  packet(bytes: Uint8Array, from: Address): void {
    const { local, security } = this.#parts;
    const { counters } = local;
    counters.packetsIn++;
    counters.packetBytesIn += bytes.length;
    const dropped = ({ reason }: WireError) => countDrop(counters, reason);
    try {
      const messages = openPacket(bytes, { ...security, dropped });
      // Who is alive goes before who is accused, as in memberlist: it may be the answer to that.
      for (const message of messages) if (message.type === 'alive') this.#handle(message, from);
      for (const message of messages) if (message.type !== 'alive') this.#handle(message, from);
    } catch (error) {
      if (error instanceof WireError) dropped(error);
      else this.#confess(error);
    }
  }

  measure(): Measure {
    return measureStream({ ...this.#parts.security, dialling: false });
  }

  request(bytes: Uint8Array | Error, from: Address): Uint8Array | null {
    const { local, security } = this.#parts;
    const { counters } = local;
    counters.streamsIn++;
    try {
      if (bytes instanceof Error) throw bytes;
      counters.streamBytesIn += bytes.length;
      return this.#answer(openStream(bytes, { ...security, dialling: false }), from);
    } catch (error) {
      if (error instanceof WireError) countDrop(counters, error.reason);
      else if (error === bytes) countDrop(counters, 'stream');
      else this.#confess(error);
      // Another cluster's node has lost its way: this one does not show that it is here.
      if (!(error instanceof WireError) || error.reason === 'label') return null;
      return this.#seal({ type: 'error', error: error.message });
    }
  }

  /** Whatever is wrong here: nobody may end this process by what they send. */
  #confess(error: unknown): void {
    const { counters, log } = this.#parts.local;
    countDrop(counters, 'internal');
    log('warn', `failed at what was received: ${(error as Error).stack}`);
  }

  #handle(message: PacketMessage, from: Address): void {
    const { local, acks, membership, relay } = this.#parts;
    local.counters.messagesIn[message.type]++;
    switch (message.type) {
      case 'ping':
        this.#acknowledge(message, from);
        break;
      case 'indirectPing':
        relay.ping(message, sourceOr(message, from));
        break;
      case 'ack':
        acks.ack(message.seqNo, message.payload);
        break;
      case 'nack':
        acks.nack(message.seqNo);
        break;
      case 'alive':
        membership.alive(message);
        break;
      case 'suspect':
        membership.suspect(message);
        break;
      case 'dead':
        membership.dead(message);
        break;
      case 'user':
        local.delegate.message(message.payload);
        break;
    }
  }

  #acknowledge(ping: Ping, from: Address): void {
    const { local, outbox } = this.#parts;
    const { seqNo, node, sourceNode = '' } = ping;
    if (node !== '' && node !== local.name) {
      countDrop(local.counters, 'wrong-node');
      return;
    }
    const payload = local.delegate.ackPayload();
    outbox.send({ type: 'ack', seqNo, payload }, sourceOr(ping, from), local.members.get(sourceNode) ?? null);
  }

  #answer(message: StreamMessage, from: Address): Uint8Array | null {
    const { local, pushPull } = this.#parts;
    local.counters.messagesIn[message.type]++;
    switch (message.type) {
      case 'ping': {
        if (message.node !== '' && message.node !== local.name) return null;
        return this.#seal({ type: 'ack', seqNo: message.seqNo, payload: null });
      }
      case 'pushPull': {
        // Before what the other knows is taken in: it need not be told that again.
        const answer = this.#seal(pushPull.state(message.join));
        try {
          pushPull.merge(message);
        } catch (error) {
          local.log('warn', `refused the members of ${from.host}:${from.port}: ${(error as Error).message}`);
        }
        return answer;
      }
      case 'user':
        local.delegate.message(message.payload);
        return null;
      default:
        return null;
    }
  }

  #seal(message: StreamMessage): Uint8Array {
    const { local, security } = this.#parts;
    const bytes = sealStream(encodeStreamMessage(message), { ...security, dialling: false });
    local.counters.messagesOut[message.type]++;
    local.counters.streamBytesOut += bytes.length;
    return bytes;
  }
}

/** Where an answer goes: where the message says, else where it came from. */
function sourceOr({ sourceAddr, sourcePort }: Source, from: Address): Address {
  const host = sourceAddr === undefined ? null : addressText(sourceAddr);
  return host !== null && sourcePort ? { host, port: sourcePort } : from;
}
