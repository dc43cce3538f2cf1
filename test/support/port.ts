import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what systems give out by themselves: nobody is given such a port by chance while its holder restarts. */
const FROM = 10_000;
const COUNT = 10_000;
const given = new Set<number>();

/** A TCP port of this machine that was free a moment ago. Another process may take it before the caller does. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FROM + Math.floor(Math.random() * COUNT);
    if (given.has(port)) continue;
    given.add(port);
    const server = createServer().listen(port);
    try {
      await once(server, 'listening');
    } catch {
      continue;
    }
    server.close();
    await once(server, 'close');
    return port;
  }
}
