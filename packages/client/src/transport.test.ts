import { PortolanError, type ProblemCode } from '@portolan/model';
import { describe, expect, test, vi } from 'vitest';
import { connect } from './connect.ts';
import { fakeCoordinator } from './fake-coordinator.ts';

const page = { items: [], position: '1-1', next: null };
const status = { version: '1.0.0', acknowledgement: 'disk', epoch: 1, position: '7-1', time: '2026-01-01T00:00:00Z' };
const problem = (code: ProblemCode, data = {}) => {
  const body = new PortolanError(code, `it says ${code}`, data).toProblem();
  return { status: body.status, body };
};

/** An address on which nobody listens. */
async function nobody(): Promise<string> {
  const fake = await fakeCoordinator(() => 'hang');
  await fake.stop();
  return fake.url;
}

describe('a client of several coordinators', () => {
  test('goes to the next when one does not listen, and stays there', async () => {
    const dead = await nobody();
    await using alive = await fakeCoordinator(() => ({ body: page }));
    const client = connect({ url: [dead, alive.url], token: 't' });
    await client.hosts();
    await client.hosts();
    expect(client.url).toBe(alive.url);
    expect(alive.asked).toHaveLength(2);
  });

  test('goes to the next when one has lost its store', async () => {
    await using broken = await fakeCoordinator(() => problem('store-unavailable'));
    await using alive = await fakeCoordinator(() => ({ body: page }));
    const client = connect({ url: [broken.url, alive.url], token: 't' });
    await client.hosts();
    expect([broken.asked.length, alive.asked.length]).toEqual([1, 1]);
  });

  test('goes to the next when one does not answer in time', async () => {
    await using stuck = await fakeCoordinator(() => 'hang');
    await using alive = await fakeCoordinator(() => ({ body: page }));
    await connect({ url: [stuck.url, alive.url], token: 't', timeout: 300 }).hosts();
    expect(alive.asked).toHaveLength(1);
  });

  test('goes to one that it learned of later, and stays with the one that it has as long as that works', async () => {
    await using second = await fakeCoordinator(() => ({ body: page }));
    {
      await using first = await fakeCoordinator(() => ({ body: page }));
      const client = connect({ url: first.url, token: 't' });
      client.learn([first.url, second.url], async () => true);
      await client.hosts();
      expect([first.asked.length, second.asked.length]).toEqual([1, 0]);
    }
    const client = connect({ url: await nobody(), token: 't', patience: 0 });
    client.learn([second.url], async () => true);
    await client.hosts();
    expect(client.url).toBe(second.url);
  });

  test('shows one that it learned of no token before that one has proved to be of the fleet, and again after a failure', async () => {
    let fails = false;
    await using other = await fakeCoordinator(() => (fails ? { status: 503 } : { body: page }));
    const stranger = connect({ url: await nobody(), token: 't', patience: 0 });
    stranger.learn([other.url], async () => false);
    await expect(stranger.hosts()).rejects.toMatchObject({ code: 'unreachable' });
    expect(other.asked).toEqual([]);

    let proofs = 0;
    let proves = true;
    const client = connect({ url: await nobody(), token: 't', patience: 0 });
    client.learn([other.url], async () => {
      proofs++;
      return proves;
    });
    await client.hosts();
    await client.hosts();
    expect([proofs, other.asked.length]).toEqual([1, 2]);
    fails = true;
    await expect(client.hosts()).rejects.toBeDefined();
    fails = false;
    proves = false;
    await expect(client.hosts()).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('did not prove'),
    });
    expect([proofs, other.asked.length]).toEqual([2, 3]);
  });

  test('finds the one that is of the fleet among many invented ones, and those that never answer hold up nothing', async () => {
    await using alive = await fakeCoordinator(() => ({ body: page }));
    await using stuck = await fakeCoordinator(() => 'hang');
    const invented = Array.from({ length: 100 }, (_, i) => `${stuck.url}/${i}`);
    const client = connect({ url: [await nobody(), stuck.url], token: 't', patience: 0, timeout: 500 });
    client.learn([...invented, alive.url], async (url) => url === alive.url);
    await vi.waitFor(async () => expect(await client.isReady()).toBe(true), 10_000);
    const begun = performance.now();
    expect(await client.isReady()).toBe(true);
    expect(performance.now() - begun).toBeLessThan(1_500);
    await client.hosts();
    expect(client.url).toBe(alive.url);
    client.learn(invented, async () => false);
    expect(client.url).not.toBe(alive.url);
    expect(stuck.asked.filter(({ path }) => /^\/\d/.test(path))).toEqual([]);
  });

  test('asks nobody any more once it was told to end', async () => {
    await using stuck = await fakeCoordinator(() => 'hang');
    const end = new AbortController();
    const asked = connect({ url: stuck.url, token: 't', patience: 0, signal: end.signal }).hosts();
    const begun = performance.now();
    end.abort();
    await expect(asked).rejects.toThrow();
    expect(performance.now() - begun).toBeLessThan(5_000);
  });
});

