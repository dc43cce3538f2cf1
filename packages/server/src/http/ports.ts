import { z } from '@hono/zod-openapi';
import {
  Block,
  FreePorts,
  freePorts,
  isKnown,
  Name,
  Port,
  PortolanError,
  PortReport,
  Position,
  ProjectName,
  Protocol,
  pageOf,
  parseInterval,
  portReport,
  Range,
  type Role,
  ServiceView,
  serviceIds,
  serviceView,
  type TestBind,
} from '@portolan/model';
import { may } from '../access/principal.ts';
import { untestedNote } from '../commands/probe.ts';
import { type Context, callerOf } from './context.ts';
import { Consistency, operations, Paging, PortText, ProbeOn, reader } from './operation.ts';
import { entryPage, pageAnswer } from './page.ts';

const tag = 'Ports and ranges';

export function portRoutes(context: Context) {
  const { ranges, prober } = context;
  const read = reader(context);
  const { app, add } = operations();

  add({
    method: 'get',
    path: '/ports/free',
    tag,
    summary: 'Ports that could be reserved now',
    description: 'A look, not a promise: reserve to have one.',
    allow: may.read,
    query: Consistency.extend({
      count: z.coerce.number().int().min(1).max(1_000).default(1),
      range: z.string().max(64).optional(),
      project: Name.default('unknown'),
      protocol: Protocol.default('tcp'),
      order: z.enum(['spread', 'lowest']).optional(),
      probeOn: ProbeOn,
    }),
    answer: FreePorts,
    async run({ query }, c) {
      const fleet = await read(query);
      const host = query.probeOn === undefined ? undefined : fleet.findHost(query.probeOn);
      // To test is to bind: who may have no port has no business with that.
      const isTested = host?.state === 'alive' && (may.hold as readonly Role[]).includes(callerOf(c).principal.role);
      const test: TestBind = async (ports) => {
        const tested = await prober.probe(host!, query.protocol, ports);
        return tested && [...tested.refused.map(({ port }) => port), ...tested.privileged];
      };
      const found = await freePorts(fleet, query, host, isTested ? test : undefined);
      const { ports, probed, notes } = found;
      const isUntested = !probed && ports.length > 0 && (isTested || host?.state !== 'alive');
      const untested = host && isUntested ? [untestedNote(host, ports)] : [];
      return { ...found, notes: [...notes, ...untested], position: fleet.position };
    },
  });

  add({
    method: 'get',
    path: '/ports/{port}',
    tag,
    summary: 'Everything known of a port',
    allow: may.read,
    params: z.object({ port: PortText }),
    query: Consistency.extend({
      protocol: Protocol.optional(),
      host: z.string().max(255).optional().openapi({
        description: 'Id or name of the host that asks: `notes` then tell what its kernel does with the port, too.',
      }),
    }),
    answer: PortReport,
    async run({ params, query: { protocol, host, ...query } }) {
      const fleet = await read(query);
      const asker = host === undefined ? undefined : fleet.findHost(host)?.id;
      return portReport(fleet, params.port, protocol, asker);
    },
  });

  add({
    method: 'get',
    path: '/services',
    tag,
    summary: 'Services with their assignments and listeners',
    allow: may.read,
    query: Paging.extend(Consistency.shape).extend({ project: Name.optional() }),
    answer: pageOf(ServiceView),
    async run({ query }) {
      const fleet = await read(query);
      const { project } = query;
      return pageAnswer(fleet, query, {
        all: serviceIds(fleet),
        cursor: (id) => id,
        passes: (id) => project === undefined || id.startsWith(`${project}/`),
        show: (id) => serviceView(fleet, id),
      });
    },
  });

  add({
    method: 'get',
    path: '/services/{project}/{service}',
    tag,
    summary: 'One service',
    allow: may.read,
    params: z.object({ project: Name, service: Name }),
    query: Consistency,
    answer: ServiceView,
    async run({ params, query }) {
      const { project, service } = params;
      const id = `${project}/${service}`;
      const view = serviceView(await read(query), id);
      if (!isKnown(view)) throw new PortolanError('not-found', `${id} has no plan, no assignment and no listener`);
      return view;
    },
  });

  add({
    method: 'get',
    path: '/ranges',
    tag,
    summary: 'List ranges',
    allow: may.read,
    query: Paging.extend(Consistency.shape),
    answer: pageOf(Range),
    async run({ query }) {
      const fleet = await read(query);
      return entryPage(fleet, query, fleet.all('range'));
    },
  });

  const rangeParams = z.object({ name: Name });
  const rangeDone = z.object({ range: Range, position: Position });
  add({
    method: 'put',
    path: '/ranges/{name}',
    tag,
    summary: 'Define a range',
    description: 'With an owner and the policy `allocate` it is the block of that project.',
    allow: may.operate,
    act: 'set-range',
    params: rangeParams,
    body: z.strictObject({
      from: Port,
      to: Port,
      purpose: z.string().max(500).default(''),
      owner: ProjectName.nullable().default(null),
      policy: Range.shape.policy.default('allocate'),
      reserved: Range.shape.reserved,
      quota: Range.shape.quota,
    }),
    answer: rangeDone,
    async run({ params, body }) {
      const range = Range.safeParse({ ...body, name: params.name });
      if (!range.success)
        throw new PortolanError('invalid-request', range.error.issues.map(({ message }) => message).join('; '));
      const { range: set, position } = await ranges.set(range.data);
      return { range: set, position };
    },
  });

  add({
    method: 'delete',
    path: '/ranges/{name}',
    tag,
    summary: 'Remove a range',
    allow: may.operate,
    act: 'remove-range',
    params: rangeParams,
    answer: rangeDone,
    run: ({ params }) => ranges.remove(params.name),
  });

  add({
    method: 'get',
    path: '/blocks',
    tag,
    summary: 'List blocked ports',
    allow: may.read,
    query: Paging.extend(Consistency.shape),
    answer: pageOf(Block),
    async run({ query }) {
      const fleet = await read(query);
      return entryPage(fleet, query, fleet.all('block'));
    },
  });

  const blockDone = z.object({ block: Block, position: Position });
  add({
    method: 'post',
    path: '/blocks',
    tag,
    summary: 'Block ports',
    allow: may.operate,
    act: 'block',
    body: Block,
    answer: blockDone,
    run: ({ body }) => ranges.block(body),
  });

  add({
    method: 'delete',
    path: '/blocks/{ports}',
    tag,
    summary: 'Unblock ports',
    allow: may.operate,
    act: 'unblock',
    params: z.object({ ports: z.string().max(11).openapi({ description: 'As blocked: `3001` or `4000-4010`.' }) }),
    query: z.object({ protocol: Protocol.optional() }),
    answer: blockDone,
    async run({ params, query }) {
      const { ports } = params;
      const interval = parseInterval(ports);
      if (!interval)
        throw new PortolanError('invalid-request', `"${ports}" is neither a port nor a range such as 4000-4010`);
      return await ranges.unblock(interval, query.protocol ?? null);
    },
  });

  return app;
}
