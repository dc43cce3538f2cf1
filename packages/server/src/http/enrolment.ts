import { z } from '@hono/zod-openapi';
import {
  Enrolment,
  EnrolmentMade,
  EnrolmentRequest,
  EnrolRequest,
  PortolanError,
  Position,
  page,
  pageOf,
  TokenId,
  TokenView,
} from '@portolan/model';
import { Enrolments, shown } from '../access/enrolment.ts';
import { may } from '../access/principal.ts';
import { addressOf, type Context, callerOf } from './context.ts';
import { Consistency, operations, Paging, reader } from './operation.ts';

const tag = 'Access';

export function enrolmentRoutes(context: Context) {
  const enrolments = new Enrolments(context.executor);
  const read = reader(context);
  const { app, add } = operations();

  add({
    method: 'get',
    path: '/enrolments',
    tag,
    summary: 'List enrolments, by which new hosts are let in',
    allow: may.administer,
    query: Paging.extend(Consistency.shape),
    answer: pageOf(Enrolment),
    async run({ query }) {
      const fleet = await read(query);
      return page(
        fleet,
        fleet.all('enrolment'),
        query,
        () => true,
        ({ value }) => shown(value),
      );
    },
  });

  add({
    method: 'post',
    path: '/enrolments',
    tag,
    summary: 'Make an enrolment',
    description: 'The answer is the only one that has the code.',
    allow: may.administer,
    act: 'create-enrolment',
    body: EnrolmentRequest,
    answer: EnrolmentMade,
    created: () => true,
    run: ({ body }, c) => enrolments.create(body, callerOf(c).principal.name),
  });

  add({
    method: 'delete',
    path: '/enrolments/{id}',
    tag,
    summary: 'Revoke an enrolment',
    description: 'Hosts that it let in keep their tokens.',
    allow: may.administer,
    act: 'revoke-enrolment',
    params: z.object({ id: TokenId }),
    answer: z.object({ enrolment: Enrolment, position: Position }),
    run: ({ params }) => enrolments.revoke(params.id),
  });

  add({
    method: 'post',
    path: '/enrol',
    tag,
    summary: 'Let a new host in: make the token of its agent',
    description:
      'Needs no token: the code of an enrolment is what is shown. The host makes its token and shows its digest.',
    allow: 'anybody',
    body: EnrolRequest,
    answer: TokenView,
    created: () => true,
    async run({ body }, c) {
      const act = enrolments.actOf(body, addressOf(c));
      try {
        return await enrolments.enrol(body, act);
      } catch (error) {
        const denied = error instanceof PortolanError && error.code === 'forbidden';
        if (denied) context.audit.refused(act, `POST /v1/enrol: ${error.message}`);
        throw error;
      }
    },
  });

  return app;
}
