import type { Address } from '../transport.ts';
import type { NodeState } from '../wire/message.ts';
import type { Member } from './member.ts';

/** What happened to a member. Its state is the new one; a member with `leave` is `dead` or `left`. */
export interface MemberEvent {
  /** `forget`: it was dead or had left for so long that the table no longer has it. */
  readonly type: 'join' | 'update' | 'leave' | 'forget';
  readonly member: Member;
}

/** User messages that wait to ride in packets; a {@link BroadcastQueue} is one. */
export interface Outgoing {
  readonly length: number;
  /**
   * @param room bytes   @param overhead bytes that each payload costs besides its own   @param most how many
   * @param to who gets the packet; null when it is not known who that is
   */
  take(room: number, overhead: number, most: number, to: Member | null): Uint8Array[];
}

/** What the application adds to a node. All of it may be left out, and whatever it throws is logged and goes no further. */
export interface Delegate {
  /** Called when the table has changed already. The node itself joins first. */
  event?(event: MemberEvent): void;
  /** Another node claims a name that is taken. It was refused. */
  conflict?(holder: Member, claimed: Address): void;
  /** False keeps a node out of the table; asked each time that somebody tells of it. */
  admit?(node: NodeState): boolean;
  /** A reason keeps two clusters apart: asked on both sides of a join, before anything of the other's is taken in. */
  refuseMerge?(nodes: readonly NodeState[]): string | null;
  /** A user message, from whomever. */
  message?(payload: Uint8Array): void;
  readonly outgoing?: Outgoing;
  /** What travels with a whole state, to each partner of a push/pull. */
  state?(join: boolean): Uint8Array;
  mergeState?(state: Uint8Array, join: boolean): void;
  /** What an ack carries. */
  ackPayload?(): Uint8Array | null;
  /** A direct probe was answered. @param rtt ms */
  pinged?(member: Member, rtt: number, payload: Uint8Array | null): void;
}

const NOTHING = new Uint8Array(0);

const DEFAULTS: Required<Delegate> = {
  event() {},
  conflict() {},
  admit: () => true,
  refuseMerge: () => null,
  message() {},
  outgoing: { length: 0, take: () => [] },
  state: () => NOTHING,
  mergeState() {},
  ackPayload: () => null,
  pinged() {},
};

/**
 * A delegate that has all of it and throws nothing.
 *
 * @param failed told of what it would have thrown; the call then has the answer of a delegate that has no such method
 */
export function guard(delegate: Delegate, failed: (error: unknown) => void): Required<Delegate> {
  const guarded = <Arguments extends unknown[], Result>(
    call: ((...args: Arguments) => Result) | undefined,
    otherwise: (...args: Arguments) => Result,
  ) => {
    if (!call) return otherwise;
    return (...args: Arguments): Result => {
      try {
        return call.apply(delegate, args);
      } catch (error) {
        failed(error);
        return otherwise(...args);
      }
    };
  };
  const { outgoing = DEFAULTS.outgoing } = delegate;
  return {
    event: guarded(delegate.event, DEFAULTS.event),
    conflict: guarded(delegate.conflict, DEFAULTS.conflict),
    // Whoever is judged by code that fails stays out.
    admit: guarded(delegate.admit, () => delegate.admit === undefined),
    refuseMerge: guarded(delegate.refuseMerge, () => (delegate.refuseMerge ? 'its check failed' : null)),
    message: guarded(delegate.message, DEFAULTS.message),
    outgoing: {
      get length() {
        return outgoing.length;
      },
      take: guarded(outgoing.take.bind(outgoing), DEFAULTS.outgoing.take),
    },
    state: guarded(delegate.state, DEFAULTS.state),
    mergeState: guarded(delegate.mergeState, DEFAULTS.mergeState),
    ackPayload: guarded(delegate.ackPayload, DEFAULTS.ackPayload),
    pinged: guarded(delegate.pinged, DEFAULTS.pinged),
  };
}
