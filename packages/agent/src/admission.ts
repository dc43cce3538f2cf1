import { hash, timingSafeEqual } from 'node:crypto';
import {
  BOOTSTRAP_TOKEN,
  bearerOf,
  type Caller,
  endOf,
  type Fleet,
  key,
  PortolanError,
  startParent,
  tokenIdOf,
} from '@portolan/model';

/**
 * Tells whose token it is without a coordinator: by the digests that the registry spread, or because it is the agent's
 * own. What was revoked while no coordinator was there to say so is still taken.
 *
 * @param own the token that this agent shows to coordinators
 * @throws PortolanError `unauthorized`
 */
export function admit(authorization: string | undefined, own: string, fleet: Fleet): Caller {
  const token = bearerOf(authorization);
  if (token === undefined) {
    throw new PortolanError('unauthorized', 'this needs the header "authorization: Bearer <token>"');
  }
  const digest = digestOf(token);
  const known = fleet.get('token', key.token(tokenIdOf(token) ?? BOOTSTRAP_TOKEN))?.value;
  const bootstrap = fleet.get('token', key.token(BOOTSTRAP_TOKEN))?.value;
  for (const held of [known, bootstrap]) {
    if (!held || !timingSafeEqual(digest, Buffer.from(held.digest))) continue;
    const end = endOf(held, fleet, bootstrap && startParent(bootstrap.digest));
    if (end === undefined) return held;
    const why = end === 'expired' ? `expired at ${held.expiresAt}` : 'is a login, and its maker is accepted no more';
    throw new PortolanError('unauthorized', `the token "${held.name}" ${why}`);
  }
  if (timingSafeEqual(digest, digestOf(own))) {
    return { id: 'own', name: 'of this agent', role: 'agent', projects: null, host: null, expiresAt: null };
  }
  throw new PortolanError(
    'unauthorized',
    fleet.count('token') === 0
      ? 'this agent has no copy of the registry yet, so it cannot check the token; it gets one when a coordinator answers'
      : 'this agent does not know the token, and no coordinator is there to ask; "portolan token show" prints that of this machine',
  );
}

function digestOf(token: string): Buffer {
  return Buffer.from(hash('sha256', token, 'base64url'));
}
