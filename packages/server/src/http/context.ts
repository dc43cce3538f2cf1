import type { HttpBindings } from '@hono/node-server';
import { plainIssue, RequestTimeout, TIMEOUT_HEADER } from '@portolan/model';
import type { Context as HonoContext } from 'hono';
import type { Logger } from 'pino';
import type { Act } from '../access/act.ts';
import type { Proxies } from '../access/address.ts';
import type { Lobby } from '../access/lobby.ts';
import type { Logins } from '../access/logins.ts';
import type { Newcomers } from '../access/newcomers.ts';
import type { NameCheck } from '../access/origin.ts';
import type { Principal } from '../access/principal.ts';
import type { Rate } from '../access/rate.ts';
import { Sender } from '../access/sender.ts';
import type { Sessions } from '../access/sessions.ts';
import type { Tokens } from '../access/tokens.ts';
import type { Coordinator } from '../coordinator.ts';
import type { Gate } from './gate.ts';
import { invalid } from './problems.ts';

/** What routes are made of: a coordinator, and who may reach it. */
export interface Context extends Coordinator {
  readonly gate: Gate;
  readonly names: NameCheck;
  readonly tokens: Tokens;
  readonly logins: Logins;
  readonly sessions: Sessions;
  readonly rates: Rates;
  readonly newcomers: Newcomers;
  readonly lobby: Lobby;
  readonly proxies: Proxies;
  readonly logger: Logger;
  /** False from the moment the coordinator begins to stop. */
  serving(): boolean;
}

export interface Rates {
  /** Requests, by the id of the token. */
  readonly requests: Rate;
  /** Requests without a good token, by what they are for and where they come from. */
  readonly strangers: Rate;
}

/** What a request carries from the gate on. */
export interface Env {
  Bindings: HttpBindings;
  Variables: { principal: Principal; sender: Sender; address: string | null };
}

/** Who asks, once the gate has let the request through. */
export function callerOf(c: HonoContext): Act {
  return { principal: c.get('principal'), address: addressOf(c) };
}

/** Where the request comes from. A header tells it only if a trusted proxy sent it; see `Proxies`. */
export function addressOf(c: HonoContext): string | null {
  return c.get('address');
}

/** @throws PortolanError `invalid-request` when it does not say right how long it waits */
export function senderOf(c: HonoContext<Env>): Sender {
  const header = c.req.header(TIMEOUT_HEADER);
  const timeout = header === undefined ? undefined : RequestTimeout.safeParse(header, { error: plainIssue });
  if (timeout?.success === false) throw invalid('header', timeout.error.issues, TIMEOUT_HEADER);
  return new Sender(c.env.incoming.socket, timeout?.data, c.get('principal'));
}
