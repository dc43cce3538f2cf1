import { connect, isProblem, type PortolanClient } from '@portolan/client';
import { type Caller, TokenMade } from '@portolan/model';
import { computed, signal } from '@preact/signals';
import { keepToken, keptToken } from './kept-token.ts';

export interface Session {
  readonly token: string;
  readonly caller: Caller;
  readonly client: PortolanClient;
}

export const session = signal<Session | undefined>(undefined);
/** Whether somebody is let in at this moment. */
export const entering = signal(true);
/** Why nobody is in: shown where one enters. */
export const refusal = signal<string | undefined>(undefined);

export const mayOperate = computed(() => ['admin', 'operator'].includes(session.value?.caller.role ?? ''));
export const mayHold = computed(() => ['admin', 'operator', 'client'].includes(session.value?.caller.role ?? ''));

/** Lets in whoever comes with a link, or was in before in this tab. */
export async function resume(): Promise<void> {
  const code = /^#login=([\w-]+)$/.exec(location.hash)?.[1];
  if (code !== undefined) {
    // At once: neither the history nor whoever looks over a shoulder needs it.
    history.replaceState(null, '', location.pathname + location.search);
    const token = await redeem(code).catch(refuse);
    if (token !== undefined) return enter(token);
  }
  const kept = keptToken();
  if (kept === undefined) entering.value = false;
  else await enter(kept);
}

export async function enter(token: string): Promise<void> {
  entering.value = true;
  try {
    const client = connect({ url: location.origin, token });
    const caller = await client.self();
    keepToken(token);
    refusal.value = undefined;
    session.value = { token, caller, client };
  } catch (error) {
    if (isProblem(error, 'unauthorized')) keepToken(undefined);
    refuse(error);
  } finally {
    entering.value = false;
  }
}

/** @param reason `undefined` when it was asked for */
export function leave(reason?: string): void {
  keepToken(undefined);
  refusal.value = reason;
  session.value = undefined;
}

async function redeem(code: string): Promise<string> {
  const response = await fetch('/v1/logins/redeem', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code }),
  });
  const answer: unknown = await response.json();
  const made = TokenMade.safeParse(answer);
  if (made.success) return made.data.token;
  if ((answer as { code?: string }).code === 'invalid-request') {
    throw new Error('this link is not whole: copy all of it, or paste a token');
  }
  throw new Error((answer as { detail?: string }).detail ?? `the coordinator answered ${response.status}`);
}

function refuse(error: unknown): undefined {
  refusal.value = error instanceof Error ? error.message : String(error);
}
