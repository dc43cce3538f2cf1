import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connect, isProblem, type PortolanClient } from '@portolan/client';
import { bindPort, freePort, listenOn, withPort } from '@portolan/client/node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freePort as unusedPort } from '../support/port.ts';
import { type Coordinator, Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 50 };
const address = '127.0.0.1';

let bench: Workbench;
let coordinator: Coordinator;
let client: PortolanClient;

beforeAll(async () => {
  bench = new Workbench();
  coordinator = await bench.coordinator(['--data', join(bench.directory, 'fleet.sqlite')]);
  client = connect({ url: coordinator.url, token: bench.token });
});
afterAll(async () => {
  client?.close();
  await bench?.clear();
});

const of = (service: string) => ({ project: 'sdk', service });
const assignmentsOf = async (service: string) => (await client.assignments({ project: 'sdk', service })).items;
const refusalOf = async (attempt: Promise<unknown>) => {
  const error = await attempt.then(
    () => 'was not refused',
    (thrown: unknown) => thrown,
  );
  if (!isProblem(error, 'port-taken')) throw error;
  return error;
};

/** A process of its own that runs this with the SDK, and says what `say` is given. */
function program(code: string) {
  const module = JSON.stringify(import.meta.resolve('@portolan/client/node'));
  const script = `import * as sdk from ${module}; const say = (what) => console.log('says ' + JSON.stringify(what)); ${code}`;
  const environment = { PORTOLAN_URL: coordinator.url, PORTOLAN_TOKEN: bench.token };
  const started = bench.run(process.execPath, ['--no-warnings', '--input-type=module', '-e', script], { environment });
  return {
    ...started,
    started,
    pid: started.child.pid!,
    said: async () => JSON.parse((await started.says(/says (.*)/))[1]!),
  };
}
const binds = (service: string) =>
  program(`
    try {
      const reserved = await sdk.bindPort({ project: 'sdk', service: '${service}' });
      say({ port: reserved.port });
      setInterval(() => {}, 1000);
    } catch ({ code, message }) { say({ code, message }); }`);

describe('a name that a process of this machine holds', () => {
  test('is refused to another one, with the process and the way out, and stays as it was', async () => {
    const first = binds('twice');
    const { port } = await first.said();
    const before = await assignmentsOf('twice');
    expect(before[0]?.process?.pid).toBe(first.pid);
    const refused = await binds('twice').said();
    expect(refused.code).toBe('port-taken');
    expect(refused.message).toMatch(new RegExp(`on port ${port}, and process ${first.pid} of this machine`));
    expect(refused.message).toMatch(/instance: 'auto'/);
    expect(await assignmentsOf('twice')).toEqual(before);
  });

  test('passes to the next one when the process was killed, with its port, and to one alone', async () => {
    const first = binds('killed');
    const { port } = await first.said();
    await first.started.end('SIGKILL');
    const next = binds('killed');
    expect(await next.said()).toEqual({ port });
    expect((await assignmentsOf('killed'))[0]?.process?.pid).toBe(next.pid);
    expect((await binds('killed').said()).message).toContain(`process ${next.pid}`);
    await next.started.end('SIGTERM');
    await vi.waitFor(async () => expect(await assignmentsOf('killed')).toEqual([]), patient);
  });

  test('is what "who" tells', async () => {
    const first = binds('told');
    const { port } = await first.said();
    const { stdout } = await bench.portolan(['who', String(port), '--url', coordinator.url]).ended;
    expect(stdout).toMatch(new RegExp(`held by process ${first.pid}, started`));
  });

  test('is not given to two calls of that process, until the first lets go of it', async () => {
    const both = await Promise.allSettled([1, 2].map(() => bindPort(of('self'), { client, address })));
    const [kept] = both.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const [refused] = both.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    expect(refused.message).toMatch(
      new RegExp(`^this process already holds sdk/self:default on port ${kept!.port}: release that first`),
    );
    // Whoever releases need not wait for it.
    void kept!.release();
    const again = await bindPort(of('self'), { client, address });
    again.leave();
    const third = await bindPort(of('self'), { client, address });
    expect(third.port).toBe(again.port);
    await third.release();
    expect(await assignmentsOf('self')).toEqual([]);
  });

  test('of which nothing can be said, since it runs elsewhere, is shared as before', async () => {
    const elsewhere = { pid: 1, startedAt: 1_700_000_000_000, namespace: 'another machine' };
    const held = await client.reserve({ ...of('elsewhere'), ttl: 60, process: elsewhere });
    await withPort(of('elsewhere'), (port) => expect(port).toBe(held.port), { client, address });
    expect((await assignmentsOf('elsewhere'))[0]).toMatchObject({ process: elsewhere, token: held.token });
    await held.release();
  });
});

