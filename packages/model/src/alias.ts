import { z } from 'zod';
import { ServiceId } from './identity.ts';

/** Somebody's word that two names are one service: so that its two halves are no collision. */
export const Alias = z
  .object({
    service: ServiceId,
    /** What it counts as. */
    of: ServiceId,
    /** Name of the token that said so. */
    by: z.string(),
    at: z.iso.datetime(),
  })
  .meta({ id: 'Alias' });
export type Alias = z.infer<typeof Alias>;

/** An alias of an alias of …: more are somebody's mistake. */
const CHAIN_MAX = 8;

/** What a service counts as in the end: itself, unless somebody said otherwise. */
export function canonicalService(
  service: ServiceId,
  aliasOf: (service: ServiceId) => ServiceId | undefined,
): ServiceId {
  let found = service;
  for (let i = 0; i < CHAIN_MAX; i++) {
    const next = aliasOf(found);
    if (next === undefined) break;
    found = next;
  }
  return found;
}
