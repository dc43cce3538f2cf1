import { z } from '@hono/zod-openapi';
import {
  AssignmentView,
  assignmentStates,
  Name,
  type Page,
  Port,
  PortolanError,
  Protocol,
  pageOf,
  ReassertRequest,
  ReleaseRequest,
  ReleaseResponse,
  RenewRequest,
  RenewResponse,
  Reservation,
  ReserveRequest,
  Version,
} from '@portolan/model';
import { assignmentView, page } from '../reads.ts';
import type { Context } from './context.ts';
import { Consistency, Paging, readable, route, router } from './route.ts';

const tag = 'Assignments';
const PortParams = z.object({ protocol: Protocol, port: z.coerce.number().pipe(Port) });

export function assignmentRoutes({ executor, replica, reserver, leases }: Context) {
  const app = router();
  const reached = (position: string) => replica.reached(position);

  const reserve = route({
    method: 'post',
    path: '/assignments',
    tag,
    summary: 'Reserve a port, or a contiguous block of labelled ports',
    description: 'Asking again for the same endpoint gives the same ports: 200 instead of 201.',
    body: ReserveRequest,
    answer: Reservation,
    created: true,
  });
  app.openapi(reserve, async (c) => {
    const reservation = await reserver.reserve(c.req.valid('json'));
    return c.json(reservation, (reservation.created ? 201 : 200) as 200);
  });

  const release = route({
    method: 'post',
    path: '/assignments/release',
    tag,
    summary: 'Release a lease, a port, or the ports of a service',
    body: ReleaseRequest,
    answer: ReleaseResponse,
  });
  app.openapi(release, async (c) => c.json(await leases.release(c.req.valid('json')), 200));

  const reassert = route({
    method: 'post',
    path: '/assignments/reassert',
    tag,
    summary: 'Take back ports after an outage',
    description:
      'For a holder whose lease ended or whose token is no longer known: the same ports if they can be had, else 409 and a finding.',
    body: ReassertRequest,
    answer: Reservation,
  });
  app.openapi(reassert, async (c) => c.json(await leases.reassert(c.req.valid('json')), 200));

  const renew = route({
    method: 'post',
    path: '/leases/renew',
    tag,
    summary: 'Renew leases',
    body: RenewRequest,
    answer: RenewResponse,
  });
  app.openapi(renew, async (c) => c.json(await leases.renew(c.req.valid('json')), 200));

  const list = route({
    method: 'get',
    path: '/assignments',
    tag,
    summary: 'List assignments',
    query: Paging.extend(Consistency.shape).extend({
      project: Name.optional(),
      service: Name.optional(),
      protocol: Protocol.optional(),
      port: z.coerce.number().pipe(Port).optional(),
      state: z.enum(assignmentStates).optional(),
    }),
    answer: pageOf(AssignmentView),
  });
  app.openapi(list, async (c) => {
    const query = c.req.valid('query');
    const fleet = await readable(executor, reached, query);
    const all = page(
      fleet,
      fleet.all('assignment'),
      query,
      (held) => {
        const { endpoint, protocol, port } = held.value;
        return (
          (query.project === undefined || endpoint.project === query.project) &&
          (query.service === undefined || endpoint.service === query.service) &&
          (query.protocol === undefined || protocol === query.protocol) &&
          (query.port === undefined || port === query.port) &&
          (query.state === undefined || assignmentView(fleet, held).state === query.state)
        );
      },
      (held) => assignmentView(fleet, held),
    );
    return c.json(all satisfies Page<z.infer<typeof AssignmentView>>, 200);
  });

  const one = route({
    method: 'get',
    path: '/assignments/{protocol}/{port}',
    tag,
    summary: 'Who has a port',
    params: PortParams,
    query: Consistency,
    answer: AssignmentView,
  });
  app.openapi(one, async (c) => {
    const { protocol, port } = c.req.valid('param');
    const fleet = await readable(executor, reached, c.req.valid('query'));
    const held = fleet.assignment(protocol, port);
    if (!held)
      throw new PortolanError('not-found', `${protocol} port ${port} is assigned to nobody`, { port, protocol });
    return c.json(assignmentView(fleet, held), 200);
  });

  const remove = route({
    method: 'delete',
    path: '/assignments/{protocol}/{port}',
    tag,
    summary: 'Release one port',
    params: PortParams,
    query: z.object({ token: Version.optional() }),
    answer: ReleaseResponse,
  });
  app.openapi(remove, async (c) =>
    c.json(await leases.release({ ...c.req.valid('param'), ...c.req.valid('query') }), 200),
  );

  return app;
}
