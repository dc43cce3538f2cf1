import { createMcpHandler } from '@modelcontextprotocol/server';
import { connect } from '@portolan/client';
import { createMcpServer } from './server.ts';

/** Who asks, and the way to the registry that is open to them. */
export interface HttpCaller {
  readonly token: string;
  /** Answers as the coordinator's own HTTP interface does. */
  readonly fetch: typeof fetch;
}

export interface McpOverHttp {
  /** One request of the streamable HTTP transport, without a session: every one stands for itself. */
  answer(request: Request, caller: HttpCaller): Promise<Response>;
}

/** MCP behind somebody else's gate: each call of a tool goes through the coordinator's HTTP interface, as its caller. */
export function mcpOverHttp(version: string): McpOverHttp {
  const handler = createMcpHandler(
    ({ authInfo }) => {
      const caller = authInfo?.extra?.caller as HttpCaller;
      const client = connect({ url: 'http://localhost', token: caller.token, fetch: caller.fetch, patience: 0 });
      return createMcpServer(version, async () => client);
    },
    // The tools never change, and changes of ports are told on the coordinator's own stream: nobody has to hold a line.
    { maxSubscriptions: 0 },
  );
  return {
    answer: (request, caller) =>
      handler.fetch(request, { authInfo: { token: caller.token, clientId: '', scopes: [], extra: { caller } } }),
  };
}
