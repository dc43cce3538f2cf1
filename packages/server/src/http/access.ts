import { z } from '@hono/zod-openapi';
import {
  AuditAction,
  AuditEvent,
  Caller,
  Position,
  pageOf,
  TokenId,
  TokenMade,
  TokenRequest,
  TokenView,
} from '@portolan/model';
import { auditPage } from '../access/audit.ts';
import { may } from '../access/principal.ts';
import { viewOf } from '../access/tokens.ts';
import { type Context, callerOf } from './context.ts';
import { Consistency, operations, Paging, PortText, reader } from './operation.ts';
import { entryPage, pageAnswer } from './page.ts';

const tag = 'Access';

export function accessRoutes(context: Context) {
  const { gate, tokens } = context;
  const read = reader(context);
  const { app, add } = operations();

  add({
    method: 'get',
    path: '/tokens/self',
    tag,
    summary: 'Whose token this is, and what it may do',
    allow: may.read,
    answer: Caller,
    run: (_input, c) => Caller.parse(callerOf(c).principal),
  });

  add({
    method: 'get',
    path: '/tokens',
    tag,
    summary: 'List tokens',
    description: 'Without what opens anything. The token that the coordinator was started with is not among them.',
    allow: may.administer,
    query: Paging.extend(Consistency.shape),
    answer: pageOf(TokenView),
    async run({ query }) {
      const fleet = await read(query);
      return entryPage(fleet, query, fleet.all('token'), {
        passes: ({ value }) => gate.stillAdmits(value),
        show: ({ value }) => viewOf(value),
      });
    },
  });

  add({
    method: 'post',
    path: '/tokens',
    tag,
    summary: 'Make a token',
    description: 'The answer is the only one that has the token itself.',
    allow: may.administer,
    act: 'create-token',
    body: TokenRequest,
    answer: TokenMade,
    created: () => true,
    run: ({ body }, c) => tokens.create(body, callerOf(c).principal.name),
  });

  add({
    method: 'delete',
    path: '/tokens/{id}',
    tag,
    summary: 'Revoke a token',
    description: 'At once and for all coordinators; the streams that it opened are closed.',
    allow: may.administer,
    act: 'revoke-token',
    params: z.object({ id: TokenId }),
    answer: z.object({ token: TokenView, position: Position }),
    run: ({ params }) => tokens.revoke(params.id),
  });

  add({
    method: 'get',
    path: '/audit',
    tag,
    summary: 'Who did what, newest first',
    allow: may.operate,
    query: Paging.extend(Consistency.shape).extend({
      action: AuditAction.optional(),
      actor: z.string().max(100).optional().openapi({ description: 'Id or name of a token.' }),
      port: PortText.optional(),
      project: z.string().max(63).optional(),
      since: z.iso.datetime({ offset: true }).optional(),
    }),
    answer: pageOf(AuditEvent),
    async run({ query }) {
      const fleet = await read(query);
      // One more than is shown tells whether there is more.
      const { items } = auditPage(fleet, { ...query, limit: query.limit + 1 });
      return pageAnswer(fleet, query, {
        all: items,
        cursor: ({ id }) => id,
        order: 'descending',
        show: (event) => event,
      });
    },
  });

  return app;
}
