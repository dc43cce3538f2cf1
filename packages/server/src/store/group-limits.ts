import { PortolanError } from '@portolan/model';
import { SEPARATOR } from './log-record.ts';
import {
  type Alternative,
  type Condition,
  GROUP_BYTES_MAX,
  GROUP_OPERATIONS_MAX,
  GROUP_TRANSACTIONS_MAX,
  type Transaction,
} from './store.ts';

/**
 * Refuses a group that no store takes.
 *
 * @throws PortolanError `too-large` over the limits
 * @throws TypeError when an alternative writes one key or one lease twice, or a text holds U+001F: a mistake in the caller
 */
export function checkGroup(group: readonly Transaction[]): void {
  if (group.length > GROUP_TRANSACTIONS_MAX) throw tooLarge('transactions', group.length, GROUP_TRANSACTIONS_MAX);
  let operations = 0;
  let units = 0;
  for (const { alternatives } of group) {
    for (const alternative of alternatives) {
      const { conditions, puts, deletes, leases } = alternative;
      operations += conditions.length + puts.length + deletes.length + leases.length;
      units += checkAlternative(alternative);
    }
  }
  if (operations > GROUP_OPERATIONS_MAX) throw tooLarge('operations', operations, GROUP_OPERATIONS_MAX);
  // A UTF-16 unit is at most three bytes, so most groups need no exact count.
  if (units * 3 > GROUP_BYTES_MAX) {
    const bytes = bytesOf(group);
    if (bytes > GROUP_BYTES_MAX) throw tooLarge('bytes', bytes, GROUP_BYTES_MAX);
  }
}

/** @returns how many UTF-16 units its texts have */
function checkAlternative({ conditions, puts, deletes, leases }: Alternative): number {
  let units = 0;
  for (const condition of conditions) units += textOf(condition).length;
  for (const { key, value } of puts) units += checkText(key) + checkText(value);
  for (const key of deletes) units += checkText(key);
  for (const { id } of leases) units += id.length;
  if (puts.length + deletes.length > 1) {
    const keys = new Set(deletes);
    for (const { key } of puts) keys.add(key);
    if (keys.size < puts.length + deletes.length) throw new TypeError('an alternative puts or deletes one key twice');
  }
  if (leases.length > 1 && new Set(leases.map(({ id }) => id)).size < leases.length) {
    throw new TypeError('an alternative sets one lease twice');
  }
  return units;
}

function textOf(condition: Condition): string {
  if ('key' in condition) return condition.key;
  return 'lease' in condition ? condition.lease : '';
}

function checkText(text: string): number {
  if (text.includes(SEPARATOR))
    throw new TypeError('a key or value holds the character U+001F, which parts texts in the log');
  return text.length;
}

function bytesOf(group: readonly Transaction[]): number {
  let bytes = 0;
  for (const { alternatives } of group) {
    for (const { conditions, puts, deletes, leases } of alternatives) {
      const texts = [
        ...conditions.map(textOf),
        ...puts.flatMap(({ key, value }) => [key, value]),
        ...deletes,
        ...leases.map(({ id }) => id),
      ];
      for (const text of texts) bytes += Buffer.byteLength(text);
    }
  }
  return bytes;
}

function tooLarge(what: 'transactions' | 'operations' | 'bytes', count: number, limit: number): PortolanError {
  return new PortolanError('too-large', `a group of ${count} ${what} is over the limit of ${limit}; send it in parts`, {
    [what]: count,
    limit,
  });
}
