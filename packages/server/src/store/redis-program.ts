import { type Position, revisionOf } from '@portolan/model';
import { leavesTrace } from './log-record.ts';
import type { Alternative, Condition, GroupOutcome, Outcome, Transaction } from './store.ts';

/** What `commit.lua` takes after nonce and length of the log; its head describes the form. */
export function encodeGroup(group: readonly Transaction[]): string[] {
  const texts: string[] = [];
  const keys = new Map<string, number>();
  const leases = new Map<string, number>();
  const numberOf = (known: Map<string, number>, name: string): number => {
    let number = known.get(name);
    if (number === undefined) {
      number = texts.push(name);
      known.set(name, number);
    }
    return number;
  };

  const asked: string[] = [];
  for (const { alternatives } of group) {
    for (const { conditions } of alternatives) {
      for (const condition of conditions) {
        if ('key' in condition) numberOf(keys, condition.key);
        else if ('lease' in condition) asked.push(condition.lease);
      }
    }
  }
  for (const lease of asked) numberOf(leases, lease);
  const readKeys = keys.size;
  const readLeases = leases.size;

  const program: number[] = [];
  for (const { alternatives } of group) {
    program.push(alternatives.length);
    for (const alternative of alternatives) {
      const start = program.push(0);
      encodeConditions(alternative.conditions);
      program.push(alternative.puts.length);
      for (const { key, value } of alternative.puts) program.push(numberOf(keys, key), texts.push(value));
      program.push(alternative.deletes.length);
      for (const key of alternative.deletes) program.push(numberOf(keys, key));
      program.push(alternative.leases.length);
      for (const { id, ttl } of alternative.leases)
        program.push(numberOf(leases, id), ttl === null ? -1 : Math.max(0, ttl));
      program[start - 1] = program.length - start;
    }
  }
  return [String(readKeys), String(readLeases), JSON.stringify(program), ...texts];

  function encodeConditions(conditions: readonly Condition[]): void {
    const count = program.push(0) - 1;
    for (const condition of conditions) {
      if ('key' in condition && condition.version === null) program.push(numberOf(keys, condition.key));
    }
    program[count] = program.length - count - 1;
    const versions = program.push(0) - 1;
    for (const condition of conditions) {
      if ('key' in condition && condition.version !== null) {
        program.push(numberOf(keys, condition.key), texts.push(`${condition.version} `));
      }
    }
    program[versions] = (program.length - versions - 1) / 2;
    const due = program.push(0) - 1;
    for (const condition of conditions) {
      if ('lease' in condition) {
        program.push(numberOf(leases, condition.lease), condition.due === undefined ? 0 : condition.due ? 1 : 2);
      } else if ('epoch' in condition) {
        program.push(texts.push(String(condition.epoch)), 3);
      }
    }
    program[due] = (program.length - due - 1) / 2;
  }
}

/** What `commit.lua` answered, beside how surely that lasts. */
export interface Reply extends Omit<GroupOutcome, 'acknowledgement'> {
  /** How many replicas were connected, and not still being loaded. */
  readonly replicas: number;
}

/** @param reply of `commit.lua` for the group, to which `nonce` was given */
export function decodeReply(reply: unknown, group: readonly Transaction[], nonce: string): Reply {
  const [head, epoch, replicas, ...applied] = reply as [Position, string, number, ...number[]];
  const before = revisionOf(head);
  let revision = before;
  const outcomes = applied.map((alternative, index): Outcome => {
    if (alternative < 0) return { applied: false };
    if (leavesTrace(group[index]?.alternatives[alternative] as Alternative)) revision++;
    return { applied: true, alternative, revision };
  });
  return {
    outcomes,
    previous: head,
    position: revision === before ? head : `${revision}-${nonce}`,
    epoch: Number(epoch),
    replicas,
  };
}
