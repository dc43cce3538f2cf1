import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { MiddlewareHandler } from 'hono';
import { Share } from '../share.ts';
import { tooMany } from '../too-many.ts';
import type { Env } from './context.ts';

/** Of the answers that one account has not taken yet; a page has 4 MiB at most. */
const UNSENT_BYTES = 64 * 1024 * 1024;

/**
 * Cuts connections whose other end takes nothing of an answer for so long: what is not taken lies in memory. One that
 * waits for an answer, or for news, is left alone.
 *
 * @param within ms
 */
export function cutUnread(server: Server, within: number): void {
  server.setTimeout(within);
  server.on('request', (_, answer: ServerResponse) => {
    answer.on('timeout', (socket: Socket) => {
      if (socket.writableLength > 0) socket.destroy();
    });
  });
}

/** Refuses an answer while too much for the same account was not taken yet. Those without a known length are made as they are read. */
export function shareAnswers(): MiddlewareHandler<Env> {
  const unsent = new Share(UNSENT_BYTES);
  return async (c, next) => {
    await next();
    const account = c.get('sender').limitedAs;
    const length = Number(c.res.headers.get('content-length') ?? 0);
    if (account === undefined || length === 0) return;
    if (!unsent.take(account, length)) {
      throw tooMany(`${UNSENT_BYTES / 1024 / 1024} MiB of answers to this token are waiting: read them first`);
    }
    const { outgoing } = c.env;
    const give = () => unsent.give(account, length);
    // An upgrade that is refused has none.
    if (!outgoing || outgoing.closed) give();
    else outgoing.once('close', give);
  };
}
