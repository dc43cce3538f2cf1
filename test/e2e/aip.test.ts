import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type PortolanClient } from '@portolan/client';
import type { Reservation, ReserveInput } from '@portolan/model';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createHosts, type Hosts, hostsUnavailable, type TestHost } from '../support/netns.ts';
import { asNobody, usersUnavailable } from '../support/user.ts';
import { Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 50 };

/** Listens on PORT, and says so. With STUBBORN it does not end when asked to. */
const SERVICE = `
if (process.env.STUBBORN) process.on('SIGTERM', () => console.log('asked to end'));
require('node:net').createServer().listen(Number(process.env.PORT), '0.0.0.0', () => console.log('listening'));
`;

const unavailable = hostsUnavailable() ?? usersUnavailable();
beforeEach((context) => context.skip(unavailable !== undefined, unavailable));

let bench: Workbench;
let hosts: Hosts;
let [machine, other, humble] = [] as unknown as [TestHost, TestHost, TestHost];
let url: string;
let client: PortolanClient;

beforeAll(async () => {
  if (unavailable !== undefined) return;
  bench = new Workbench();
  // Another user has to find what it runs.
  chmodSync(bench.directory, 0o711);
  hosts = await createHosts(3);
  [machine, other, humble] = hosts.hosts as [TestHost, TestHost, TestHost];
  ({ url } = await bench.coordinator(['--host', hosts.gateway, '--insecure-bind']));
  client = connect({ url, token: bench.token });
  // They share the process ids of the machine: each would see the sockets of all.
  await Promise.all([
    bench.agent(url, 'machine', ['--no-all-namespaces'], { on: machine }),
    bench.agent(url, 'other', ['--no-all-namespaces'], { on: other }),
    bench.agent(url, 'humble', ['--no-all-namespaces'], { on: asNobody(humble) }),
  ]);
});

afterAll(async () => {
  client?.close();
  await bench?.clear();
  await hosts?.cleanup();
});

/** As AIP's allocatePort, which a service calls before it listens. */
async function allocate(
  service: string,
  preferredPort: number,
  more: Partial<ReserveInput> = {},
): Promise<Reservation> {
  const request = { project: 'aip', service, preferred: preferredPort, onTaken: 'takeover', host: 'machine', ttl: 60 };
  return (await client.reserve({ ...(request as ReserveInput), ...more }, { renewing: false })).reservation;
}

/** A service in a package of its own, so that it is known by its command, as AIP knows it. */
async function start(
  service: string,
  port: number,
  where: { on?: TestHost; foreign?: boolean; stubborn?: boolean } = {},
) {
  const directory = join(bench.directory, service);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ name: service }));
  writeFileSync(join(directory, 'server.cjs'), SERVICE);
  const { on = machine, foreign, stubborn } = where;
  const environment = { PORT: String(port), ...(stubborn && { STUBBORN: 'yes' }) };
  const host = foreign ? asNobody(on) : on;
  const program = bench.run(process.execPath, ['server.cjs'], { on: host, directory, environment });
  await program.says(/listening/);
  return program;
}

async function seen(port: number, pid: number, host = 'machine'): Promise<void> {
  await vi.waitFor(async () => {
    const { items } = await client.listeners({ port, host });
    expect(items.map(({ process }) => process?.pid)).toContain(pid);
  }, patient);
}

async function assignments(port: number) {
  return (await client.assignments({ port, consistent: true })).items;
}

