import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connect, isProblem, type PortolanClient } from '@portolan/client';
import { bindPort, listenOn, withPort } from '@portolan/client/node';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freePort } from '../support/port.ts';
import { type Coordinator, Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 50 };

let bench: Workbench;
let coordinator: Coordinator;
let client: PortolanClient;
const data = () => ['--data', join(bench.directory, 'fleet.sqlite')];

beforeAll(async () => {
  bench = new Workbench();
  coordinator = await bench.coordinator(data());
  client = connect({ url: coordinator.url, token: bench.token });
});
afterAll(async () => {
  client.close();
  await bench.clear();
});

const of = (service: string) => ({ project: 'sdk', service });
const portsOf = async (service: string) =>
  (await client.assignments({ project: 'sdk', service })).items.map(({ port }) => port);

/** Listens where the registry does not see it: there is no agent. */
async function squatter(port: number) {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  return { server, [Symbol.asyncDispose]: async () => void server.close() };
}

describe('a server that is to listen', () => {
  test('listens on the port that is reserved for it, until it closes', async () => {
    const server = createServer();
    const reserved = await listenOn(server, of('web'), { client, address: '127.0.0.1' });
    expect(server.address()).toMatchObject({ port: reserved.port });
    expect(reserved.lease).not.toBeNull();
    expect(await portsOf('web')).toEqual([reserved.port]);
    server.close();
    await vi.waitFor(async () => expect(await portsOf('web')).toEqual([]), patient);
  });

  test('takes the next port when somebody has bound the one that was promised, and tells of it', async () => {
    const port = await freePort();
    await using _ = await squatter(port);
    const onTaken = vi.fn();
    const server = createServer();
    const request = { ...of('next'), preferred: port };
    await using reserved = await listenOn(server, request, { client, address: '127.0.0.1', onTaken });
    expect(reserved.port).toBeGreaterThan(port);
    expect(onTaken.mock.calls[0]).toEqual([port, expect.objectContaining({ code: 'EADDRINUSE' })]);
    expect(await portsOf('next')).toEqual([reserved.port]);
    server.close();
  });

  test('is refused a port that it must have and somebody has bound, and leaves what it had before', async () => {
    const port = await freePort();
    await using _ = await squatter(port);
    const attempt = bindPort({ ...of('strict'), port }, { client, address: '127.0.0.1' });
    const error = await attempt.catch((thrown: unknown) => thrown);
    if (!isProblem(error, 'port-taken')) throw error;
    expect(error.data.port).toBe(port);
    expect(await portsOf('strict')).toEqual([]);

    await client.reserve({ ...of('planned'), port });
    await expect(bindPort(of('planned'), { client, address: '127.0.0.1' })).rejects.toMatchObject({
      code: 'port-taken',
    });
    expect(await portsOf('planned')).toEqual([port]);
  });

  test('takes an address that cannot be bound for what it is', async () => {
    const attempt = listenOn(createServer(), of('nowhere'), { client, address: '192.0.2.77' });
    await expect(attempt).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
    expect(await portsOf('nowhere')).toEqual([]);
  });
});

test('a block with a port has it until it ends, also by an error; what was planned stays', async () => {
  const seen = await withPort(of('test'), async (port) => [port, ...(await portsOf('test'))], { client });
  expect(seen[0]).toBe(seen[1]);
  const failing = withPort(of('test'), () => Promise.reject(new Error('failed')), { client });
  await expect(failing).rejects.toThrow('failed');
  expect(await portsOf('test')).toEqual([]);

  const { port } = await client.reserve(of('permanent'));
  await withPort(of('permanent'), (same) => expect(same).toBe(port), { client });
  expect(await portsOf('permanent')).toEqual([port]);
});

test('a refusal brings along what can be had instead', async () => {
  const { port } = await client.reserve({ ...of('owner'), range: '43000-43099' });
  const error = await client.reserve({ ...of('other'), port }).catch((thrown: unknown) => thrown);
  if (!isProblem(error, 'port-taken')) throw error;
  const [suggestion] = error.data.suggestions ?? [];
  expect((await client.reserve({ ...of('other'), port: suggestion })).port).toBe(suggestion);
  expect(isProblem(error, 'range-exhausted', 'port-blocked')).toBe(false);
});

describe('a program that ends', () => {
  const ways: [string, string, NodeJS.Signals | undefined][] = [
    ['by process.exit', 'process.exit(3)', undefined],
    ['by an error', 'setTimeout(() => { throw new Error("unforeseen") })', undefined],
    ['because nothing is left to do', '', undefined],
    ['by SIGTERM', 'setInterval(() => {}, 1000)', 'SIGTERM'],
    ['by Ctrl-C', 'setInterval(() => {}, 1000)', 'SIGINT'],
  ];
  test.each(ways)('%s gives its port back', async (way, rest, signal) => {
    const service = way.replace(/\W/g, '-');
    const script = join(bench.directory, `${service}.mjs`);
    const module = JSON.stringify(import.meta.resolve('@portolan/client/node'));
    writeFileSync(
      script,
      `import { bindPort } from ${module};
       const { port } = await bindPort({ project: 'sdk', service: '${service}', ttl: 3600 });
       console.log('has ' + port); ${rest}`,
    );
    const environment = { PORTOLAN_URL: coordinator.url, PORTOLAN_TOKEN: bench.token };
    const program = bench.run(process.execPath, ['--no-warnings', script], { environment });
    const [, port] = await program.says(/has (\d+)/);
    if (signal) {
      expect(await portsOf(service)).toEqual([Number(port)]);
      program.child.kill(signal);
    }
    await program.ended;
    if (signal) expect(program.child.signalCode).toBe(signal);
    await vi.waitFor(async () => expect(await portsOf(service)).toEqual([]), patient);
  });
});

test('a lease goes on when its coordinator is killed and started again, and who lost it is told', async () => {
  const ttl = 5;
  const events: string[] = [];
  const onRenewal = ({ outcome }: { outcome: string }) => events.push(outcome);
  await using reserved = await client.reserve({ ...of('tough'), ttl }, { onRenewal });
  const { port } = new URL(coordinator.url);
  await coordinator.program.end('SIGKILL');
  await vi.waitFor(() => expect(reserved.state).toBe('late'), patient);
  coordinator = await bench.coordinator([...data(), '--port', port]);
  await vi.waitFor(() => expect(reserved.state).toBe('held'), patient);
  expect(events.at(-1)).toMatch(/renewed|reasserted/);

  await client.release({ project: 'sdk', service: 'tough' });
  await client.reserve({ ...of('rival'), port: reserved.port });
  expect((await reserved.lost).code).toBe('assignment-lost');
  expect(reserved.state).toBe('lost');
});
