import { z } from '@hono/zod-openapi';
import {
  CoordinatorProof,
  GossipAccess,
  HostId,
  KeyReport,
  KeyRequest,
  keyActions,
  MemberView,
  memberView,
  PortolanError,
  ProofRequest,
  ProvisionalRequest,
  ProvisionalResponse,
  pageOf,
} from '@portolan/model';
import { may } from '../access/principal.ts';
import { seedsOf } from '../gossip/coordinator-gossip.ts';
import { type Context, callerOf } from './context.ts';
import { operations, Paging } from './operation.ts';
import { pageAnswer } from './page.ts';

const tag = 'Gossip';

export function gossipRoutes({ gate, gossip, identity, keyrings, provisionals, fleet }: Context) {
  const { app, add } = operations();

  add({
    method: 'get',
    path: '/gossip',
    tag,
    summary: 'What an agent needs to take part in gossip',
    description: 'The keys are secrets: whoever has one hears all that members say.',
    allow: may.report,
    answer: GossipAccess,
    run() {
      const { label } = cluster();
      const { keys } = keyrings;
      if (keys.length === 0) throw new PortolanError('not-ready', 'the fleet has no key yet; ask again in a moment');
      return { label, keys: [...keys], seeds: seedsOf(fleet), identity: identity.key.publicKey };
    },
  });

  add({
    method: 'post',
    path: '/proof',
    tag,
    summary: 'Show that this is a coordinator of the fleet, before a token is shown to it',
    description: 'Signs the address that was dialled with the key that `GET /v1/gossip` has the public half of.',
    allow: 'anybody',
    body: ProofRequest,
    answer: CoordinatorProof,
    run: ({ body }) => identity.prove(body, cluster().api),
  });

  add({
    method: 'get',
    path: '/members',
    tag,
    summary: 'Who takes part in gossip, as this coordinator sees it',
    allow: may.read,
    query: Paging,
    answer: pageOf(MemberView),
    run: ({ query }) =>
      pageAnswer(fleet, query, { all: cluster().members(), cursor: ({ name }) => name, show: memberView }),
  });

  add({
    method: 'get',
    path: '/gossip/keys',
    tag,
    summary: 'The keys of gossip, and how many members have each',
    allow: may.administer,
    answer: KeyReport,
    run: () => keyrings.report(),
  });

  add({
    method: 'post',
    path: '/gossip/keys/{action}',
    tag,
    summary: 'Change the keys of the fleet, and have all members fetch them',
    description:
      '`install` a new one (made here when none is named), `use` it to encrypt, `remove` the old one. `use` and `remove` are refused while members do not have the key that is to encrypt, unless forced.',
    allow: may.administer,
    act: 'change-keys',
    params: z.object({ action: z.enum(keyActions) }),
    body: KeyRequest,
    answer: KeyReport,
    run: ({ params, body }) => keyrings.change(params.action, body.key, body),
  });

  add({
    method: 'post',
    path: '/hosts/{id}/provisional',
    tag,
    summary: 'Make real what the agent of a host promised while no coordinator could be reached',
    description: 'Each becomes an assignment of the same port, or, where somebody else has it, a finding.',
    allow: may.report,
    act: 'reassert',
    place: ({ id }) => ({ host: id }),
    params: z.object({ id: HostId }),
    body: ProvisionalRequest,
    answer: ProvisionalResponse,
    run: ({ params, body }, c) =>
      provisionals.settle(params.id, body, {
        act: { ...callerOf(c), action: 'reassert' },
        admit: (token) => gate.admit(token),
      }),
  });

  return app;

  function cluster() {
    const view = gossip.view;
    if (view) return view;
    throw new PortolanError('not-found', 'this coordinator takes no part in gossip');
  }
}
