import type { BroadcastQueue } from '../core/broadcast-queue.ts';
import type { Outgoing } from '../core/delegate.ts';
import type { Member } from '../core/member.ts';

/**
 * What waits to ride in packets, of several queues.
 *
 * @param queues for everybody, the most important first
 * @param own after those, for nodes of the own kind: others would complain of what they do not know
 */
export function createOutgoing(
  queues: readonly BroadcastQueue[],
  own: BroadcastQueue,
  isOwnKind: (to: Member | null) => boolean,
): Outgoing {
  return {
    get length() {
      return queues.reduce((sum, { length }) => sum + length, own.length);
    },
    take(room, overhead, most, to) {
      const taken: Uint8Array[] = [];
      for (const queue of isOwnKind(to) ? [...queues, own] : queues) {
        if (queue.length === 0) continue;
        const messages = queue.take(room, overhead, most - taken.length);
        for (const { length } of messages) room -= length + overhead;
        taken.push(...messages);
      }
      return taken;
    },
  };
}
