import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  type McpServer,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { z } from 'zod';

/** What a client says of itself. */
export interface ClientSelf {
  /** `undefined` over HTTP by the protocol before 2026, where each request stands for itself. */
  readonly name: string | undefined;
  readonly offersRoots: boolean;
  /** It speaks the protocol of 2026, in which a server asks nothing by itself. */
  readonly modern: boolean;
}

const Envelope = z.object({
  [CLIENT_INFO_META_KEY]: z.object({ name: z.string() }).optional().catch(undefined),
  [CLIENT_CAPABILITIES_META_KEY]: z.object({ roots: z.unknown() }).optional().catch(undefined),
});

/** By the request, as clients do since 2026; else by how the connection began. */
export function clientSelf({ server }: McpServer, { mcpReq }: ServerContext): ClientSelf {
  const told = Envelope.safeParse(mcpReq.envelope).data;
  const modern = mcpReq.envelope !== undefined;
  return {
    name: (told?.[CLIENT_INFO_META_KEY] ?? server.getClientVersion())?.name,
    offersRoots:
      (told?.[CLIENT_CAPABILITIES_META_KEY] ?? (modern ? undefined : server.getClientCapabilities()))?.roots !==
      undefined,
    modern,
  };
}
