import { z } from '@hono/zod-openapi';
import { Alias, isUnknownProject, Name, Position, pageOf, parseServiceId, ServiceId, serviceId } from '@portolan/model';
import { may } from '../access/principal.ts';
import { type Context, callerOf } from './context.ts';
import { Consistency, operations, Paging, reader } from './operation.ts';
import { entryPage } from './page.ts';

const tag = 'Findings';
const AliasParams = z.object({ project: Name, service: Name });
/** What is known by its command alone may count as a service of a project, and never the other way round. */
const KnownService = ServiceId.refine((id) => !isUnknownProject(parseServiceId(id).project), {
  error: '"unknown" is no project, so nothing counts as a service of it; name the service in its project',
});
const AliasDone = z.object({ alias: Alias, position: Position });

export function aliasRoutes(context: Context) {
  const { aliases } = context;
  const read = reader(context);
  const { app, add } = operations();

  add({
    method: 'get',
    path: '/aliases',
    tag,
    summary: 'List services that count as others',
    allow: may.read,
    query: Paging.extend(Consistency.shape),
    answer: pageOf(Alias),
    async run({ query }) {
      const fleet = await read(query);
      return entryPage(fleet, query, fleet.all('alias'));
    },
  });

  add({
    method: 'put',
    path: '/aliases/{project}/{service}',
    tag,
    summary: 'Say that a service is the same as another',
    description: 'For the rules, and for choosing ports. Their collisions with one another are resolved by that.',
    allow: may.operate,
    act: 'set-alias',
    params: AliasParams,
    body: z.strictObject({ of: KnownService }),
    answer: AliasDone,
    run: ({ params, body }, c) => aliases.set(serviceId(params), body.of, callerOf(c).principal.name),
  });

  add({
    method: 'delete',
    path: '/aliases/{project}/{service}',
    tag,
    summary: 'Take that back',
    allow: may.operate,
    act: 'remove-alias',
    params: AliasParams,
    answer: AliasDone,
    run: ({ params }) => aliases.remove(serviceId(params)),
  });

  return app;
}
