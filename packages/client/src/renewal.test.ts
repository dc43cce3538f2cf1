import { type AssignmentView, PortolanError, type ProblemCode, type Reservation } from '@portolan/model';
import { describe, expect, test, vi } from 'vitest';
import { connect } from './connect.ts';
import { type Answer, type Asked, fakeCoordinator } from './fake-coordinator.ts';
import type { RenewalEvent } from './renewal.ts';

/** The shortest lease there is, seconds. */
const TTL = 5;
const patient = { timeout: 60_000, interval: 20 };

function reservation(service: string, token = '1.1'): Reservation {
  const lease = { id: `lease-${service}`, ttl: TTL };
  const endpoint = { project: 'mana', service, label: 'default', instance: 1 };
  const grantedAt = '2026-01-01T00:00:00Z';
  const assignment: AssignmentView = {
    protocol: 'tcp',
    port: 3050,
    endpoint,
    lease,
    grantedAt,
    token,
    state: 'pending',
  };
  return {
    port: 3050,
    ports: { default: 3050 },
    assignments: [assignment],
    token,
    lease,
    created: true,
    wasInUse: false,
    obstacle: null,
    attempts: 1,
    probed: false,
    acknowledged: 'disk',
    position: '1-1',
  };
}

function permanent(service: string, token: string): Reservation {
  const leased = reservation(service, token);
  return { ...leased, lease: null, assignments: leased.assignments.map((each) => ({ ...each, lease: null })) };
}

const problem = (code: ProblemCode): Answer => {
  const body = new PortolanError(code, `it says ${code}`).toProblem();
  return { status: body.status, body };
};

type Lease = { id: string; token: string };
const leasesOf = ({ body }: Asked) => (body as { leases: Lease[] }).leases;
const renewed = (asked: Asked): Answer => ({
  body: { renewed: leasesOf(asked).map(({ id }) => ({ id, ttl: TTL })), lost: [] },
});
const lost = (asked: Asked, code: 'not-found' | 'fenced'): Answer => ({
  body: { renewed: [], lost: leasesOf(asked).map(({ id }) => ({ id, code, detail: '' })) },
});

/** A coordinator that grants whatever is asked, and does as the test says with the rest. */
async function scene(rest: (route: string, asked: Asked) => Answer | 'hang' | 'reset') {
  const fake = await fakeCoordinator((asked) => {
    const route = asked.path.replace(/^\/v1\/(assignments\/)?/, '');
    if (route === 'assignments') return { status: 201, body: reservation((asked.body as { service: string }).service) };
    if (route === 'release') return { body: { released: [], position: '1-1' } };
    return rest(route, asked);
  });
  const events: RenewalEvent[] = [];
  const client = connect({ url: fake.url, token: 't' });
  const reserve = (service: string) =>
    client.reserve({ project: 'mana', service, ttl: TTL }, { onRenewal: (event) => events.push(event) });
  const asked = (route: string) => fake.asked.filter(({ path }) => path.endsWith(route));
  const dispose = async () => {
    client.close();
    await fake.stop();
  };
  return { fake, client, events, reserve, asked, [Symbol.asyncDispose]: dispose };
}

