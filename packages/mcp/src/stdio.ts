import { once } from 'node:events';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import { plainIssue } from '@portolan/model';
import { z } from 'zod';
import type { OpenRegistry } from './registry.ts';
import { createMcpServer } from './server.ts';

/**
 * MCP over this process's stdin and stdout, until stdin ends. Nothing else may write to stdout.
 *
 * @param onError told of what is wrong with a message or the pipe
 */
export async function mcpOverStdio(
  version: string,
  open: OpenRegistry,
  onError: (error: Error) => void,
): Promise<void> {
  // This process is nothing but the server: a model reads what is wrong with its arguments in the same words as everybody.
  z.config({ customError: plainIssue });
  const ended = Promise.race([once(process.stdin, 'end'), once(process.stdin, 'close')]);
  const handle = serveStdio(() => createMcpServer(version, open), {
    transport: new StdioServerTransport(),
    onerror: onError,
  });
  await ended;
  await handle.close();
}
