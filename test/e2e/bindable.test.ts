import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fromEnvironment } from '@portolan/client/node';
import type { PortReport, Reservation } from '@portolan/model';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createHosts, type Hosts, hostsUnavailable } from '../support/netns.ts';
import type { Program } from '../support/program.ts';
import { type Coordinator, Workbench } from '../support/workbench.ts';

interface Free {
  readonly ports: number[];
  readonly probed: boolean;
  readonly notes: { kind: string; ports: number[] }[];
}

describe('beside an agent, without being told a host', () => {
  let bench: Workbench;
  let coordinator: Coordinator;
  let agent: Program;

  beforeAll(async () => {
    bench = new Workbench();
    coordinator = await bench.coordinator(['--data', join(bench.directory, 'fleet.sqlite')]);
    const own = { environment: { PORTOLAN_STATE_DIR: join(bench.directory, 'state') } };
    agent = await bench.agent(coordinator.url, 'harbour', [], own);
    vi.stubEnv('PORTOLAN_STATE_DIR', join(bench.directory, 'state'));
    vi.stubEnv('PORTOLAN_URL', coordinator.url);
    vi.stubEnv('PORTOLAN_TOKEN', bench.token);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await bench.clear();
  });

  const portolan = (...args: string[]) =>
    bench.portolan(args, { environment: { PORTOLAN_URL: coordinator.url } }).ended;
  const json = async <T>(...args: string[]): Promise<T> => JSON.parse((await portolan(...args, '--json')).stdout);

  test('the command is not given the local end of a connection, and is told in words', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(client, 'connect');
    const held = client.localPort!;
    const given = await json<Reservation>('reserve', 'shop/next', '--preferred', String(held));
    expect(given).toMatchObject({ probed: true, obstacle: { port: held, reason: 'unbindable' } });
    expect(given.port).not.toBe(held);
    // Where it was tested is not where it has to run.
    expect(given.assignments[0]?.host).toBeUndefined();
    const refused = await portolan('reserve', 'shop/exact', '--port', String(held));
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain(`port ${held} cannot be bound on harbour: another socket there has it`);
    client.destroy();
    server.close();
  });

  test('neither is a client by the environment given a socket of UDP that shows in no TCP listing', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    await using client = await fromEnvironment();
    await using given = await client.reserve({
      project: 'shop',
      service: 'voice',
      protocol: 'udp',
      preferred: port,
      ttl: 60,
    });
    expect(given.port).not.toBe(port);
    expect(given.reservation.probed).toBe(true);
    socket.close();
  });

  test('a look for free ports leaves out what cannot be bound', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(client, 'connect');
    const held = client.localPort!;
    const range = `${held}-${Math.min(held + 20, 65_535)}`;
    const { ports, probed } = await json<Free>('free', '--range', range, '--count', '3');
    expect(probed).toBe(true);
    expect(ports.length).toBeGreaterThan(0);
    expect(ports).not.toContain(held);
    client.destroy();
    server.close();
  });

  test('an agent that is frozen delays the answer by little, which tells that nothing was tested', async () => {
    agent.child.kill('SIGSTOP');
    try {
      await using client = await fromEnvironment();
      const since = performance.now();
      await using given = await client.reserve({ project: 'shop', service: 'frozen', ttl: 60 });
      expect(performance.now() - since).toBeLessThan(10_000);
      expect(given.reservation).toMatchObject({ probed: false, notes: [{ kind: 'untested', host: 'harbour' }] });
    } finally {
      agent.child.kill('SIGCONT');
    }
  });
});

test('without an agent nothing fails, and nothing is said to be tested', async () => {
  const bench = new Workbench();
  try {
    const { url } = await bench.coordinator(['--data', join(bench.directory, 'fleet.sqlite')]);
    const environment = { PORTOLAN_URL: url };
    const { code, stdout, stderr } = await bench.portolan(['reserve', 'shop/cart', '--json'], { environment }).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({ probed: false, notes: [] });
  } finally {
    await bench.clear();
  }
});

describe.skipIf(hostsUnavailable())('by the kernel of a host', () => {
  let hosts: Hosts;
  let bench: Workbench;
  let environment: Record<string, string>;

  beforeAll(async () => {
    hosts = await createHosts(1);
    bench = new Workbench();
    const on = hosts.hosts[0]!;
    const sysctl = on.exec('sysctl', ['-w', 'net.ipv4.ip_local_reserved_ports=42000,42010-42019']);
    await once(sysctl, 'exit');
    const { url } = await bench.coordinator(['--data', join(bench.directory, 'fleet.sqlite')], { on });
    environment = { PORTOLAN_URL: url };
    await bench.agent(url, 'harbour', [], { on, environment: { PORTOLAN_STATE_DIR: join(bench.directory, 'state') } });
  });
  afterAll(async () => {
    await bench?.clear();
    await hosts?.cleanup();
  });

  const portolan = (...args: string[]) => bench.portolan(args, { on: hosts.hosts[0]!, environment }).ended;
  const json = async <T>(...args: string[]): Promise<T> => JSON.parse((await portolan(...args, '--json')).stdout);

  test('what is reserved is given to nobody who does not name it, and is told to whoever does', async () => {
    const free = await json<Free>('free', '--range', '42000-42003', '--count', '10');
    expect(free.ports).toEqual([42001, 42002, 42003]);
    const found = await json<Reservation>('reserve', 'shop/found', '--range', '42000-42001', '--lowest');
    expect(found).toMatchObject({ port: 42001, probed: true });
    const named = await json<Reservation>('reserve', 'shop/named', '--port', '42000');
    expect(named).toMatchObject({ port: 42000, probed: true, notes: [{ kind: 'kernel-reserved' }] });
  });

  test('a port of its ephemeral range says so once, by every command that gives or shows it', async () => {
    const said = /portolan: \d[\d, -]* lies? in the ephemeral range of harbour \(32768-60999\)/g;
    for (const args of [
      ['reserve', 'shop/deep', '--port', '43000'],
      ['free', '--range', '43010-43019'],
      ['who', '43000'],
    ]) {
      const { stderr } = await portolan(...args);
      expect(stderr.match(said)).toHaveLength(1);
    }
    expect((await json<PortReport>('who', '43000')).notes).toMatchObject([{ kind: 'ephemeral', ports: [43000] }]);
    expect((await portolan('reserve', 'shop/shallow')).stderr).toBe('');
  });
});
