import type { Timer } from '../world.ts';
import type { Acks } from './acks.ts';
import { addressBytes } from './address.ts';
import { setAlarm } from './alarm.ts';
import type { Exchanges } from './exchanges.ts';
import type { Local } from './local.ts';
import { type Member, protocolOf } from './member.ts';
import type { Outbox } from './outbox.ts';
import { drawMembers } from './random.ts';
import { SINCE } from './versions.ts';

export interface ProbeParts {
  readonly local: Local;
  readonly acks: Acks;
  readonly outbox: Outbox;
  readonly exchanges: Exchanges;
}

/**
 * How a probe ended. `unsent`: this machine could not send, which says nothing of the target.
 */
export type Verdict = 'alive' | 'failed' | 'unsent';

/** One probe of one member: a direct ping, then by relays and by a stream at once. */
export class Probe {
  readonly #parts: ProbeParts;
  readonly #target: Member;
  readonly #ended: (verdict: Verdict) => void;
  readonly #start: number;
  readonly #interval: number;
  readonly #seqNo: number;
  #timer: Timer;
  #phase: 'direct' | 'indirect' | 'over' = 'direct';
  #nacksExpected = 0;
  #nacks = 0;
  #answersStreams = false;

  /** @param ended told once */
  constructor(parts: ProbeParts, target: Member, ended: (verdict: Verdict) => void) {
    const { local, acks } = parts;
    const { profile, world, awareness } = local;
    this.#parts = parts;
    this.#target = target;
    this.#ended = ended;
    this.#start = world.clock.now();
    this.#interval = awareness.scale(profile.probeInterval);
    this.#seqNo = acks.expect({
      ack: (payload) => this.#succeed(payload),
      nack: () => {
        this.#nacks++;
      },
    });
    this.#timer = this.#wait(profile.probeTimeout, () => this.#askOthers());
    this.#ping();
  }

  cancel(): void {
    this.#phase = 'over';
    this.#timer.cancel();
    this.#parts.acks.forget(this.#seqNo);
  }

  #ping(): void {
    const { local, outbox } = this.#parts;
    const target = this.#target;
    const ping = { type: 'ping', seqNo: this.#seqNo, node: target.name, ...sourceOf(local) } as const;
    const failed = (reason: 'unreachable' | 'local') => {
      if (this.#phase !== 'direct') return;
      if (reason === 'local') {
        this.#end('unsent');
        return;
      }
      this.#timer.cancel();
      this.#askOthers();
    };
    if (target.state !== 'suspect' || !local.profile.lifeguard) {
      outbox.send(ping, target.address, target, failed);
      return;
    }
    // A suspect learns of it with the very ping, so that it can refute at once.
    const { name: node, incarnation } = target;
    outbox.sendOnly([ping, { type: 'suspect', incarnation, node, from: local.name }], target, failed);
  }

  #askOthers(): void {
    this.#phase = 'indirect';
    const { local, outbox } = this.#parts;
    const { profile, world, members, name } = local;
    const { name: node, addr: target, port } = this.#target;
    const relays = drawMembers(
      members,
      profile.indirectChecks,
      world.random,
      (member) => member.state === 'alive' && member.name !== name && member.name !== node,
    );
    for (const relay of relays) {
      const nack = profile.lifeguard && protocolOf(relay) >= SINCE.nacks;
      if (nack) this.#nacksExpected++;
      const request = { type: 'indirectPing', seqNo: this.#seqNo, target, port, node, nack } as const;
      outbox.send({ ...request, ...sourceOf(local) }, relay.address, relay);
    }
    const now = world.clock.now();
    const planned = this.#start + this.#interval - now;
    // Relays and stream have their time, too, when this process stood still during the direct ping.
    const left = Math.max(planned, profile.probeInterval - profile.probeTimeout, 0);
    this.#timer = this.#wait(left, () => this.#judge());
    this.#pingByStream(left);
  }

  #pingByStream(timeout: number): void {
    const { local, exchanges } = this.#parts;
    if (!local.profile.streamPing || protocolOf(this.#target) < SINCE.streamPing) return;
    exchanges.ping(this.#target, timeout).then(
      () => {
        this.#answersStreams = true;
      },
      () => {},
    );
  }

  #succeed(payload: Uint8Array | null): void {
    const { local } = this.#parts;
    if (this.#phase === 'direct') {
      local.delegate.pinged(this.#target, local.world.clock.now() - this.#start, payload);
    }
    local.awareness.apply(-1);
    this.#end('alive');
  }

  /** No packet has come back in time. */
  #judge(): void {
    const { local } = this.#parts;
    if (this.#answersStreams) {
      const { name, address } = this.#target;
      local.counters.streamPingsOnly++;
      local.log('warn', `${name} answers streams but no packets: does a firewall block UDP to ${address.host}?`);
      local.awareness.apply(-1);
      this.#end('alive');
      return;
    }
    local.awareness.apply(this.#nacksExpected > 0 ? Math.max(0, this.#nacksExpected - this.#nacks) : 1);
    this.#end('failed');
  }

  #end(verdict: Verdict): void {
    this.cancel();
    this.#ended(verdict);
  }

  #wait(delay: number, call: () => void): Timer {
    const { world, awareness, counters } = this.#parts.local;
    return setAlarm(world.clock, delay, call, () => {
      counters.stalls++;
      awareness.apply(1);
    });
  }
}

/** Where answers go. */
export function sourceOf({ name, address }: Local): {
  sourceAddr: Uint8Array;
  sourcePort: number;
  sourceNode: string;
} {
  return { sourceAddr: addressBytes(address.host), sourcePort: address.port, sourceNode: name };
}