describe('as AIP allocates a port', () => {
  test('a free port is taken', async () => {
    expect(await allocate('figma', 65_001)).toMatchObject({ port: 65_001, wasInUse: false, attempts: 1, probed: true });
  });

  test('one that an earlier process of the service has is taken over, and nobody else could have had it in between', async () => {
    const { lease, token } = await allocate('taken', 65_010);
    const before = await start('taken', 65_010);
    await seen(65_010, before.pid);

    const rivals = new AbortController();
    const granted: number[] = [];
    let attempts = 0;
    const rivalry = (async () => {
      for (; !rivals.signal.aborted; attempts++) {
        const rival = { project: 'rival', service: `r${attempts}`, port: 65_010 };
        await client.reserve(rival).then(
          ({ port }) => granted.push(port),
          () => {},
        );
      }
    })();
    const now = await allocate('taken', 65_010);
    rivals.abort();
    await rivalry;

    expect(now).toMatchObject({
      port: 65_010,
      wasInUse: true,
      killedProcess: true,
      previousPid: before.pid,
      attempts: 1,
    });
    expect(now.obstacle).toMatchObject({ port: 65_010, reason: 'observed', by: 'unknown/taken' });
    expect(granted).toEqual([]);
    expect(attempts).toBeGreaterThan(1);
    // Ended before the answer came: the next one can bind at once.
    await start('taken', 65_010);
    expect(await before.ended).toMatchObject({ code: null });
    // The earlier holder is fenced.
    expect(now.lease?.id).not.toBe(lease?.id);
    expect((await client.renew([{ id: lease!.id, token }])).lost).toMatchObject([{ id: lease?.id }]);
    await expect(client.release({ lease: lease!.id, token })).rejects.toMatchObject({ code: 'not-found' });
    expect(await assignments(65_010)).toMatchObject([{ token: now.token, lease: now.lease }]);
  });

  test('one that does not end when asked to is killed after the grace', async () => {
    const before = await start('stubborn', 65_015, { stubborn: true });
    await seen(65_015, before.pid);
    const now = await allocate('stubborn', 65_015, { grace: 0.5 });
    expect(now).toMatchObject({ port: 65_015, killedProcess: true, previousPid: before.pid });
    expect((await before.ended).stdout).toContain('asked to end');
  });

  test('a process that listens and was not reported yet is taken over, too', async () => {
    const before = await start('quick', 65_017);
    expect(await allocate('quick', 65_017)).toMatchObject({
      port: 65_017,
      killedProcess: true,
      previousPid: before.pid,
    });
  });

  test("another service's is left alone, and the next port is given", async () => {
    const stranger = await start('playwright', 65_020);
    await seen(65_020, stranger.pid);
    const now = await allocate('figma-next', 65_020);
    expect(now).toMatchObject({ port: 65_021, wasInUse: true, attempts: 2 });
    expect(now).not.toHaveProperty('previousPid');
    expect(now.obstacle?.detail).toMatch(new RegExp(`playwright \\(pid ${stranger.pid}\\).*machine`));
    expect(stranger.child.exitCode).toBe(null);
  });

  test('a port that is wanted and no other is refused with who has it', async () => {
    const stranger = await start('playwright', 65_025);
    await seen(65_025, stranger.pid);
    const refusal = allocate('figma-exact', 0, { preferred: undefined, port: 65_025 });
    await expect(refusal).rejects.toMatchObject({ code: 'port-taken', data: { owner: 'unknown/playwright' } });
    expect(stranger.child.exitCode).toBe(null);
  });

  test('without permission the owner is told, and the next port is given or the exact one refused', async () => {
    const before = await start('foreign', 65_030, { foreign: true });
    await seen(65_030, before.pid);
    const exact = allocate('foreign', 0, { preferred: undefined, port: 65_030 });
    await expect(exact).rejects.toMatchObject({
      code: 'not-permitted',
      message: expect.stringMatching(/belongs to nobody \(uid \d+\).*--allow-kill any/),
      data: { pid: before.pid, user: 'nobody', owner: 'unknown/foreign' },
    });
    expect(await assignments(65_030)).toEqual([]);

    const now = await allocate('foreign', 65_030);
    expect(now).toMatchObject({ port: 65_031, wasInUse: true });
    expect(now.obstacle?.detail).toMatch(/belongs to nobody/);
    expect(now).not.toHaveProperty('killedProcess');
    expect(before.child.exitCode).toBe(null);
  });

  test('without a look at who it is, the user is told', async () => {
    await allocate('hidden', 65_035, { host: 'humble' });
    const before = await start('hidden', 65_035, { on: humble });
    await vi.waitFor(async () => {
      expect((await client.listeners({ port: 65_035 })).items).toMatchObject([{ process: null, identity: null }]);
    }, patient);
    await expect(allocate('hidden', 65_035, { host: 'humble' })).rejects.toMatchObject({
      code: 'not-permitted',
      message: expect.stringMatching(/belongs to root \(uid 0\).*runs as nobody/),
    });
    expect(before.child.exitCode).toBe(null);
  });

  test('when the attempts are used up it is refused, and says so', async () => {
    const strangers = await Promise.all([65_040, 65_041, 65_042].map((port) => start('crowd', port)));
    for (const [i, stranger] of strangers.entries()) await seen(65_040 + i, stranger.pid);
    const refusal = allocate('late', 65_040, { maxAttempts: 3 });
    await expect(refusal).rejects.toMatchObject({ code: 'range-exhausted', data: { attempts: 3 } });
    expect((await allocate('late', 65_040, { maxAttempts: 4 })).port).toBe(65_043);
  });
});

