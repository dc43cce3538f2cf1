import type { Context as HonoContext } from 'hono';
import { networkOf } from '../access/address.ts';
import type { Rate } from '../access/rate.ts';
import { tooMany } from '../too-many.ts';
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
  if (wait > 0) throw tooMany('there are too many requests', wait);
}
