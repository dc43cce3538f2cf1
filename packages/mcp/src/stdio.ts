import { once } from 'node:events';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import type { OpenRegistry } from './registry.ts';
import { createMcpServer } from './server.ts';

/**
 * MCP over this process's stdin and stdout, until stdin ends. Nothing else may write to stdout.
 *
 * @param open the way to the registry, at each call
 * @param onError told of what is wrong with a message or the pipe
 */
export async function mcpOverStdio(
  version: string,
  open: OpenRegistry,
  onError: (error: Error) => void,
): Promise<void> {
  const ended = Promise.race([once(process.stdin, 'end'), once(process.stdin, 'close')]);
  const handle = serveStdio(() => createMcpServer(version, open, { isBeside: true }), {
    transport: new StdioServerTransport(),
    onerror: onError,
  });
  await ended;
  await handle.close();
}
