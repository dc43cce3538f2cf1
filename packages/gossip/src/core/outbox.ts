import type { Address } from '../transport.ts';
import { encodeMessage } from '../wire/codec.ts';
import { COMPOUND_HEAD, COMPOUND_PART } from '../wire/compound.ts';
import { COMPOUND_LIMIT } from '../wire/limits.ts';
import type { PacketMessage } from '../wire/message.ts';
import { packetOverhead, type SealOptions, sealPacket } from '../wire/packet.ts';
import type { BroadcastQueue } from './broadcast-queue.ts';
import type { Local } from './local.ts';
import { type Member, protocolOf } from './member.ts';
import { SINCE } from './versions.ts';

type Failed = (reason: 'unreachable' | 'local') => void;

/** Type byte of a user message. */
const USER_HEAD = 1;

/** Sends packets, and fills what room they have with what waits to be told. */
export class Outbox {
  readonly #local: Local;
  readonly #security: SealOptions;
  readonly #queue: BroadcastQueue;

  constructor(local: Local, security: SealOptions, queue: BroadcastQueue) {
    this.#local = local;
    this.#security = security;
    this.#queue = queue;
  }

  /** Whether anything waits to be told. */
  get waiting(): boolean {
    return this.#queue.length > 0 || this.#local.delegate.outgoing.length > 0;
  }

  /** @param target who that is, where it is known */
  send(message: PacketMessage, to: Address, target: Member | null, failed?: Failed): void {
    const encoded = this.#encode(message);
    this.#post([encoded, ...this.#fill(target, COMPOUND_PART + encoded.length)], to, target, failed);
  }

  /** Sends these and nothing else. */
  sendOnly(messages: readonly PacketMessage[], target: Member, failed?: Failed): void {
    this.#post(
      messages.map((message) => this.#encode(message)),
      target.address,
      target,
      failed,
    );
  }

  /** Sends what waits, if anything does. */
  gossip(target: Member): void {
    const parts = this.#fill(target, 0);
    if (parts.length > 0) this.#post(parts, target.address, target);
  }

  /** @param used bytes of the packet, besides its layers */
  #fill(target: Member | null, used: number): Uint8Array[] {
    if (!this.waiting) return [];
    const { profile, delegate, counters } = this.#local;
    const room = profile.packetSize - packetOverhead(this.#security) - COMPOUND_HEAD - used;
    const most = used > 0 ? COMPOUND_LIMIT - 1 : COMPOUND_LIMIT;
    const parts = this.#queue.take(room, COMPOUND_PART, most);
    const left = room - parts.reduce((sum, part) => sum + part.length + COMPOUND_PART, 0);
    for (const part of parts) counters.messagesOut[KINDS[part[0]!]!]++;
    if (delegate.outgoing.length === 0) return parts;
    const payloads = delegate.outgoing.take(left, COMPOUND_PART + USER_HEAD, most - parts.length, target);
    return [...parts, ...payloads.map((payload) => this.#encode({ type: 'user', payload }))].slice(0, most);
  }

  #encode(message: PacketMessage): Uint8Array {
    this.#local.counters.messagesOut[message.type]++;
    return encodeMessage(message);
  }

  #post(parts: readonly Uint8Array[], to: Address, target: Member | null, failed?: Failed): void {
    const { world, counters } = this.#local;
    const checksum = target !== null && protocolOf(target) >= SINCE.checksums;
    const packet = sealPacket(parts, { ...this.#security, checksum });
    counters.packetsOut++;
    counters.packetBytesOut += packet.length;
    world.transport.send(packet, to, failed);
  }
}

/** What a queued message is, by its type byte. */
const KINDS: Readonly<Record<number, 'suspect' | 'alive' | 'dead'>> = { 3: 'suspect', 4: 'alive', 5: 'dead' };
