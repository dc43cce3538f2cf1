import { PortolanError } from '@portolan/model';
import { checkedAnswers } from './checked-answers.ts';
import type { PortolanClient } from './client.ts';
import { type ConnectOptions, connect, DEFAULT_URL } from './connect.ts';
import { guardedWith } from './dispatcher.ts';
import { ownCoordinator } from './own-coordinator.ts';
import { ownHost } from './own-host.ts';
import { readToken, tokenPath } from './token.ts';

/**
 * A client by the environment: `PORTOLAN_URL` (several parted by commas), else the coordinator of this user's `portolan up`,
 * else http://127.0.0.1:7678; and `PORTOLAN_TOKEN`, else the token file of this user. For `https` beyond what Node trusts: `PORTOLAN_CA`, a PEM file with an authority, and `PORTOLAN_CERT` with
 * `PORTOLAN_KEY` where coordinators ask for a certificate. The agent of this machine, if there is one, tests that the ports that
 * it is given can be bound. What is given in `options` goes before.
 *
 * @throws PortolanError `unauthorized` when there is no token to be found
 */
export async function fromEnvironment(options: Partial<ConnectOptions> = {}): Promise<PortolanClient> {
  const named = process.env.PORTOLAN_URL || (options.url ? '' : ((await ownCoordinator()) ?? DEFAULT_URL));
  const url = options.url ?? named.split(',').map((part) => part.trim());
  const token = options.token ?? (process.env.PORTOLAN_TOKEN || (await readToken()));
  if (!token) {
    throw new PortolanError(
      'unauthorized',
      `There is no token: PORTOLAN_TOKEN is not set and ${tokenPath()} does not exist. ` +
        'Ask whoever runs the coordinator for a token ("portolan token create"), or start one of your own with "portolan up".',
      { missing: 'token' },
    );
  }
  const { PORTOLAN_CA: ca, PORTOLAN_CERT: cert, PORTOLAN_KEY: key } = process.env;
  const here = () => ownHost(client);
  const client = connect({ ...(await guardedWith({ ca, cert, key })), here, ...options, url, token }, checkedAnswers);
  return client;
}
