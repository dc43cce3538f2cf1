import { z } from '@hono/zod-openapi';
import { Finding, findingKinds, findingStates, key, Port, PortolanError, pageOf, severities } from '@portolan/model';
import { page } from '../reads.ts';
import type { Context } from './context.ts';
import { Consistency, Paging, readable, route, router } from './route.ts';

const tag = 'Findings';
const FindingParams = z.object({ id: z.string().max(255) });

export function findingRoutes({ executor, replica, ranges }: Context) {
  const app = router();
  const reached = (position: string) => replica.reached(position);

  const list = route({
    method: 'get',
    path: '/findings',
    tag,
    summary: 'List findings',
    query: Paging.extend(Consistency.shape).extend({
      state: z
        .enum([...findingStates, 'all'])
        .optional()
        .openapi({ description: 'Without it: all that are not resolved.' }),
      kind: z.enum(findingKinds).optional(),
      severity: z.enum(severities).optional(),
      port: z.coerce.number().pipe(Port).optional(),
    }),
    answer: pageOf(Finding),
  });
  app.openapi(list, async (c) => {
    const query = c.req.valid('query');
    const fleet = await readable(executor, reached, query);
    const passes = ({ value }: { value: Finding }) =>
      (query.state === undefined ? value.state !== 'resolved' : query.state === 'all' || value.state === query.state) &&
      (query.kind === undefined || value.kind === query.kind) &&
      (query.severity === undefined || value.severity === query.severity) &&
      (query.port === undefined || value.port === query.port);
    return c.json(
      page(fleet, fleet.all('finding'), query, passes, ({ value }) => value),
      200,
    );
  });

  const one = route({
    method: 'get',
    path: '/findings/{id}',
    tag,
    summary: 'One finding',
    params: FindingParams,
    query: Consistency,
    answer: Finding,
  });
  app.openapi(one, async (c) => {
    const { id } = c.req.valid('param');
    const held = (await readable(executor, reached, c.req.valid('query'))).get('finding', key.finding(id));
    if (!held) throw new PortolanError('not-found', `there is no finding ${id}`);
    return c.json(held.value, 200);
  });

  const acknowledge = route({
    method: 'post',
    path: '/findings/{id}/acknowledge',
    tag,
    summary: 'Say that a finding was seen',
    description: 'It opens again by itself when it gets worse.',
    params: FindingParams,
    answer: Finding,
  });
  app.openapi(acknowledge, async (c) => c.json(await ranges.acknowledge(c.req.valid('param').id), 200));

  return app;
}
