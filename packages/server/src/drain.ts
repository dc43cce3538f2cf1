import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** How long requests under way may still take, ms. */
const WITHIN = 5_000;
/** A connection that is kept alive becomes idle when its answer is out, which may be after the first look, ms. */
const LOOK_EVERY = 20;

/**
 * Follows the connections of a server from its start on.
 *
 * @returns what stops it: nothing new is taken, requests under way finish, and then every connection is closed
 */
export function drainOf(server: Server): () => Promise<void> {
  const open = new Set<Socket>();
  // Over TLS the second one comes when the handshake is done.
  for (const event of ['connection', 'secureConnection']) {
    server.on(event, (socket: Socket) => {
      open.add(socket);
      socket.once('close', () => open.delete(socket));
    });
  }
  const closeIdle = () => {
    server.closeIdleConnections();
    // To Node a connection is busy until its first request is answered, and clients open some only to have them.
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
  };
  return async () => {
    const closed = once(server, 'close');
    server.close();
    closeIdle();
    const looking = setInterval(closeIdle, LOOK_EVERY);
    // Those too that hang in a handshake, and streams that the other side does not close.
    const late = setTimeout(() => {
      for (const socket of open) socket.destroy();
    }, WITHIN);
    await closed;
    clearInterval(looking);
    clearTimeout(late);
  };
}
