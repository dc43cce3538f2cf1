import { z } from '@hono/zod-openapi';
import {
  AssignmentView,
  assignmentStates,
  assignmentView,
  isNumbered,
  Name,
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
import { acting } from '../access/act.ts';
import { may } from '../access/principal.ts';
import { type Context, callerOf } from './context.ts';
import { Consistency, operations, Paging, PortText, ProbeOn, reader } from './operation.ts';
import { entryPage } from './page.ts';

const tag = 'Assignments';
const PortParams = z.object({ protocol: Protocol, port: PortText });

export function assignmentRoutes(context: Context) {
  const { reserver, leases, takeovers } = context;
  const read = reader(context);
  const { app, add } = operations();

  add({
    method: 'post',
    path: '/assignments',
    tag,
    summary: 'Reserve a port, or a contiguous block of labelled ports',
    description:
      'Asking again for the same endpoint gives the same ports: 200 instead of 201. With `instance: auto` each request gets an instance of its own, unless it repeats the `requestId` of an earlier one.',
    allow: may.hold,
    act: 'reserve',
    holder: ({ holder }) => holder,
    scope: ({ body }) => ({ project: body.project }),
    query: z.object({ probeOn: ProbeOn }),
    body: ReserveRequest,
    answer: Reservation,
    created: ({ created }) => created,
    run({ query: { probeOn }, body }, c) {
      if (body.onTaken !== 'takeover' || !isNumbered(body)) return reserver.reserve(body, { probeOn });
      const caller = callerOf(c);
      const proven = caller.principal.projects !== null;
      const act = { ...caller, action: 'take-over', holder: body.holder } as const;
      return acting(act, () => takeovers.reserve(body, { proven, probeOn }));
    },
  });

  add({
    method: 'post',
    path: '/assignments/release',
    tag,
    summary: 'Release a lease, a port, or the ports of a service',
    allow: may.hold,
    act: 'release',
    holder: ({ holder }) => holder,
    body: ReleaseRequest,
    answer: ReleaseResponse,
    run: ({ body }) => leases.release(body),
  });

  add({
    method: 'post',
    path: '/assignments/reassert',
    tag,
    summary: 'Take back ports after an outage',
    description:
      'For a holder whose lease ended or whose token is no longer known: the same ports if they can be had, else 409 and a finding.',
    allow: may.hold,
    act: 'reassert',
    holder: ({ holder }) => holder,
    scope: ({ body }) => ({ project: body.project }),
    body: ReassertRequest,
    answer: Reservation,
    run: ({ body }) => leases.reassert(body),
  });

  add({
    method: 'post',
    path: '/leases/renew',
    tag,
    summary: 'Renew leases',
    allow: may.renew,
    body: RenewRequest,
    answer: RenewResponse,
    run: ({ body }) => leases.renew(body),
  });

  add({
    method: 'get',
    path: '/assignments',
    tag,
    summary: 'List assignments',
    allow: may.read,
    query: Paging.extend(Consistency.shape).extend({
      project: Name.optional(),
      service: Name.optional(),
      protocol: Protocol.optional(),
      port: PortText.optional(),
      state: z.enum(assignmentStates).optional(),
    }),
    answer: pageOf(AssignmentView),
    async run({ query }) {
      const fleet = await read(query);
      return entryPage(fleet, query, fleet.all('assignment'), {
        passes: (held) => {
          const { endpoint, protocol, port } = held.value;
          return (
            (query.project === undefined || endpoint.project === query.project) &&
            (query.service === undefined || endpoint.service === query.service) &&
            (query.protocol === undefined || protocol === query.protocol) &&
            (query.port === undefined || port === query.port) &&
            (query.state === undefined || assignmentView(fleet, held).state === query.state)
          );
        },
        show: (held) => assignmentView(fleet, held),
      });
    },
  });

  add({
    method: 'get',
    path: '/assignments/{protocol}/{port}',
    tag,
    summary: 'Who has a port',
    allow: may.read,
    params: PortParams,
    query: Consistency,
    answer: AssignmentView,
    async run({ params, query }) {
      const { protocol, port } = params;
      const fleet = await read(query);
      const held = fleet.assignment(protocol, port);
      if (!held)
        throw new PortolanError('not-found', `${protocol} port ${port} is assigned to nobody`, { port, protocol });
      return assignmentView(fleet, held);
    },
  });

  add({
    method: 'delete',
    path: '/assignments/{protocol}/{port}',
    tag,
    summary: 'Release one port',
    allow: may.hold,
    act: 'release',
    params: PortParams,
    query: z.object({ token: Version.optional() }),
    answer: ReleaseResponse,
    run: ({ params, query }) => leases.release({ ...params, ...query }),
  });

  return app;
}
