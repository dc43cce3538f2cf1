import { type AssignmentView, PortolanError, type ProblemCode, type Reservation } from '@portolan/model';
import { describe, expect, test, vi } from 'vitest';
import { connect } from './connect.ts';
import { type Answer, type Asked, fakeCoordinator } from './fake-coordinator.ts';
import type { ReserveOptions } from './reserved.ts';

/** Permanent, and two ports: so there are two grants to give back. */
function reservation(): Reservation {
  const assignments = ['api', 'admin'].map(
    (label, i): AssignmentView => ({
      protocol: 'tcp',
      port: 3050 + i,
      endpoint: { project: 'shop', service: 'cart', label, instance: 1 },
      lease: null,
      grantedAt: '2026-01-01T00:00:00Z',
      token: '1.1',
      state: 'pending',
    }),
  );
  return {
    port: 3050,
    ports: { api: 3050, admin: 3051 },
    assignments,
    token: '1.1',
    lease: null,
    created: true,
    wasInUse: false,
    obstacle: null,
    attempts: 1,
    probed: false,
    acknowledged: 'disk',
    position: '1-1',
  };
}

const problem = (code: ProblemCode): Answer => {
  const body = new PortolanError(code, `it says ${code}`).toProblem();
  return { status: body.status, body };
};
const done: Answer = { body: { released: [], position: '1-2' } };
const portOf = ({ body }: Asked) => (body as { port: number }).port;

/** @param release what the coordinator answers to the release of a port */
async function scene(release: (port: number) => Answer | 'reset', options: ReserveOptions = {}) {
  const fake = await fakeCoordinator((asked) =>
    asked.path === '/v1/assignments' ? { status: 201, body: reservation() } : release(portOf(asked)),
  );
  const client = connect({ url: fake.url, token: 't', patience: 0 });
  const reserved = await client.reserve({ project: 'shop', service: 'cart', labels: ['api', 'admin'] }, options);
  const released = () =>
    fake.asked
      .filter(({ path }) => path.endsWith('/release'))
      .map(portOf)
      .sort();
  return { reserved, released, [Symbol.asyncDispose]: fake.stop };
}

describe('to release', () => {
  test('what is already gone is no error', async () => {
    await using it = await scene(() => problem('not-found'));
    await it.reserved.release();
    expect(it.released()).toEqual([3050, 3051]);
  });

  test('is refused as the coordinator refuses it, and what can be given back is', async () => {
    await using it = await scene((port) => (port === 3050 ? problem('fenced') : done));
    await expect(it.reserved.release()).rejects.toMatchObject({ code: 'fenced' });
    expect(it.released()).toEqual([3050, 3051]);
  });

  test('can be tried again when it failed, and gives back what is left', async () => {
    let away = true;
    await using it = await scene((port) => (port === 3050 && away ? problem('store-unavailable') : done));
    await expect(it.reserved.release()).rejects.toMatchObject({ code: 'store-unavailable' });
    away = false;
    await it.reserved.release();
    await it.reserved.release();
    expect(it.released()).toEqual([3050, 3050, 3051]);
  });

  test('after an attempt whose answer was lost is done when the port is gone', async () => {
    const lost = new Set<number>();
    await using it = await scene((port) => (lost.has(port) ? problem('not-found') : lost.add(port) && 'reset'));
    await expect(it.reserved.release()).rejects.toMatchObject({
      code: 'unreachable',
      data: { mayHaveBeenDone: true },
    });
    await it.reserved.release();
    expect(it.released()).toEqual([3050, 3050, 3051, 3051]);
  });
});

test('the end of an "await using" block hides nothing that the block threw, and tells what was not given back', async () => {
  const onUnreleased = vi.fn();
  await using it = await scene(() => problem('fenced'), { onUnreleased });
  const block = async () => {
    await using _ = it.reserved;
    throw new Error('of the block');
  };
  await expect(block()).rejects.toThrow(/^of the block$/);
  expect(onUnreleased).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'fenced' }));
});
