import { z } from '@hono/zod-openapi';
import {
  Block,
  Name,
  Port,
  PortolanError,
  PortReport,
  Position,
  Protocol,
  pageOf,
  parseInterval,
  Range,
  ServiceView,
} from '@portolan/model';
import { freePorts, page, portReport, services } from '../reads.ts';
import type { Context } from './context.ts';
import { Consistency, Paging, readable, route, router } from './route.ts';

const tag = 'Ports and ranges';

export function portRoutes({ executor, replica, ranges }: Context) {
  const app = router();
  const reached = (position: string) => replica.reached(position);

  const free = route({
    method: 'get',
    path: '/ports/free',
    tag,
    summary: 'Ports that could be reserved now',
    description: 'A look, not a promise: reserve to have one.',
    query: Consistency.extend({
      count: z.coerce.number().int().min(1).max(1_000).default(1),
      range: z.string().max(64).optional(),
      project: Name.default('unknown'),
      order: z.enum(['spread', 'lowest']).optional(),
    }),
    answer: z.object({ ports: z.array(Port), field: z.string(), position: Position }),
  });
  app.openapi(free, async (c) => {
    const query = c.req.valid('query');
    const fleet = await readable(executor, reached, query);
    return c.json({ ...freePorts(fleet, query), position: fleet.position }, 200);
  });

  const one = route({
    method: 'get',
    path: '/ports/{port}',
    tag,
    summary: 'Everything known of a port',
    params: z.object({ port: z.coerce.number().pipe(Port) }),
    query: Consistency.extend({ protocol: Protocol.optional() }),
    answer: PortReport,
  });
  app.openapi(one, async (c) => {
    const query = c.req.valid('query');
    return c.json(portReport(await readable(executor, reached, query), c.req.valid('param').port, query.protocol), 200);
  });

  const serviceList = route({
    method: 'get',
    path: '/services',
    tag,
    summary: 'Services with their assignments and listeners',
    query: Paging.extend(Consistency.shape).extend({ project: Name.optional() }),
    answer: pageOf(ServiceView),
  });
  app.openapi(serviceList, async (c) => {
    const query = c.req.valid('query');
    const fleet = await readable(executor, reached, query);
    const { project } = query;
    const all = services(
      fleet,
      (id) =>
        (project === undefined || id.startsWith(`${project}/`)) && (query.after === undefined || id > query.after),
    );
    const items = all.slice(0, query.limit);
    return c.json({ items, position: fleet.position, next: all.length > items.length ? items.at(-1)!.id : null }, 200);
  });

  const service = route({
    method: 'get',
    path: '/services/{project}/{service}',
    tag,
    summary: 'One service',
    params: z.object({ project: Name, service: Name }),
    query: Consistency,
    answer: ServiceView,
  });
  app.openapi(service, async (c) => {
    const { project, service } = c.req.valid('param');
    const id = `${project}/${service}`;
    const [view] = services(await readable(executor, reached, c.req.valid('query')), (each) => each === id);
    if (!view) throw new PortolanError('not-found', `${id} has no assignment and no listener`);
    return c.json(view, 200);
  });

  const rangeList = route({
    method: 'get',
    path: '/ranges',
    tag,
    summary: 'List ranges',
    query: Paging.extend(Consistency.shape),
    answer: pageOf(Range),
  });
  app.openapi(rangeList, async (c) => {
    const query = c.req.valid('query');
    const fleet = await readable(executor, reached, query);
    return c.json(
      page(
        fleet,
        fleet.all('range'),
        query,
        () => true,
        ({ value }) => value,
      ),
      200,
    );
  });

  const rangeParams = z.object({ name: Name });
  const rangeDone = z.object({ range: Range, position: Position });
  const setRange = route({
    method: 'put',
    path: '/ranges/{name}',
    tag,
    summary: 'Define a range',
    description: 'With an owner and the policy `allocate` it is the block of that project.',
    params: rangeParams,
    body: z.strictObject({
      from: Port,
      to: Port,
      purpose: z.string().max(500).default(''),
      owner: Name.nullable().default(null),
      policy: Range.shape.policy.default('allocate'),
    }),
    answer: rangeDone,
  });
  app.openapi(setRange, async (c) => {
    const range = Range.safeParse({ ...c.req.valid('json'), name: c.req.valid('param').name });
    if (!range.success)
      throw new PortolanError('invalid-request', range.error.issues.map(({ message }) => message).join('; '));
    const { range: set, position } = await ranges.set(range.data);
    return c.json({ range: set, position }, 200);
  });

  const removeRange = route({
    method: 'delete',
    path: '/ranges/{name}',
    tag,
    summary: 'Remove a range',
    params: rangeParams,
    answer: rangeDone,
  });
  app.openapi(removeRange, async (c) => c.json(await ranges.remove(c.req.valid('param').name), 200));

  const blockList = route({
    method: 'get',
    path: '/blocks',
    tag,
    summary: 'List blocked ports',
    query: Paging.extend(Consistency.shape),
    answer: pageOf(Block),
  });
  app.openapi(blockList, async (c) => {
    const query = c.req.valid('query');
    const fleet = await readable(executor, reached, query);
    return c.json(
      page(
        fleet,
        fleet.all('block'),
        query,
        () => true,
        ({ value }) => value,
      ),
      200,
    );
  });

  const blockDone = z.object({ block: Block, position: Position });
  const addBlock = route({
    method: 'post',
    path: '/blocks',
    tag,
    summary: 'Block ports',
    body: Block,
    answer: blockDone,
  });
  app.openapi(addBlock, async (c) => c.json(await ranges.block(c.req.valid('json')), 200));

  const unblock = route({
    method: 'delete',
    path: '/blocks/{ports}',
    tag,
    summary: 'Unblock ports',
    params: z.object({ ports: z.string().max(11).openapi({ description: 'As blocked: `3001` or `4000-4010`.' }) }),
    query: z.object({ protocol: Protocol.optional() }),
    answer: blockDone,
  });
  app.openapi(unblock, async (c) => {
    const { ports } = c.req.valid('param');
    const interval = parseInterval(ports);
    if (!interval)
      throw new PortolanError('invalid-request', `"${ports}" is neither a port nor a range such as 4000-4010`);
    return c.json(await ranges.unblock(interval, c.req.valid('query').protocol ?? null), 200);
  });

  return app;
}
