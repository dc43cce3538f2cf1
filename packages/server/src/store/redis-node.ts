import { connect } from 'node:net';
import type { RedisNode } from './redis-address.ts';

/** How long a node may take to accept a connection, ms. */
const ACCEPT_WITHIN = 1500;

/** `host:port`, as Redis itself writes it: IPv6 addresses without brackets. */
export function nodeText({ host, port }: RedisNode): string {
  return `${host}:${port}`;
}

export function parseNodeText(text: string): RedisNode {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

/** Whether its port takes connections from this machine. */
export function isReachable({ host, port }: RedisNode): Promise<boolean> {
  return new Promise((resolve) => {
    if (!host || !(port > 0)) return resolve(false);
    const socket = connect({ host, port, timeout: ACCEPT_WITHIN });
    const settle = (reached: boolean) => {
      socket.destroy();
      resolve(reached);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}
