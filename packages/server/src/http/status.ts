import { Readiness, Status } from '@portolan/model';
import manifest from '../../package.json' with { type: 'json' };
import { may } from '../access/principal.ts';
import type { Context } from './context.ts';
import { operations } from './operation.ts';

export function statusRoutes({ executor, readiness }: Context) {
  const { app, add } = operations();
  add({
    method: 'get',
    path: '/status',
    tag: 'Operation',
    summary: 'How this coordinator does',
    description: 'It first makes a commit that changes nothing, so an answer proves that the store takes commits.',
    allow: may.read,
    answer: Status,
    async run() {
      await executor.catchUp();
      const { epoch, position } = executor.fleet;
      const { acknowledgement, lowered } = executor;
      return { version: manifest.version, acknowledgement, lowered, epoch, position, time: new Date().toISOString() };
    },
  });
  add({
    method: 'get',
    path: '/readiness',
    tag: 'Operation',
    summary: 'Whether what this coordinator shows is so now',
    description:
      'Whether the store answers, the copy keeps up and somebody leads, and since when; and the coordinators of the fleet. It asks nobody, so it answers while the store is away, too.',
    allow: may.read,
    answer: Readiness,
    run: () => Promise.resolve(readiness.now),
  });
  return app;
}
