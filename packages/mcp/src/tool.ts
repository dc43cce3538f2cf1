import {
  type CallToolResult,
  type InputRequiredResult,
  inputRequired,
  type McpServer,
  type ServerContext,
  type ToolAnnotations,
  type ToolCallback,
} from '@modelcontextprotocol/server';
import { PortolanError } from '@portolan/model';
import type { z } from 'zod';
import { argumentsOf } from './arguments.ts';
import { type Caller, callerOf } from './caller.ts';
import { plain, plainData } from './plain.ts';
import type { OpenRegistry, Registry } from './registry.ts';
import { type Place, ROOTS, RootsWanted, type Workplace } from './workplace.ts';

/** What a tool answers: words for the model, and the same as data. */
export interface Answer<O> {
  readonly text: string;
  readonly data: O;
}

/** What a tool has to work with, for one call. */
export interface Call {
  readonly registry: Registry;
  /** @param place what the call says of where it works */
  caller(place: Place): Promise<Caller>;
}

export interface Tool<I extends z.ZodObject, O extends z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Strict: what is not in it is refused. */
  readonly input: I;
  readonly output: O;
  readonly annotations: ToolAnnotations;
  run(call: Call, input: z.output<I>): Promise<Answer<z.input<O>>>;
}

/** Gives a tool its types. */
export function tool<I extends z.ZodObject, O extends z.ZodObject>(of: Tool<I, O>): Tool<I, O> {
  return of;
}

/** Looks and changes nothing. */
export const LOOKS: ToolAnnotations = { readOnlyHint: true, openWorldHint: false };

/** Of one connection: how its calls reach a registry, and what is known of who makes them. */
export interface Connection {
  readonly server: McpServer;
  readonly open: OpenRegistry;
  /** Where the client works, when that is on this machine. */
  readonly workplace: Workplace | undefined;
}

export function addTool<I extends z.ZodObject, O extends z.ZodObject>(
  { server, open, workplace }: Connection,
  { name, title, description, input, output, annotations, run }: Tool<I, O>,
): void {
  const config = { title, description, inputSchema: unchecked(input), outputSchema: output, annotations };
  const call = async (asked: unknown, context: ServerContext): Promise<CallToolResult | InputRequiredResult> => {
    try {
      const parsed = argumentsOf(name, input, asked);
      const caller = (place: Place) => callerOf(server, context, workplace, place);
      const { text, data } = await run({ registry: await open(), caller }, parsed);
      return { content: [{ type: 'text', text }], structuredContent: plainData(data) as Record<string, unknown> };
    } catch (error) {
      if (error instanceof RootsWanted) return inputRequired({ inputRequests: { [ROOTS]: inputRequired.listRoots() } });
      return refusal(error);
    }
  };
  // To follow what `input` makes of it through a type parameter is beyond the SDK's types.
  server.registerTool<O, I>(name, config, call as ToolCallback<I>);
}

/** The schema to be listed, which lets everything pass: what is wrong is told in our words. */
function unchecked<I extends z.ZodObject>(input: I): I {
  const standard = input['~standard'];
  return { '~standard': { ...standard, validate: (value: unknown) => ({ value }) } } as unknown as I;
}

/** Characters: a message may hold what it was asked with. */
const REFUSAL_MAX = 2_000;

/** An error that the model can act on: what happened, why, and what there is instead. */
function refusal(error: unknown): CallToolResult {
  if (!(error instanceof PortolanError)) throw error;
  const { suggestions } = error.data;
  const instead =
    Array.isArray(suggestions) && suggestions.length > 0 ? [`Free instead: ${suggestions.join(', ')}.`] : [];
  const text = [plain(error.message).slice(0, REFUSAL_MAX), ...instead, `(${error.code})`].join('\n');
  return { isError: true, content: [{ type: 'text', text }] };
}
