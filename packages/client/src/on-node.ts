// What `@portolan/client` is under Node: the same, on connections of which it is known whose they are.
import './supported-node.ts';
import { checkedAnswers } from './checked-answers.ts';
import type { PortolanClient } from './client.ts';
import { type ConnectOptions, connect as connectAnywhere } from './connect.ts';
import { guarded } from './dispatcher.ts';

export * from './index.ts';

/**
 * Makes a client. Nothing is sent before the first call, nor to a port of this machine that somebody else's program holds.
 *
 * @throws PortolanError `invalid-request`
 */
export function connect(options: ConnectOptions): PortolanClient {
  return connectAnywhere({ ...guarded(), ...options }, checkedAnswers);
}
