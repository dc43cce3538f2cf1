import { z } from '@hono/zod-openapi';
import { Name, Position, pageOf, WebhookRequest, WebhookSet, WebhookTest, WebhookView } from '@portolan/model';
import { may } from '../access/principal.ts';
import { webhookView } from '../alerts/webhooks.ts';
import { type Context, callerOf } from './context.ts';
import { Consistency, operations, Paging, reader } from './operation.ts';
import { entryPage } from './page.ts';

const tag = 'Webhooks';
const WebhookParams = z.object({ name: Name });

export function webhookRoutes(context: Context) {
  const { webhooks } = context;
  const read = reader(context);
  const { app, add } = operations();

  add({
    method: 'get',
    path: '/webhooks',
    tag,
    summary: 'Who is told of findings, and how far',
    allow: may.operate,
    query: Paging.extend(Consistency.shape),
    answer: pageOf(WebhookView),
    async run({ query }) {
      const fleet = await read(query);
      return entryPage(fleet, query, fleet.all('webhook'), { show: ({ value }) => webhookView(fleet, value) });
    },
  });

  add({
    method: 'put',
    path: '/webhooks/{name}',
    tag,
    summary: 'Have somebody told of findings',
    description:
      'The answer to the first one has the secret that the requests are signed with; no other answer has it.',
    // A coordinator will send requests there, from inside its network.
    allow: may.administer,
    act: 'set-webhook',
    params: WebhookParams,
    body: WebhookRequest,
    answer: WebhookSet,
    created: ({ created }) => created,
    run: ({ params, body }, c) => webhooks.set(params.name, body, callerOf(c).principal.name),
  });

  add({
    method: 'post',
    path: '/webhooks/{name}/test',
    tag,
    summary: 'Send a test now, once, and tell what became of it',
    allow: may.administer,
    params: WebhookParams,
    answer: WebhookTest,
    run: ({ params }, c) => webhooks.test(params.name, c.req.raw.signal),
  });

  add({
    method: 'delete',
    path: '/webhooks/{name}',
    tag,
    summary: 'Tell them no more',
    allow: may.administer,
    act: 'remove-webhook',
    params: WebhookParams,
    answer: z.object({ webhook: WebhookView, position: Position }),
    run: ({ params }) => webhooks.remove(params.name),
  });

  return app;
}
