import { z } from '@hono/zod-openapi';
import {
  Host,
  HostId,
  HostInfo,
  HostListener,
  Port,
  PortolanError,
  Position,
  Protocol,
  pageOf,
  ReportRequest,
  ReportResponse,
  ServiceId,
  TaskAnswer,
} from '@portolan/model';
import { page } from '../reads.ts';
import type { Context } from './context.ts';
import { Consistency, Paging, readable, route, router } from './route.ts';

const tag = 'Hosts and listeners';
const HostParams = z.object({ id: HostId });
const Done = z.object({ position: Position });

export function hostRoutes({ executor, replica, hosts }: Context) {
  const app = router();
  const reached = (position: string) => replica.reached(position);

  const list = route({
    method: 'get',
    path: '/hosts',
    tag,
    summary: 'List hosts',
    query: Paging.extend(Consistency.shape),
    answer: pageOf(Host),
  });
  app.openapi(list, async (c) => {
    const query = c.req.valid('query');
    const fleet = await readable(executor, reached, query);
    return c.json(
      page(
        fleet,
        fleet.all('host'),
        query,
        () => true,
        ({ value }) => value,
      ),
      200,
    );
  });

  const one = route({
    method: 'get',
    path: '/hosts/{id}',
    tag,
    summary: 'One host',
    params: HostParams,
    query: Consistency,
    answer: Host,
  });
  app.openapi(one, async (c) => {
    const { id } = c.req.valid('param');
    const host = (await readable(executor, reached, c.req.valid('query'))).findHost(id);
    if (!host) throw new PortolanError('not-found', `there is no host ${id}`);
    return c.json(host, 200);
  });

  const join = route({
    method: 'put',
    path: '/hosts/{id}',
    tag,
    summary: 'Join: an agent tells of its host',
    params: HostParams,
    body: HostInfo,
    answer: Host,
  });
  app.openapi(join, async (c) => c.json(await hosts.join(c.req.valid('param').id, c.req.valid('json')), 200));

  const report = route({
    method: 'post',
    path: '/hosts/{id}/report',
    tag,
    summary: 'Report what changed on a host since the last report',
    description: 'The digest is that of all listeners afterwards; when it differs here, the answer is `resync`.',
    params: HostParams,
    body: ReportRequest,
    answer: ReportResponse,
  });
  app.openapi(report, async (c) => c.json(await hosts.report(c.req.valid('param').id, c.req.valid('json')), 200));

  const leave = route({
    method: 'post',
    path: '/hosts/{id}/leave',
    tag,
    summary: 'Leave: the agent of a host stops',
    params: HostParams,
    answer: Host,
  });
  app.openapi(leave, async (c) => c.json(await hosts.leave(c.req.valid('param').id), 200));

  const forget = route({
    method: 'delete',
    path: '/hosts/{id}',
    tag,
    summary: 'Forget a host that will not come back',
    params: HostParams,
    answer: Done,
  });
  app.openapi(forget, async (c) => c.json(await hosts.forget(c.req.valid('param').id), 200));

  const answer = route({
    method: 'post',
    path: '/tasks/{id}/answer',
    tag,
    summary: 'Answer a task that a coordinator gave to an agent',
    params: z.object({ id: z.string().max(64) }),
    body: TaskAnswer,
    answer: Done,
  });
  app.openapi(answer, async (c) => c.json(await hosts.answerTask(c.req.valid('param').id, c.req.valid('json')), 200));

  const listeners = route({
    method: 'get',
    path: '/listeners',
    tag,
    summary: 'List observed sockets',
    query: Paging.extend(Consistency.shape).extend({
      host: z.string().max(255).optional().openapi({ description: 'Id or name.' }),
      protocol: Protocol.optional(),
      port: z.coerce.number().pipe(Port).optional(),
      service: ServiceId.optional(),
    }),
    answer: pageOf(HostListener),
  });
  app.openapi(listeners, async (c) => {
    const query = c.req.valid('query');
    const fleet = await readable(executor, reached, query);
    const host = query.host === undefined ? undefined : (fleet.findHost(query.host)?.id ?? query.host);
    const all = host === undefined ? fleet.all('listener') : fleet.listenersOf(host).values();
    const passes = ({ value }: { value: HostListener }) =>
      (query.protocol === undefined || value.protocol === query.protocol) &&
      (query.port === undefined || value.port === query.port) &&
      (query.service === undefined || value.identity?.service === query.service);
    return c.json(
      page(fleet, all, query, passes, ({ value }) => value),
      200,
    );
  });

  return app;
}
