import { z } from '@hono/zod-openapi';
import { EndRequest, EndResponse, HostListener, pageOf } from '@portolan/model';
import { may } from '../access/principal.ts';
import { orphanTest } from '../commands/orphan.ts';
import type { Context } from './context.ts';
import { Consistency, operations, Paging, reader } from './operation.ts';
import { entryPage } from './page.ts';

const tag = 'Hosts and listeners';

export function processRoutes(context: Context) {
  const { endings } = context;
  const read = reader(context);
  const { app, add } = operations();

  add({
    method: 'post',
    path: '/listeners/end',
    tag,
    summary: 'End the process that listens on a port of a host, and free the port',
    description:
      'The agent of the host looks anew and does it: SIGTERM, after the grace SIGKILL, then it waits until the port can be bound. ' +
      'Only processes of the `project` or `service` named, or orphans, unless `force` is set.',
    allow: may.operate,
    act: 'kill',
    body: EndRequest,
    answer: EndResponse,
    run: ({ body }) => endings.end(body),
  });

  add({
    method: 'get',
    path: '/listeners/orphans',
    tag,
    summary: 'Listeners whose holder has gone: started with a lease that nobody renews any more',
    allow: may.read,
    query: Paging.extend(Consistency.shape).extend({
      host: z.string().max(255).optional().openapi({ description: 'Id or name.' }),
    }),
    answer: pageOf(HostListener),
    async run({ query }) {
      const fleet = await read(query);
      const host = query.host === undefined ? undefined : (fleet.findHost(query.host)?.id ?? query.host);
      const all = host === undefined ? fleet.all('listener') : fleet.listenersOf(host).values();
      const isOrphan = orphanTest(fleet);
      return entryPage(fleet, query, all, { passes: ({ value }) => isOrphan(value) });
    },
  });

  return app;
}