describe('a call', () => {
  test('carries the token and the query', async () => {
    await using fake = await fakeCoordinator(() => ({ body: page }));
    await connect({ url: fake.url, token: 'ptn_secret' }).listeners({ port: 3050, consistent: true });
    expect(fake.asked[0]).toMatchObject({
      path: '/v1/listeners?port=3050&consistent=true',
      headers: { authorization: 'Bearer ptn_secret' },
    });
  });

  test('that may be repeated outlives a short absence of the only coordinator', async () => {
    let calls = 0;
    await using fake = await fakeCoordinator(() => (++calls < 3 ? 'reset' : { body: page }));
    await connect({ url: fake.url, token: 't' }).hosts();
    expect(calls).toBe(3);
  });

  test('that may not be repeated is sent once when the connection breaks', async () => {
    await using fake = await fakeCoordinator(() => 'reset');
    const releasing = connect({ url: fake.url, token: 't' }).release({ port: 3050 });
    await expect(releasing).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('not known'),
    });
    expect(fake.asked).toHaveLength(1);
  });

  test('that may not be repeated goes to the next coordinator when the first surely did nothing', async () => {
    const dead = await nobody();
    await using alive = await fakeCoordinator(() => ({ body: { released: [], position: '1-1' } }));
    await connect({ url: [dead, alive.url], token: 't' }).release({ port: 3050 });
    expect(alive.asked).toHaveLength(1);
  });

  test('tells the coordinator how long it waits', async () => {
    await using fake = await fakeCoordinator(() => ({ body: page }));
    await connect({ url: fake.url, token: 't', timeout: 2_500.5 }).hosts();
    expect(fake.asked[0]!.headers['portolan-timeout']).toBe('2501');
  });

  test.each([
    ['not-ready', true, 1],
    ['not-ready', false, 2],
    ['durability-unknown', true, 1],
    ['durability-unknown', false, 2],
    ['abandoned', false, 2],
  ] as const)(
    'that may not be repeated, and is answered %s with mayHaveBeenDone %s, is sent %s times',
    async (code, mayHaveBeenDone, times) => {
      await using fake = await fakeCoordinator(() =>
        fake.asked.length === 1 ? problem(code, { mayHaveBeenDone }) : { body: { released: [], position: '1-1' } },
      );
      await connect({ url: fake.url, token: 't' })
        .release({ port: 3050 })
        .catch((error) => expect(error).toMatchObject({ code, data: { mayHaveBeenDone } }));
      expect(fake.asked).toHaveLength(times);
    },
  );

  test('that fails says whether any attempt of it may have been done, not the last one alone', async () => {
    await using hung = await fakeCoordinator(() => 'reset');
    await using broken = await fakeCoordinator(() => problem('store-unavailable', { mayHaveBeenDone: false }));
    const reserving = (...url: string[]) =>
      connect({ url, token: 't', patience: 0 }).reserve({ project: 'mana', service: 'sync' });
    await expect(reserving(broken.url)).rejects.toMatchObject({ data: { mayHaveBeenDone: false } });
    await expect(reserving(hung.url, broken.url)).rejects.toMatchObject({
      code: 'store-unavailable',
      data: { mayHaveBeenDone: true },
    });
  });

  test('that releases a grant is repeated, and is done when the grant is gone after a lost answer', async () => {
    let releases = 0;
    await using fake = await fakeCoordinator(({ path }) => {
      if (path === '/v1/status') return { body: status };
      return ++releases === 1 ? 'reset' : problem('not-found');
    });
    const released = await connect({ url: fake.url, token: 't' }).release({ port: 3050, token: '1.1' });
    expect(released).toEqual({ released: [], position: status.position });
    expect(releases).toBe(2);
  });

  test('that releases what is not there says so', async () => {
    await using fake = await fakeCoordinator(() => problem('not-found'));
    const releasing = connect({ url: fake.url, token: 't' }).release({ port: 3050, token: '1.1' });
    await expect(releasing).rejects.toMatchObject({ code: 'not-found' });
  });

  test('that is refused is not tried again, and keeps the data of the problem', async () => {
    await using fake = await fakeCoordinator(() =>
      problem('port-taken', { owner: 'mana/other:api', suggestions: [3051] }),
    );
    const reserving = connect({ url: fake.url, token: 't' }).reserve({ project: 'mana', service: 'sync', port: 3050 });
    await expect(reserving).rejects.toMatchObject({
      code: 'port-taken',
      data: { owner: 'mana/other:api', suggestions: [3051] },
    });
    expect(fake.asked).toHaveLength(1);
  });

  test('that reaches nobody says what was tried', async () => {
    const [one, two] = [await nobody(), await nobody()];
    const asking = connect({ url: [one, two], token: 't', patience: 0 }).hosts();
    await expect(asking).rejects.toMatchObject({
      code: 'unreachable',
      data: { tried: [one, two].map((url) => ({ url, reason: 'connection refused' })) },
    });
  });

  test('tells another program on that port from a coordinator', async () => {
    await using fake = await fakeCoordinator(() => ({ status: 404, body: 'no such page' }));
    const asking = connect({ url: fake.url, token: 't' }).hosts();
    await expect(asking).rejects.toMatchObject({ code: 'unreachable', message: expect.stringContaining('HTTP 404') });
  });

  test('refuses an answer that declares too many bytes, or sends too many without saying so', async () => {
    const large = JSON.stringify({ items: ['x'.repeat(33 * 1024 * 1024)] });
    for (const headers of [{ 'content-length': String(large.length) }, undefined]) {
      const answer = async () => new Response(large, headers ? { headers } : {});
      await expect(connect({ token: 't', fetch: answer }).hosts()).rejects.toMatchObject({ code: 'too-large' });
    }
  });

  test('does not follow a redirect with its token', async () => {
    await using thief = await fakeCoordinator(() => ({ body: page }));
    await using fake = await fakeCoordinator(() => ({ status: 307, headers: { location: `${thief.url}/v1/hosts` } }));
    await expect(connect({ url: fake.url, token: 't', patience: 0 }).hosts()).rejects.toMatchObject({
      code: 'unreachable',
    });
    expect(thief.asked).toHaveLength(0);
  });

  test('ends at once when its caller aborts', async () => {
    await using fake = await fakeCoordinator(() => 'hang');
    const stop = new AbortController();
    const asking = connect({ url: fake.url, token: 't' }).reserve(
      { project: 'a', service: 'b' },
      { signal: stop.signal },
    );
    stop.abort(new Error('enough'));
    await expect(asking).rejects.toThrow('enough');
  });
});

test('connect refuses what is no URL and what can be no token', () => {
  expect(() => connect({ url: 'localhost:7678', token: 't' })).toThrow(/http:\/\/host:port/);
  expect(() => connect({ token: '' })).toThrow(/token/);
  expect(() => connect({ token: 'a\nb' })).toThrow(/token/);
});
