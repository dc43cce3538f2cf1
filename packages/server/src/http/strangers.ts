import { PortolanError } from '@portolan/model';
import type { Context as HonoContext } from 'hono';
import { networkOf } from '../access/address.ts';
import type { Rate } from '../access/rate.ts';
import { addressOf } from './context.ts';

/**
 * Counts a request without a good token, by where it comes from and what it is for: so junk of one kind holds up no other.
 *
 * @param what an open route, or anything else that is counted by itself
 * @throws PortolanError `too-many`
 */
export function countStranger(strangers: Rate, c: HonoContext, what: string): void {
  hold(strangers.take(`${what} ${networkOf(addressOf(c))}`, performance.now()));
}

/** @param wait seconds, 0 for none @throws PortolanError `too-many` */
export function hold(wait: number): void {
  if (wait === 0) return;
  const retryAfter = Math.max(1, Math.ceil(wait));
  throw new PortolanError('too-many', `there are too many requests; try again in ${retryAfter} s`, { retryAfter });
}