describe.concurrent('a reservation with a lease', () => {
  test('renews itself after about a third of its time, again and again', async () => {
    await using it = await scene((_route, asked) => renewed(asked));
    const since = performance.now();
    const reserved = await it.reserve('sync');
    await vi.waitFor(() => expect(it.asked('renew').length).toBeGreaterThan(0), patient);
    expect(performance.now() - since).toBeGreaterThan(TTL * 300 * 0.9);
    await vi.waitFor(() => expect(it.asked('renew').length).toBeGreaterThan(1), patient);
    expect(leasesOf(it.asked('renew')[0]!)).toEqual([{ id: 'lease-sync', token: '1.1' }]);
    expect(reserved.state).toBe('held');
  });

  test('travels with the other leases of its client', async () => {
    await using it = await scene((_route, asked) => renewed(asked));
    for (let i = 0; i < 20; i++) await it.reserve(`sync-${i}`);
    await vi.waitFor(() => expect(it.events.length).toBeGreaterThanOrEqual(20), patient);
    expect(it.asked('renew').length).toBeLessThan(10);
  });

  test('outlives an outage within its time', async () => {
    await using it = await scene((_route, asked) => renewed(asked));
    const reserved = await it.reserve('sync');
    await it.fake.stop();
    await vi.waitFor(() => expect(reserved.state).toBe('late'), patient);
    await it.fake.start();
    await vi.waitFor(() => expect(reserved.state).toBe('held'), patient);
    expect(it.asked('reassert')).toHaveLength(0);
  });

  test('is asserted anew under its old token when the coordinator no longer knows it', async () => {
    await using it = await scene((route, asked) =>
      route === 'reassert' ? { body: reservation('sync', '2.9') } : lost(asked, 'not-found'),
    );
    const reserved = await it.reserve('sync');
    await vi.waitFor(() => expect(reserved.token).toBe('2.9'), patient);
    expect(it.asked('reassert')[0]?.body).toMatchObject({
      token: '1.1',
      ports: { default: 3050 },
      lease: 'lease-sync',
      ttl: TTL,
    });
    expect(it.events.at(-1)).toMatchObject({ outcome: 'reasserted' });
  });

  test('is asserted anew when an outage lasted longer than its time', async () => {
    let down = true;
    await using it = await scene((route, asked) => {
      if (down) return 'reset';
      return route === 'reassert' ? { body: reservation('sync', '2.9') } : lost(asked, 'not-found');
    });
    const since = performance.now();
    const reserved = await it.reserve('sync');
    await vi.waitFor(() => expect(performance.now() - since).toBeGreaterThan(TTL * 1000), patient);
    expect(reserved.state).toBe('late');
    down = false;
    await vi.waitFor(() => expect(reserved.token).toBe('2.9'), patient);
    expect(reserved.state).toBe('held');
  });

  test('tells its holder when somebody else has the port, and then rests', async () => {
    await using it = await scene((route, asked) =>
      route === 'reassert' ? problem('assignment-lost') : lost(asked, 'fenced'),
    );
    const onLost = vi.fn();
    const reserved = await it.client.reserve({ project: 'mana', service: 'sync', ttl: TTL }, { onLost });
    expect((await reserved.lost).code).toBe('assignment-lost');
    expect(onLost).toHaveBeenCalledTimes(1);
    expect(reserved.state).toBe('lost');
    await reserved.release();
    expect(it.asked('release')).toHaveLength(0);
  });

  test('is released by its token at the end of an "await using" block', async () => {
    await using it = await scene((_route, asked) => renewed(asked));
    {
      await using reserved = await it.reserve('sync');
      expect(reserved.port).toBe(3050);
    }
    expect(it.asked('release').map(({ body }) => body)).toEqual([{ lease: 'lease-sync', token: '1.1' }]);
  });

  test('is not renewed when its holder wants to do that', async () => {
    await using it = await scene((_route, asked) => renewed(asked));
    await it.client.reserve({ project: 'mana', service: 'quiet', ttl: TTL }, { renewing: false });
    await it.reserve('loud');
    await vi.waitFor(() => expect(it.asked('renew').length).toBeGreaterThan(1), patient);
    expect(
      it
        .asked('renew')
        .flatMap(leasesOf)
        .map(({ id }) => id),
    ).not.toContain('lease-quiet');
  });
});

test('a lease that somebody made permanent is renewed no more, and left as it is at the end', async () => {
  await using it = await scene((route, asked) => {
    if (route === 'reassert') return { body: permanent('sync', '2.9') };
    const of = (isSync: boolean) => leasesOf(asked).filter(({ id }) => (id === 'lease-sync') === isSync);
    return {
      body: {
        renewed: of(false).map(({ id }) => ({ id, ttl: TTL })),
        lost: of(true).map(({ id }) => ({ id, code: 'not-found', detail: '' })),
      },
    };
  });
  const reserved = await it.reserve('sync');
  await vi.waitFor(() => expect(reserved.token).toBe('2.9'), patient);
  expect(reserved).toMatchObject({ state: 'held', lease: null });
  const asked = it.fake.asked.length;
  // A lease of the same client is renewed meanwhile, a few times over.
  await it.reserve('other');
  await vi.waitFor(() => expect(it.asked('renew').flatMap(leasesOf).length).toBeGreaterThan(3), patient);
  expect(it.asked('reassert').filter(({ body }) => (body as { service: string }).service === 'sync')).toHaveLength(1);
  expect(it.fake.asked.length - asked).toBeLessThan(20);
  await reserved.release();
  expect(it.asked('release')).toHaveLength(0);
});

test('leases are renewed although a listener throws, which is an uncaught error of the program', async () => {
  await using it = await scene((_route, asked) => renewed(asked));
  const uncaught: unknown[] = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => uncaught.push(error));
  try {
    const onRenewal = () => {
      throw new Error('a mistake of the program');
    };
    const failing = await it.client.reserve({ project: 'mana', service: 'failing', ttl: TTL }, { onRenewal });
    await vi.waitFor(() => expect(it.asked('renew').length).toBeGreaterThan(1), patient);
    expect(failing.state).toBe('held');
    expect(it.asked('reassert')).toHaveLength(0);
    expect(uncaught).toContainEqual(new Error('a mistake of the program'));
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const each of others) process.on('uncaughtException', each);
  }
});
