import { z } from '@hono/zod-openapi';
import {
  Finding,
  FindingEvent,
  FindingNote,
  findingKinds,
  findingStates,
  key,
  PortolanError,
  pageOf,
  severities,
} from '@portolan/model';
import { may } from '../access/principal.ts';
import { historyListing } from '../finding-history.ts';
import { type Context, callerOf } from './context.ts';
import { Consistency, operations, Paging, PortText, reader } from './operation.ts';
import { entryPage, pageAnswer } from './page.ts';

const tag = 'Findings';
const FindingParams = z.object({ id: z.string().max(255) });

export function findingRoutes(context: Context) {
  const { triage } = context;
  const read = reader(context);
  const { app, add } = operations();

  add({
    method: 'get',
    path: '/findings',
    tag,
    summary: 'List findings',
    allow: may.read,
    query: Paging.extend(Consistency.shape).extend({
      state: z
        .enum([...findingStates, 'all'])
        .optional()
        .openapi({ description: 'Without it: all that are not resolved.' }),
      kind: z.enum(findingKinds).optional(),
      severity: z.enum(severities).optional(),
      port: PortText.optional(),
    }),
    answer: pageOf(Finding),
    async run({ query }) {
      const fleet = await read(query);
      const passes = ({ value }: { value: Finding }) =>
        (query.state === undefined
          ? value.state !== 'resolved'
          : query.state === 'all' || value.state === query.state) &&
        (query.kind === undefined || value.kind === query.kind) &&
        (query.severity === undefined || value.severity === query.severity) &&
        (query.port === undefined || value.port === query.port);
      return entryPage(fleet, query, fleet.all('finding'), { passes });
    },
  });

  add({
    method: 'get',
    path: '/findings/history',
    tag,
    summary: 'What happened to findings, newest first',
    allow: may.read,
    query: Paging.extend(Consistency.shape).extend({
      finding: z.string().max(255).optional().openapi({ description: 'Id of one finding.' }),
    }),
    answer: pageOf(FindingEvent),
    async run({ query }) {
      const fleet = await read(query);
      return pageAnswer(fleet, query, historyListing(fleet, query));
    },
  });

  add({
    method: 'get',
    path: '/findings/{id}',
    tag,
    summary: 'One finding',
    allow: may.read,
    params: FindingParams,
    query: Consistency,
    answer: Finding,
    async run({ params, query }) {
      const { id } = params;
      const held = (await read(query)).get('finding', key.finding(id));
      if (!held) throw new PortolanError('not-found', `there is no finding ${id}`);
      return held.value;
    },
  });

  add({
    method: 'post',
    path: '/findings/{id}/acknowledge',
    tag,
    summary: 'Say that a finding was seen',
    description: 'It opens again by itself when it gets worse.',
    allow: may.operate,
    act: 'acknowledge',
    params: FindingParams,
    answer: Finding,
    run: ({ params }) => triage.acknowledge(params.id),
  });

  add({
    method: 'post',
    path: '/findings/{id}/reopen',
    tag,
    summary: 'Take back that a finding was seen',
    allow: may.operate,
    act: 'reopen',
    params: FindingParams,
    answer: Finding,
    run: ({ params }) => triage.reopen(params.id),
  });

  add({
    method: 'put',
    path: '/findings/{id}/note',
    tag,
    summary: 'Write down what is known of a finding, and who looks after it',
    description: 'It stays when the finding is resolved, and is there again when it comes back.',
    allow: may.operate,
    act: 'annotate',
    params: FindingParams,
    body: z.strictObject({
      text: FindingNote.shape.text,
      assignee: FindingNote.shape.assignee.default(null),
    }),
    answer: Finding,
    run: ({ params, body }, c) => triage.annotate(params.id, body, callerOf(c).principal.name),
  });

  add({
    method: 'delete',
    path: '/findings/{id}/note',
    tag,
    summary: 'Take away the note of a finding',
    allow: may.operate,
    act: 'annotate',
    params: FindingParams,
    answer: Finding,
    run: ({ params }, c) => triage.annotate(params.id, null, callerOf(c).principal.name),
  });

  return app;
}
