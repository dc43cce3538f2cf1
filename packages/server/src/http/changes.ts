import type { HttpBindings } from '@hono/node-server';
import { z } from '@hono/zod-openapi';
import {
  type Filter,
  Interval,
  Name,
  PortolanError,
  Position,
  parseInterval,
  StreamEvent,
  Topic,
  type Topic as TopicName,
  topics,
} from '@portolan/model';
import { streamSSE } from 'hono/streaming';
import { may } from '../access/principal.ts';
import { HistoryLostError } from '../store/store.ts';
import type { Page } from '../stream/hub.ts';
import type { Sink } from '../stream/subscriber.ts';
import { Turns } from '../turns.ts';
import { type Context, callerOf } from './context.ts';
import { operations } from './operation.ts';

/** Of one page. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

const Query = z.object({
  after: Position.optional().openapi({
    description: 'Without it: the state now (events), or nothing but the position (JSON).',
  }),
  topics: z
    .string()
    .max(200)
    .optional()
    .openapi({ description: `Comma-separated: ${topics.join(', ')}. Without it: all.` }),
  project: Name.optional(),
  service: z.string().max(127).optional(),
  host: z.string().max(255).optional().openapi({ description: 'Id or name.' }),
  ports: z.string().max(11).optional().openapi({ description: '`3000-3999` or one port.' }),
  readiness: z
    .enum(['true', 'false'])
    .optional()
    .openapi({ description: 'Of events: whether frames of the type `readiness` are among them.' }),
  limit: z.coerce.number().int().min(1).max(10_000).default(1_000),
});

/** The change feed over plain HTTP: a page of it as JSON, or the live stream as server-sent events. */
export function changeRoutes({ fleet, hub, sessions }: Context) {
  const { app, add } = operations();
  add({
    method: 'get',
    path: '/changes',
    tag: 'Changes',
    summary: 'What changed after a position',
    description:
      'With `accept: text/event-stream` the stream of `/v1/stream` as server-sent events: each has a frame as its data and, where the frame tells one, a position as its id, so that `last-event-id` resumes.',
    allow: may.read,
    query: Query,
    answer: z.object({
      commits: z.array(z.object({ position: Position, events: z.array(StreamEvent) })),
      position: Position,
      more: z.boolean(),
    }),
    also: { 'text/event-stream': 'The data of each event is a ServerFrame; its id, where it has one, is a position.' },
    async run({ query }, c) {
      const wanted = interestOf(query);
      if (c.req.header('accept')?.includes('text/event-stream')) {
        // A HEAD runs this, too, and nobody would read what a subscription sends.
        if (c.req.method === 'HEAD') return c.body(null, 200, { 'content-type': 'text/event-stream' });
        const lastId = Position.safeParse(c.req.header('last-event-id')).data;
        const position = lastId ?? query.after;
        let revoked = () => {};
        const leave = sessions.open(callerOf(c).principal, () => revoked());
        return streamSSE(c, async (stream) => {
          let backlog = 0;
          let end = () => {};
          const ended = new Promise<void>((resolve) => (end = resolve));
          const sink: Sink = {
            send(frame) {
              backlog += frame.text.length;
              const message = { data: frame.text, ...(frame.position !== undefined && { id: frame.position }) };
              void stream.writeSSE(message).finally(() => (backlog -= frame.text.length));
            },
            backlog: () => backlog,
            close: (reason) => void stream.writeSSE({ event: 'close', data: reason }).finally(end),
          };
          const unsubscribe = hub.subscribe(
            { ...wanted, readiness: query.readiness === 'true', ...(position !== undefined && { position }) },
            sink,
          );
          revoked = () => {
            unsubscribe();
            sink.close('unauthorized');
          };
          stream.onAbort(end);
          const unwatch = onClosed(c.env, end);
          await ended;
          unwatch();
          unsubscribe();
          leave();
        });
      }
      if (query.after === undefined) return { commits: [], position: fleet.position, more: false };
      try {
        const { signal } = c.req.raw;
        const page = await hub.page({ ...wanted, position: query.after }, query.limit, signal);
        if (!page) throw new PortolanError('not-ready', 'the request was cancelled');
        return await encoded(page);
      } catch (error) {
        if (!(error instanceof HistoryLostError)) throw error;
        throw new PortolanError(
          'not-found',
          `the position ${query.after} is not in the history (${error.reason}); read the lists again and go on from their position`,
          {
            reason: error.reason,
            position: fleet.position,
          },
        );
      }
    },
  });
  return app;
}

/**
 * Calls `end` when nobody can read the answer any more. The stream alone does not tell: of an answer whose turn on its
 * connection never came it is neither read nor cancelled.
 *
 * @returns what stops watching
 */
function onClosed({ incoming, outgoing }: HttpBindings, end: () => void): () => void {
  const { socket } = incoming;
  if (socket.destroyed) end();
  socket.once('close', end);
  outgoing.once('close', end);
  return () => {
    socket.off('close', end);
    outgoing.off('close', end);
  };
}

/** In portions, and not more than fits: the position then is that of the last commit that did. */
async function encoded({ commits, position, more }: Page): Promise<Response> {
  const turns = new Turns();
  const texts: string[] = [];
  let bytes = 0;
  for (const commit of commits) {
    const text = JSON.stringify(commit);
    bytes += Buffer.byteLength(text);
    if (bytes > ANSWER_BYTES_MAX && texts.length > 0) break;
    texts.push(text);
    if (turns.isOver) await turns.next();
  }
  const isCut = texts.length < commits.length;
  const rest = isCut ? { position: commits[texts.length - 1]!.position, more: true } : { position, more };
  return new Response(`{"commits":[${texts.join()}],${JSON.stringify(rest).slice(1)}`, {
    headers: { 'content-type': 'application/json' },
  });
}

function interestOf(query: z.infer<typeof Query>): { topics: TopicName[]; filter: Filter } {
  const names = query.topics?.split(',').map((name) => name.trim());
  const wanted = z
    .array(Topic)
    .min(1)
    .safeParse(names ?? topics);
  if (!wanted.success) {
    throw new PortolanError(
      'invalid-request',
      `query.topics: "${query.topics}" has an unknown topic; known are ${topics.join(', ')}`,
    );
  }
  const ports = query.ports === undefined ? undefined : parseInterval(query.ports);
  if (query.ports !== undefined && !Interval.safeParse(ports).success) {
    throw new PortolanError(
      'invalid-request',
      `query.ports: "${query.ports}" is neither a port nor a range such as 3000-3999`,
    );
  }
  const { project, service, host } = query;
  return {
    topics: wanted.data,
    filter: {
      ...(project !== undefined && { project }),
      ...(service !== undefined && { service }),
      ...(host !== undefined && { host }),
      ...(ports && { ports }),
    },
  };
}
