import { addressBytes } from '../core/address.ts';
import { MESSAGES, SERF } from './message.ts';
import type { QueryResult } from './queries.ts';
import { type Member, STATUSES } from './roster.ts';

/** The query that asks all members whom they know by a name. */
export const CONFLICT_QUERY = '_serf_conflict';

/** What a member answers that knows somebody by the name. */
export function describeMember({ name, address, tags, status, versions }: Member): Uint8Array {
  const [protocolMin = 0, protocolMax = 0, protocolCur = 0, delegateMin = 0, delegateMax = 0, delegateCur = 0] =
    versions;
  return MESSAGES.conflictAnswer.encode({
    name,
    addr: addressBytes(address.host),
    port: address.port,
    tags: new Map(Object.entries(tags)),
    status: 1 + STATUSES.indexOf(status),
    protocolMin,
    protocolMax,
    protocolCur,
    delegateMin,
    delegateMax,
    delegateCur,
  });
}

/**
 * Whether the name goes to the other node: when no majority of those that answered know this one by it. Nobody's answer
 * is no verdict.
 */
export function isLost(answers: QueryResult['answers'], self: { addr: Uint8Array; port: number }): boolean {
  const records = answers.map(({ payload }) => decode(payload)).filter((record) => record !== null);
  const same = records.filter(({ addr, port }) => port === self.port && Buffer.from(addr).equals(self.addr));
  return records.length > 0 && same.length < Math.floor(records.length / 2) + 1;
}

function decode(payload: Uint8Array) {
  try {
    return payload[0] === SERF.conflictAnswer ? MESSAGES.conflictAnswer.decode(payload) : null;
  } catch {
    return null;
  }
}
