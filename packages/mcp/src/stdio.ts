import { once } from 'node:events';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import type { PortolanClient } from '@portolan/client';
import { createMcpServer } from './server.ts';

/**
 * MCP over this process's stdin and stdout, until stdin ends. Nothing else may write to stdout.
 *
 * @param open the way to the registry, at each call
 * @param onError told of what is wrong with a message or the pipe
 */
export async function mcpOverStdio(
  version: string,
  open: () => Promise<PortolanClient>,
  onError: (error: Error) => void,
): Promise<void> {
  const ended = Promise.race([once(process.stdin, 'end'), once(process.stdin, 'close')]);
  const machine = { hostId: remembered(async () => ownHostOf(await open())) };
  const handle = serveStdio(() => createMcpServer(version, open, machine), {
    transport: new StdioServerTransport(),
    onerror: onError,
  });
  await ended;
  await handle.close();
}

async function ownHostOf(client: PortolanClient): Promise<string | undefined> {
  const { ownHost } = await import('@portolan/client/node');
  return ownHost(client);
}

/** An agent that is not there is looked for again after this time. ms */
const AGAIN = 60_000;

/** Asks once, and again later where nothing was found. */
function remembered(find: () => Promise<string | undefined>): () => Promise<string | undefined> {
  let found: string | undefined;
  let next = 0;
  let asking: Promise<string | undefined> | undefined;
  const ask = async () => {
    found = await find();
    next = performance.now() + AGAIN;
    return found;
  };
  return async () => {
    if (found !== undefined || performance.now() < next) return found;
    asking ??= ask().finally(() => {
      asking = undefined;
    });
    return asking;
  };
}
