import { z } from '@hono/zod-openapi';
import { HealthReport, HostId, Name, Plan, PlanDiff, PlanRequest, PlanView, Position, pageOf } from '@portolan/model';
import { may } from '../access/principal.ts';
import { planView } from '../commands/declare.ts';
import { prometheusTargets, TargetGroup } from '../discovery.ts';
import type { Context } from './context.ts';
import { Consistency, operations, Paging, reader } from './operation.ts';
import { entryPage } from './page.ts';
import { streamedArray } from './streamed.ts';

const tag = 'Plans';
const PlanParams = z.object({ project: Name });

export function planRoutes(context: Context) {
  const { plans, healthReports } = context;
  const read = reader(context);
  const { app, add } = operations();

  add({
    method: 'put',
    path: '/plans/{project}',
    tag,
    summary: 'Declare the plan of a project',
    description:
      'Ranges, blocked ports, services and their ports, all or nothing. What an earlier plan of the project put into the registry and this one no longer has is taken back. ' +
      'With `dryRun` it tells what would change; with the `version` of that answer it does exactly that, or answers 409 `plan-changed`. ' +
      'Where somebody else has what the plan wants it answers 409 `plan-conflict`, says who, and changes nothing.',
    allow: may.operate,
    act: 'declare',
    place: ({ project }) => ({ project }),
    params: PlanParams,
    query: z.object({
      dryRun: z.enum(['true', 'false']).default('false'),
      version: z.string().max(64).optional(),
    }),
    body: PlanRequest,
    answer: PlanDiff,
    run: ({ params, query, body }) =>
      plans.declare(params.project, body, { dryRun: query.dryRun === 'true', version: query.version }),
  });

  add({
    method: 'get',
    path: '/plans',
    tag,
    summary: 'List the plans that were declared',
    allow: may.read,
    query: Paging.extend(Consistency.shape),
    answer: pageOf(Plan),
    async run({ query }) {
      const fleet = await read(query);
      return entryPage(fleet, query, fleet.all('plan'));
    },
  });

  add({
    method: 'get',
    path: '/plans/{project}',
    tag,
    summary: 'The plan of a project, as it stands',
    allow: may.read,
    params: PlanParams,
    query: Consistency,
    answer: PlanView,
    async run({ params, query }) {
      return planView(await read(query), params.project);
    },
  });

  add({
    method: 'post',
    path: '/hosts/{id}/health',
    tag,
    summary: 'Tell what became of health checks on a host',
    description: 'For agents: they are given the checks of their host on the topic `health` of the stream.',
    allow: may.report,
    place: ({ id }) => ({ host: id }),
    params: z.object({ id: HostId }),
    body: HealthReport,
    answer: z.object({ position: Position }),
    run: ({ params, body }) => healthReports.report(params.id, body),
  });

  add({
    method: 'get',
    path: '/discovery/prometheus',
    tag,
    summary: 'Targets for Prometheus (http_sd)',
    description:
      'Each assigned or planned tcp port, at the address of each host where its service listens, or is planned to run.',
    allow: may.read,
    query: Consistency.extend({
      project: Name.optional(),
      service: Name.optional(),
      label: Name.optional().openapi({ description: 'Of the endpoint, such as `metrics`.' }),
      host: z
        .string()
        .max(255)
        .optional()
        .openapi({ description: 'Id or name. Ports that listen on loopback alone are told for a named host only.' }),
    }),
    answer: z.array(TargetGroup),
    async run({ query }) {
      const fleet = await read(query);
      return streamedArray(fleet, prometheusTargets(fleet, query));
    },
  });

  return app;
}
