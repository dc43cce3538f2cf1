import { z } from '@hono/zod-openapi';
import { Login, LoginCode, PortolanError, TokenMade } from '@portolan/model';
import { may } from '../access/principal.ts';
import { type Context, callerOf } from './context.ts';
import { operations } from './operation.ts';
import { countStranger } from './strangers.ts';

const tag = 'Access';

export function loginRoutes({ logins, rates }: Context) {
  const { app, add } = operations();

  add({
    method: 'post',
    path: '/logins',
    tag,
    summary: 'Make a code that lets somebody into the dashboard, once',
    description:
      'The link is `/#login=<code>`. What it opens may do what this token may, for half a day at most, and no longer than this token. A token that came from such a link makes none.',
    allow: may.read,
    answer: Login,
    created: () => true,
    run: (_input, c) => logins.create(callerOf(c)),
  });

  add({
    method: 'post',
    path: '/logins/redeem',
    tag,
    summary: 'Exchange the code of a link for a token',
    description: 'Needs no token: the code is what is shown.',
    allow: 'anybody',
    body: z.strictObject({ code: LoginCode }),
    answer: TokenMade,
    created: () => true,
    async run({ body }, c) {
      try {
        return await logins.redeem(body.code);
      } catch (error) {
        // A good code is never held up by those who guess.
        if (error instanceof PortolanError && error.code === 'unauthorized') {
          countStranger(rates.strangers, c, '/v1/logins/redeem');
        }
        throw error;
      }
    },
  });

  return app;
}