describe('instances', () => {
  test('a further instance is given the next port and does not end the first', async () => {
    const first = await allocate('many', 65_050);
    const running = await start('many', first.port);
    await seen(65_050, running.pid);
    const second = await allocate('many', 65_050, { instance: 2 });
    expect(second).toMatchObject({ port: 65_051, wasInUse: true });
    const third = await allocate('many', 65_060, { label: 'admin' });
    expect(third.port).toBe(65_060);
    expect(running.child.exitCode).toBe(null);
  });

  test('a label of the service does not end what another label listens on', async () => {
    const directory = join(bench.directory, 'labelled');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'server.cjs'), SERVICE);
    const environment = { PORT: '65070', PORTOLAN_ENDPOINTS: 'aip/labelled:api=65070/tcp' };
    const running = bench.run(process.execPath, ['server.cjs'], { on: machine, directory, environment });
    await running.says(/listening/);
    await seen(65_070, running.pid);
    expect((await allocate('labelled', 65_070, { label: 'admin' })).port).toBe(65_071);
    expect(await allocate('labelled', 65_070, { label: 'api' })).toMatchObject({
      port: 65_070,
      previousPid: running.pid,
    });
  });

  test('only the process on the host named is ended', async () => {
    const here = await start('everywhere', 65_080);
    const there = await start('everywhere', 65_080, { on: other });
    await Promise.all([seen(65_080, here.pid), seen(65_080, there.pid, 'other')]);
    await expect(allocate('everywhere', 65_080, { host: undefined })).rejects.toThrow(/name the host/);
    expect(await allocate('everywhere', 65_080)).toMatchObject({ port: 65_080, previousPid: here.pid });
    expect(there.child.exitCode).toBe(null);
  });
});

test('what was held before is given back when the takeover fails', async () => {
  const { lease } = await allocate('kept', 65_090);
  const before = await start('kept', 65_090, { foreign: true });
  await seen(65_090, before.pid);
  await expect(allocate('kept', 65_090)).rejects.toMatchObject({ code: 'not-permitted', data: { pid: before.pid } });
  expect(await assignments(65_090)).toMatchObject([{ port: 65_090, lease, endpoint: { service: 'kept' } }]);
});

test('a port that is bound by what shows in no listing is not said to be free', async () => {
  await allocate('blind', 65_092);
  const script =
    "import socket, sys; s = socket.socket(); s.bind(('0.0.0.0', 65092)); print('bound', flush=True); sys.stdin.read()";
  const holder = bench.run('python3', ['-c', script], { on: machine, stdin: 'pipe' });
  await holder.says(/bound/);
  await expect(allocate('blind', 65_092)).rejects.toMatchObject({
    code: 'port-taken',
    message: expect.stringMatching(/bound but does not listen/),
  });
});

test('whoever is bound to a project ends nothing that is known by its command alone', async () => {
  const before = await start('claimed', 65_099);
  await seen(65_099, before.pid);
  const { token } = await client.createToken({ name: 'bound', role: 'client', projects: ['aip'] });
  const bound = connect({ url, token });
  const request: ReserveInput = {
    project: 'aip',
    service: 'claimed',
    preferred: 65_099,
    onTaken: 'takeover',
    host: 'machine',
  };
  const { reservation } = await bound.reserve(request, { renewing: false });
  expect(reservation).toMatchObject({ port: 65_100, wasInUse: true });
  expect(before.child.exitCode).toBe(null);
  bound.close();
});

test('with "next" an earlier process of the service is left alone', async () => {
  const before = await start('spared', 65_095);
  await seen(65_095, before.pid);
  expect((await allocate('spared', 65_095, { onTaken: 'next' })).port).toBe(65_096);
  expect(before.child.exitCode).toBe(null);
});

test('"portolan reserve --on-taken takeover" ends the earlier process', async () => {
  const before = await start('by-hand', 65_097);
  await seen(65_097, before.pid);
  const asked = ['reserve', 'aip/by-hand', '--preferred', '65097', '--on-taken', 'takeover', '--host-name', 'machine'];
  const { stdout, stderr } = await bench.portolan([...asked, '--url', url, '--json']).ended;
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toMatchObject({ port: 65_097, killedProcess: true, previousPid: before.pid });
  expect((await before.ended).code).toBe(null);
});