test('a port that this very process has bound is not said to be another one’s', async () => {
  await client.reserve(of('planned'));
  const [one, two] = [createServer(), createServer()];
  await using reserved = await listenOn(one, of('planned'), { client, address });
  const refused = await refusalOf(listenOn(two, of('planned'), { client, address }));
  expect(refused.message).toContain('but this very process on this machine has it bound');
  expect(refused.data.port).toBe(reserved.port);
  one.close();
});

test('with "auto" each has an instance of its own, and its lease outlives a lost history under that number', async () => {
  const given = await Promise.all(
    [1, 2, 3].map(() => bindPort({ ...of('workers'), instance: 'auto' }, { client, address })),
  );
  expect(given.map(({ instance }) => instance).sort()).toEqual([1, 2, 3]);
  expect(new Set(given.map(({ port }) => port)).size).toBe(3);
  await Promise.all(given.map((each) => each.release()));
  expect(await assignmentsOf('workers')).toEqual([]);
});

describe('a free port', () => {
  test('is another one for each that asks, in many processes at once, and is free when they end', async () => {
    const programs = Array.from({ length: 3 }, () =>
      program(`
        const given = await Promise.all([1, 2, 3, 4].map(() => sdk.freePort({ project: 'sdk' })));
        say(given.map(({ port }) => port));
        await new Promise((resolve) => setTimeout(resolve, 3_600_000));`),
    );
    const ports = (await Promise.all(programs.map((each) => each.said()))).flat();
    expect(new Set(ports).size).toBe(12);
    expect((await assignmentsOf('free-port')).map(({ port }) => port).sort()).toEqual([...ports].sort());
    await Promise.all(programs.map(({ started }) => started.end('SIGTERM')));
    await vi.waitFor(async () => expect(await assignmentsOf('free-port')).toEqual([]), patient);
  });

  test('is called by the repository, prefers what it is told, and is given back at the end of the block', async () => {
    const preferred = await unusedPort();
    {
      await using own = await freePort({ client, preferred });
      expect(own.port).toBe(preferred);
      const [{ endpoint } = {}] = own.reservation.assignments;
      expect(endpoint?.service).toBe('free-port');
      await using other = await freePort({ client, preferred });
      expect(other.port).toBeGreaterThan(preferred);
    }
    expect((await client.port(preferred)).assignments).toEqual([]);
  });
});

describe('where no coordinator is', () => {
  const alone = async () => connect({ url: `http://127.0.0.1:${await unusedPort()}`, token: 'none' });

  test('that is told within a second, with what to do', async () => {
    const nobody = await alone();
    const began = performance.now();
    const error = await bindPort(of('alone'), { client: nobody }).catch((thrown: unknown) => thrown);
    expect(performance.now() - began).toBeLessThan(1_000);
    if (!isProblem(error, 'unreachable')) throw error;
    expect(error.message).toMatch(/connection refused.*portolan up/);
  });

  test('one that has answered before is waited for', async () => {
    const own = new Workbench();
    const data = ['--data', join(own.directory, 'fleet.sqlite')];
    const first = await own.coordinator(data);
    const patientClient = connect({ url: first.url, token: own.token });
    await patientClient.status();
    await first.program.end('SIGKILL');
    const asked = patientClient.status();
    await own.coordinator([...data, '--port', new URL(first.url).port]);
    await expect(asked).resolves.toMatchObject({ acknowledgement: 'disk' });
    await own.clear();
  });

  test('a port of this machine can stand in, and says that nobody promised it', async () => {
    const onFallback = vi.fn();
    const options = { client: await alone(), fallback: 'local', onFallback } as const;
    await using free = await freePort(options);
    expect(free).toMatchObject({ state: 'unpromised', lease: null });
    expect(free.reservation).toMatchObject({ acknowledged: 'nobody', assignments: [] });
    expect(onFallback).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: 'unreachable' }));

    const server = createServer();
    const reserved = await listenOn(server, { ...of('alone'), label: 'api' }, { ...options, override: false });
    expect(server.address()).toMatchObject({ port: reserved.port });
    expect(reserved.ports).toEqual({ api: reserved.port });
    const exact = bindPort({ ...of('alone'), port: reserved.port }, options);
    expect((await refusalOf(exact)).message).toContain('something else has it');
    await using next = await bindPort({ ...of('alone'), preferred: reserved.port }, options);
    expect(next.port).not.toBe(reserved.port);
    server.close();
    await once(server, 'close');
    expect(reserved.state).toBe('released');
  });

  test('a refusal of a coordinator that answers is no reason for it', async () => {
    const stranger = connect({ url: coordinator.url, token: 'not_of_this_fleet' });
    await expect(freePort({ client: stranger, fallback: 'local' })).rejects.toMatchObject({ code: 'unauthorized' });
  });
});
