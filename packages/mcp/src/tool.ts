import type { CallToolResult, McpServer, ToolAnnotations, ToolCallback } from '@modelcontextprotocol/server';
import { PortolanError } from '@portolan/model';
import type { z } from 'zod';
import type { OpenRegistry, Registry } from './registry.ts';

/** What a tool answers: words for the model, and the same as data. */
export interface Answer<O> {
  readonly text: string;
  readonly data: O;
}

export interface Tool<I extends z.ZodObject, O extends z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: I;
  readonly output: O;
  readonly annotations: ToolAnnotations;
  run(registry: Registry, input: z.output<I>): Promise<Answer<z.input<O>>>;
}

/** Gives a tool its types. */
export function tool<I extends z.ZodObject, O extends z.ZodObject>(of: Tool<I, O>): Tool<I, O> {
  return of;
}

/** Looks and changes nothing. */
export const LOOKS: ToolAnnotations = { readOnlyHint: true, openWorldHint: false };

export function addTool<I extends z.ZodObject, O extends z.ZodObject>(
  server: McpServer,
  { name, title, description, input, output, annotations, run }: Tool<I, O>,
  open: OpenRegistry,
): void {
  const config = { title, description, inputSchema: input, outputSchema: output, annotations };
  const call = async (asked: unknown): Promise<CallToolResult> => {
    try {
      const { text, data } = await run(await open(), asked as z.output<I>);
      return { content: [{ type: 'text', text }], structuredContent: plainData(data) as Record<string, unknown> };
    } catch (error) {
      return refusal(error);
    }
  };
  // What it is called with has been parsed by `input`; to follow that through a type parameter is beyond the SDK's types.
  server.registerTool<O, I>(name, config, call as ToolCallback<I>);
}

/** An error that the model can act on: what happened, why, and what there is instead. */
function refusal(error: unknown): CallToolResult {
  if (!(error instanceof PortolanError)) throw error;
  const { suggestions } = error.data;
  const instead =
    Array.isArray(suggestions) && suggestions.length > 0 ? [`Free instead: ${suggestions.join(', ')}.`] : [];
  const text = [plain(error.message), ...instead, `(${error.code})`].join('\n');
  return { isError: true, content: [{ type: 'text', text }] };
}

/** What ends a line, moves a cursor, turns letters around, or is there without being seen: people do not see what a model reads. */
const UNSEEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u{e0000}-\u{e007f}]+/gu;

/** Text that came from elsewhere, such as command lines of processes, on one line and without what is unseen. */
export function plain(text: string): string {
  return text.replace(UNSEEN, ' ');
}

/** Words of others within a sentence of ours: in quotes, so that they are not read as a part of it. */
export function quoted(text: string): string {
  return JSON.stringify(plain(text));
}

/** The same of data, whatever it holds and however deep. */
function plainData(value: unknown): unknown {
  if (typeof value === 'string') return plain(value);
  if (Array.isArray(value)) return value.map(plainData);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [plain(key), plainData(each)]));
}
