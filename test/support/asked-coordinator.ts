import type { Problem, Role, TokenMade } from '@portolan/model';
import { Workbench } from './workbench.ts';

interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

/** A coordinator of its own, asked over HTTP with whatever token. */
export interface AskedCoordinator {
  readonly bench: Workbench;
  readonly url: string;
  /** That it was started with. */
  readonly admin: string;
  ask<T = Problem>(token: string, method: string, path: string, body?: unknown): Promise<Answer<T>>;
  /** @returns the token's text */
  token(role: Role, bound?: { projects?: readonly string[]; host?: string }): Promise<string>;
  stop(): Promise<void>;
}

export async function startAskedCoordinator(): Promise<AskedCoordinator> {
  const bench = new Workbench();
  const { url } = await bench.coordinator(['--no-gossip']);
  const ask = async <T = Problem>(token: string, method: string, path: string, body?: unknown): Promise<Answer<T>> => {
    const response = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as T };
  };
  return {
    bench,
    url,
    admin: bench.token,
    ask,
    async token(role, bound = {}) {
      const { status, body } = await ask<TokenMade>(bench.token, 'POST', '/v1/tokens', { role, name: role, ...bound });
      if (status !== 201) throw new Error(`no token was made: ${JSON.stringify(body)}`);
      return body.token;
    },
    stop: () => bench.clear(),
  };
}

/** What an agent tells of its host when it joins. */
export function hostInfo(name: string, addresses: readonly string[] = []) {
  return { name, addresses, platform: 'linux', agentVersion: '1', ephemeral: null, blindSpots: [] };
}
