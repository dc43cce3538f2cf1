import type { Address } from '../transport.ts';
import type { IndirectPing } from '../wire/message.ts';
import type { Timer } from '../world.ts';
import type { Acks } from './acks.ts';
import { addressText } from './address.ts';
import { countDrop } from './counters.ts';
import type { Local } from './local.ts';
import type { Outbox } from './outbox.ts';
import { sourceOf } from './probe.ts';

/** Pings for others that may be on their way at once. */
const LIMIT = 1_024;

/** Pings members for others, who had no answer themselves. */
export class Relay {
  readonly #local: Local;
  readonly #acks: Acks;
  readonly #outbox: Outbox;
  readonly #timers = new Set<Timer>();

  constructor(local: Local, acks: Acks, outbox: Outbox) {
    this.#local = local;
    this.#acks = acks;
    this.#outbox = outbox;
  }

  /** @param asker where the answer goes */
  ping({ seqNo, target, port, node, nack, sourceNode }: IndirectPing, asker: Address): void {
    const { world, profile, members, address, counters } = this.#local;
    const host = addressText(target);
    if (host === null) {
      countDrop(counters, 'malformed');
      return;
    }
    if (this.#timers.size >= LIMIT) {
      countDrop(counters, 'relay-full');
      return;
    }
    const answer = (type: 'ack' | 'nack') => {
      const message = type === 'ack' ? ({ type, seqNo, payload: null } as const) : ({ type, seqNo } as const);
      this.#outbox.send(message, asker, members.get(sourceNode ?? '') ?? null);
    };
    const own = this.#acks.expect({
      ack: () => {
        this.#drop(timer);
        answer('ack');
      },
    });
    const timer = world.clock.after(profile.probeTimeout, () => {
      this.#drop(timer);
      this.#acks.forget(own);
      if (nack) answer('nack');
    });
    this.#timers.add(timer);
    const ping = { type: 'ping', seqNo: own, node, ...sourceOf(this.#local) } as const;
    this.#outbox.send(ping, { host, port: port || address.port }, members.get(node) ?? null);
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #drop(timer: Timer): void {
    timer.cancel();
    this.#timers.delete(timer);
  }
}
