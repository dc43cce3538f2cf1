import type { Address } from '../transport.ts';
import type { NodeState } from '../wire/message.ts';
import { addressText } from './address.ts';

/** What is known of a node. Never changed: a new one takes its place. */
export interface Member extends NodeState {
  /** The same as `addr` and `port`, in text. */
  readonly address: Address;
  /** When its state changed, by this node's clock, ms. */
  readonly since: number;
}

/** Highest incarnation that fits its 32 bits. */
export const LAST_INCARNATION = 0xffff_ffff;

/** @returns null when `addr` is no address */
export function createMember(state: NodeState, since: number): Member | null {
  const host = addressText(state.addr);
  return host === null ? null : { ...pick(state), address: { host, port: state.port }, since };
}

/** @param since when it changed, ms; left out when only its data did */
export function changed(member: Member, change: Partial<NodeState>, since = member.since): Member {
  return { ...member, ...change, since };
}

/** Whether it takes part: it may yet be found dead. */
export function isUp({ state }: NodeState): boolean {
  return state === 'alive' || state === 'suspect';
}

/** Highest protocol version that it speaks. */
export function protocolOf({ vsn }: NodeState): number {
  return vsn[1] ?? 0;
}

function pick({ name, addr, port, meta, incarnation, state, vsn }: NodeState): NodeState {
  return { name, addr, port, meta, incarnation, state, vsn };
}
