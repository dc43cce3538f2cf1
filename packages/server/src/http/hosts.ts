import { z } from '@hono/zod-openapi';
import {
  Host,
  HostId,
  HostInfo,
  HostListener,
  listenerView,
  PortolanError,
  Position,
  Protocol,
  pageOf,
  ReportRequest,
  ReportResponse,
  ServiceId,
  SheetHead,
  TaskAnswer,
} from '@portolan/model';
import { may } from '../access/principal.ts';
import { listenerSheet } from '../listener-sheet.ts';
import { listenersFrom } from '../listener-walk.ts';
import { type Context, callerOf } from './context.ts';
import { Consistency, operations, Paging, PortText, reader } from './operation.ts';
import { entryPage } from './page.ts';

const tag = 'Hosts and listeners';
const HostParams = z.object({ id: HostId });
const Done = z.object({ position: Position });

export function hostRoutes(context: Context) {
  const { hosts } = context;
  const read = reader(context);
  const { app, add } = operations();

  add({
    method: 'get',
    path: '/hosts',
    tag,
    summary: 'List hosts',
    allow: may.read,
    query: Paging.extend(Consistency.shape),
    answer: pageOf(Host),
    async run({ query }) {
      const fleet = await read(query);
      return entryPage(fleet, query, fleet.all('host'));
    },
  });

  add({
    method: 'get',
    path: '/hosts/{id}',
    tag,
    summary: 'One host',
    allow: may.read,
    params: HostParams,
    query: Consistency,
    answer: Host,
    async run({ params, query }) {
      const { id } = params;
      const host = (await read(query)).findHost(id);
      if (!host) throw new PortolanError('not-found', `there is no host ${id}`);
      return host;
    },
  });

  add({
    method: 'put',
    path: '/hosts/{id}',
    tag,
    summary: 'Join: an agent tells of its host',
    description: 'A name is that of one host: 409 `name-taken` when another one has it.',
    allow: may.report,
    place: ({ id }) => ({ host: id }),
    params: HostParams,
    body: HostInfo,
    answer: Host,
    run: ({ params, body }, c) => hosts.join(params.id, body, { trusted: callerOf(c).principal.host === null }),
  });

  add({
    method: 'post',
    path: '/hosts/{id}/report',
    tag,
    summary: 'Report what changed on a host since the last report',
    description: 'The digest is that of all listeners afterwards; when it differs here, the answer is `resync`.',
    allow: may.report,
    place: ({ id }) => ({ host: id }),
    params: HostParams,
    body: ReportRequest,
    answer: ReportResponse,
    run: ({ params, body }) => hosts.report(params.id, body),
  });

  add({
    method: 'post',
    path: '/hosts/{id}/leave',
    tag,
    summary: 'Leave: the agent of a host stops',
    allow: may.report,
    place: ({ id }) => ({ host: id }),
    params: HostParams,
    answer: Host,
    run: ({ params }) => hosts.leave(params.id),
  });

  add({
    method: 'delete',
    path: '/hosts/{id}',
    tag,
    summary: 'Forget a host that will not come back',
    allow: may.operate,
    act: 'forget-host',
    params: HostParams,
    answer: Done,
    run: ({ params }) => hosts.forget(params.id),
  });

  add({
    method: 'post',
    path: '/tasks/{id}/answer',
    tag,
    summary: 'Answer a task that a coordinator gave to an agent',
    allow: may.report,
    params: z.object({ id: z.string().max(64) }),
    body: TaskAnswer,
    answer: Done,
    run: ({ params, body }) => hosts.answerTask(params.id, body),
  });

  add({
    method: 'get',
    path: '/listeners',
    tag,
    summary: 'List observed sockets',
    allow: may.read,
    query: Paging.extend(Consistency.shape).extend({
      host: z.string().max(255).optional().openapi({ description: 'Id or name.' }),
      protocol: Protocol.optional(),
      port: PortText.optional(),
      service: ServiceId.optional(),
    }),
    answer: pageOf(HostListener),
    async run({ query }) {
      const fleet = await read(query);
      const host = query.host === undefined ? undefined : (fleet.findHost(query.host)?.id ?? query.host);
      const passes = ({ value }: { value: HostListener }) =>
        (query.protocol === undefined || value.protocol === query.protocol) &&
        (query.port === undefined || value.port === query.port) &&
        (query.service === undefined || value.identity?.service === query.service);
      const all = host === undefined ? listenersFrom(fleet, query, passes) : fleet.listenersOf(host).values();
      return entryPage(fleet, query, all, { passes, show: ({ value }) => listenerView(fleet, value) });
    },
  });

  add({
    method: 'get',
    path: '/listeners/sheet',
    tag,
    summary: 'All observed sockets, briefly: for whoever shows them all',
    description:
      'Lines of JSON: a `SheetHead`, then `SheetPart`s. A tenth of what the list takes. The stream goes on from its position.',
    allow: may.read,
    query: Consistency,
    answer: SheetHead,
    also: { 'application/x-ndjson': 'A SheetHead, then SheetParts.' },
    async run({ query }, c) {
      const packed = /\bgzip\b/.test(c.req.header('accept-encoding') ?? '');
      const lines = listenerSheet(await read(query));
      return new Response(packed ? lines.pipeThrough(new CompressionStream('gzip')) : lines, {
        headers: {
          'content-type': 'application/x-ndjson',
          'cache-control': 'no-store',
          vary: 'accept-encoding',
          ...(packed && { 'content-encoding': 'gzip' }),
        },
      });
    },
  });

  return app;
}
