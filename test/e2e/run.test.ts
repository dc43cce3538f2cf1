import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type PortolanClient } from '@portolan/client';
import type { AssignmentView, PortReport } from '@portolan/model';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { isThere } from '../support/is-there.ts';
import { freePort } from '../support/port.ts';
import { PORTOLAN, Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 100 };
/** The shortest lease there is, seconds. */
const TTL = 5;

/** Listens on PORT, and says so with its pid and lease. */
const LISTENS = `
require('node:net').createServer().listen(Number(process.env.PORT), '127.0.0.1', () => {
  console.log('listening ' + process.pid + ' on ' + process.env.PORT + ' by ' + process.env.PORTOLAN_LEASE);
});
`;

let bench: Workbench;
let client: PortolanClient;
let environment: Record<string, string>;
/** What commands left behind, which no process of the test knows as its child. */
const strays = new Set<number>();

beforeAll(async () => {
  bench = new Workbench();
  const { url } = await bench.coordinator(['--data', join(bench.directory, 'fleet.sqlite')]);
  environment = { PORTOLAN_URL: url };
  client = connect({ url, token: bench.token });
  writeFileSync(join(bench.directory, 'listens.cjs'), LISTENS);
  // It keeps its id in the state directory that the commands look into.
  const agent = bench.portolan(['agent', '--url', url, '--log-level', 'warn', '--json']);
  await agent.says(/\{"ready":true.*\}/);
});
afterAll(async () => {
  for (const pid of strays) end(pid);
  await bench.clear();
});

const run = (args: string[], more: Record<string, string> = {}, directory?: string) =>
  bench.portolan(['run', ...args], { environment: { ...environment, ...more }, ...(directory && { directory }) });
const node = (script: string) => [process.execPath, join(bench.directory, script)];
const report = (port: number): Promise<PortReport> => client.port(port);
const assignment = async (port: number): Promise<AssignmentView | undefined> => (await report(port)).assignments[0];

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {}
  strays.delete(pid);
}

async function listening(program: ReturnType<typeof run>) {
  const [, pid, port, lease] = await program.says(/listening (\d+) on (\d+) by (\S+)/);
  strays.add(Number(pid));
  return { pid: Number(pid), port: Number(port), lease: lease as string };
}

describe('the lease of a command', () => {
  test('ends at once when the command is killed', async () => {
    const program = run(['shop/killed', '--', ...node('listens.cjs')]);
    const { pid, port } = await listening(program);
    expect(await assignment(port)).toMatchObject({ endpoint: { service: 'killed' } });
    end(pid);
    expect((await program.ended).code).toBe(137);
    expect(await assignment(port)).toBeUndefined();
  });

  test('names this host by the id of its agent', async () => {
    const program = run(['shop/placed', '--', ...node('listens.cjs')]);
    const { port } = await listening(program);
    const { items } = await client.hosts();
    expect(await assignment(port)).toMatchObject({ host: items[0]?.id });
    await program.end('SIGTERM');
  });

  test('goes on while the command that went into the background listens, and ends soon after that', async () => {
    const script = `"${process.execPath}" "${join(bench.directory, 'listens.cjs')}" & sleep 0.2`;
    const program = run(['shop/daemon', '--ttl', `${TTL}s`, '--', 'sh', '-c', script]);
    const { pid, port, lease } = await listening(program);
    // The daemon has its outputs, so only its exit tells that the command has ended.
    await vi.waitFor(() => expect(program.child.exitCode).toBe(0), patient);
    expect(program.stderr).toMatch(new RegExp(`pid ${pid} .*listens on ${port}.*keeps the lease`));

    const since = performance.now();
    await vi.waitFor(async () => expect(await assignment(port)).toMatchObject({ state: 'bound' }), patient);
    while (performance.now() - since < 3 * TTL * 1000) {
      expect(await assignment(port)).toMatchObject({ lease: { id: lease }, unattended: 'handed-over' });
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    end(pid);
    await vi.waitFor(async () => expect(await assignment(port)).toBeUndefined(), patient);
  });

  test('outlives the kill of run itself while the command listens, told as orphaned', async () => {
    const program = run(['shop/orphan', '--ttl', `${TTL}s`, '--', ...node('listens.cjs')]);
    const { pid, port, lease } = await listening(program);
    program.child.kill('SIGKILL');
    await vi.waitFor(
      async () => expect(await assignment(port)).toMatchObject({ lease: { id: lease }, unattended: 'orphaned' }),
      patient,
    );

    // Who asks for it again looks after it again.
    const again = run(['shop/orphan', '--again', '--', 'sleep', '600']);
    await vi.waitFor(async () => expect(await assignment(port)).not.toHaveProperty('unattended'), patient);
    again.child.kill('SIGKILL');
    end(pid);
    await vi.waitFor(async () => expect(await assignment(port)).toBeUndefined(), patient);
  });

  test('is released at once when what was left behind does not have it', async () => {
    const program = run(['shop/clean', '--', 'sh', '-c', 'env -i sleep 5 & echo port $PORT']);
    const [, port] = await program.says(/port (\d+)/);
    await vi.waitFor(() => expect(program.child.exitCode).toBe(0), patient);
    expect(await assignment(Number(port))).toBeUndefined();
    await program.ended;
  });
});

describe('a PORT of the surroundings', () => {
  function directory(name: string, files: Record<string, string>): string {
    const path = join(bench.directory, name);
    mkdirSync(path);
    for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
    return path;
  }
  const print = ['--', process.execPath, '-p', '"port " + process.env.PORT'];
  const given = async (program: ReturnType<typeof run>) => (await program.ended).stdout.trim();

  test('is reserved and given: the environment before .env.local, an option before both', async () => {
    const [wanted, local, first] = [await freePort(), await freePort(), await freePort()];
    const path = directory('overridden', { '.env.local': `PORT=${local}\n`, '.env': 'PORT=1\n' });
    expect(await given(run(['shop/a', ...print], {}, path))).toBe(`port ${local}`);
    expect(await given(run(['shop/a', ...print], { PORT: String(wanted) }, path))).toBe(`port ${wanted}`);
    expect(await given(run(['shop/a', '--port', String(first), ...print], { PORT: '1' }, path))).toBe(`port ${first}`);
    expect(await given(run(['shop/a', '--no-env', ...print], { PORT: '1' }, path))).toMatch(/^port \d{4,}$/);
  });

  test('is refused when another service owns it, with the place where it stands', async () => {
    const port = await freePort();
    await client.reserve({ project: 'shop', service: 'owner', port });
    const { code, stderr } = await run(['shop/b', ...print], {}, directory('refused', { '.env': `PORT=${port}\n` }))
      .ended;
    expect(code).toBe(4);
    expect(stderr).toMatch(new RegExp(`PORT in \\.env asks for ${port}.*shop/owner`));
  });

  test('twice, with two ports, makes two instances of one service', async () => {
    const ports = [await freePort(), await freePort()];
    const programs = [];
    for (const port of ports) {
      const program = run(['shop/figma', '--', ...node('listens.cjs')], { PORT: String(port) });
      expect((await listening(program)).port).toBe(port);
      programs.push(program);
    }
    const instances = await Promise.all(ports.map(async (port) => (await assignment(port))?.endpoint.instance));
    expect(instances).toEqual([1, 2]);
    for (const program of programs) await program.end('SIGTERM');
  });
});

test('a tool that does not look at PORT gets its flag, which is told; --no-flag leaves it out', async () => {
  const vite = join(bench.directory, 'vite');
  writeFileSync(vite, '#!/bin/sh\necho "called with [$*] and $PORT"\n', { mode: 0o755 });
  const flagged = await run(['shop/flagged', '--', vite]).ended;
  const [, args, port] = /called with \[(.*)\] and (\d+)/.exec(flagged.stdout) ?? [];
  expect(args).toBe(`--port ${port} --strictPort`);
  expect(flagged.stderr).toContain(`Vite does not look at PORT, so "--port ${port} --strictPort" is added`);
  expect((await run(['shop/flagged', '--no-flag', '--', vite]).ended).stdout).toContain('called with []');
  expect((await run(['shop/flagged', '--', vite, '-p={port}']).ended).stdout).toMatch(/\[-p=(\d+)\] and \1/);
});

describe('a service that runs already', () => {
  test('is not started once more in the same working copy: it says who runs, and how to go on', async () => {
    const first = run(['shop/twice', '--', ...node('listens.cjs')]);
    const { pid, port, lease } = await listening(first);
    const { code, stderr } = await run(['shop/twice', '--', ...node('listens.cjs')]).ended;
    expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringContaining('shop/twice runs already') });
    expect(stderr).toMatch(
      new RegExp(`pid ${pid} .*listens on tcp port ${port}.*portolan kill ${port}.*--instance 2`, 's'),
    );
    expect(await assignment(port)).toMatchObject({ lease: { id: lease } });

    const beside = run(['shop/twice', '--instance', '2', '--', ...node('listens.cjs')]);
    expect((await listening(beside)).port).not.toBe(port);
    const again = await run(['shop/twice', '--again', '--', process.execPath, '-p', 'process.env.PORT']).ended;
    expect(again).toMatchObject({ code: 0, stdout: `${port}\n` });
    await beside.end();
    await first.end();
    expect(await assignment(port)).toBeUndefined();
  });

  test('is known by its process before that listens, and by its port when its reservation is permanent', async () => {
    const silent = run(['shop/silent', '--', 'sh', '-c', 'echo up; exec sleep 600']);
    await silent.says(/up/);
    const second = await run(['shop/silent', '--', 'true']).ended;
    expect(second).toMatchObject({ code: 4, stderr: expect.stringMatching(/runs already.*pid \d+ was started with/s) });
    await silent.end();

    await client.reserve({ project: 'shop', service: 'lasting' });
    const lasting = run(['shop/lasting', '--', ...node('listens.cjs')]);
    const { pid } = await listening(lasting);
    const other = await run(['shop/lasting', '--', 'true']).ended;
    expect(other).toMatchObject({ code: 4, stderr: expect.stringContaining(`pid ${pid} `) });
    await lasting.end();
  });

  test('is started once by several that begin at the same time', async () => {
    const programs = Array.from({ length: 4 }, () => run(['shop/at-once', '--', ...node('listens.cjs')]));
    const first = await Promise.any(programs.map((program) => program.says(/listening/).then(() => program)));
    const others = await Promise.all(programs.filter((each) => each !== first).map(({ ended }) => ended));
    for (const { code, stderr } of others) {
      expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringContaining('shop/at-once runs already') });
    }
    await first.end();
    expect((await client.assignments({ project: 'shop', service: 'at-once' })).items).toEqual([]);
  });

  test('may run commands of its own, which are within it', async () => {
    const nested = [process.execPath, PORTOLAN, 'run', 'shop/nested', '--', process.execPath, '-p', 'process.env.PORT'];
    const { code, stdout, stderr } = await run(['shop/nested', '--', ...nested]).ended;
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\n$/), stderr: '' });
  });

  test('is another thing than a stranger on its port, who is named', async () => {
    const port = await freePort();
    await client.reserve({ project: 'shop', service: 'squatted', port });
    const stranger = bench.run(process.execPath, [join(bench.directory, 'listens.cjs')], {
      environment: { PORT: String(port) },
    });
    await stranger.says(/listening/);
    const { code, stderr } = await run(['shop/squatted', '--', 'true']).ended;
    expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringContaining(`pid ${stranger.pid} `) });
    expect(stderr).not.toContain('runs already');
    await stranger.end('SIGKILL');
  });
});

describe('when it is told to stop', () => {
  /** As npm does: what it runs is not told. */
  const leaves = ['sh', '-c', `"${process.execPath}" "$0/listens.cjs" & trap 'exit 0' TERM; wait`];

  test('it ends what its command leaves behind, too', async () => {
    const program = run(['shop/stopped', '--', ...leaves, bench.directory]);
    const { pid, port } = await listening(program);
    expect(await program.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' });
    expect(isThere(pid)).toBe(false);
    expect(await assignment(port)).toBeUndefined();
  });

  test('it leaves that alone with --leave', async () => {
    const program = run(['shop/leaving', '--leave', '--', ...leaves, bench.directory]);
    const { pid, port } = await listening(program);
    program.child.kill('SIGTERM');
    await vi.waitFor(() => expect(program.child.exitCode).toBe(0), patient);
    expect(isThere(pid)).toBe(true);
    expect(await assignment(port)).toMatchObject({ unattended: 'handed-over' });
    end(pid);
  });

  test('a command that does not care ends at the second signal, and one that holds out at the third', async () => {
    const stubborn = (signals: string) => [
      'sh',
      '-c',
      `trap '' ${signals}; "${process.execPath}" "$0/listens.cjs" & while :; do wait; done`,
      bench.directory,
    ];
    for (const [signals, times, code] of [
      ['INT', 2, 143],
      ['INT TERM', 3, 137],
    ] as const) {
      const program = run([`shop/holds-${times}`, '--', ...stubborn(signals)]);
      const { pid } = await listening(program);
      for (let time = 1; time <= times; time++) {
        program.child.kill('SIGINT');
        if (time < times) await new Promise((resolve) => setTimeout(resolve, 1_000));
        if (time < times) expect(program.child.exitCode).toBeNull();
      }
      expect((await program.ended).code).toBe(code);
      expect(isThere(pid)).toBe(false);
    }
  });
});

test('a release is told to be undone while "portolan run" lives', async () => {
  const program = run(['shop/undone', '--', ...node('listens.cjs')]);
  const { pid, port } = await listening(program);
  await vi.waitFor(async () => expect(await assignment(port)).toMatchObject({ state: 'bound' }), patient);
  const { code, stdout, stderr } = await bench.portolan(['release', 'shop/undone'], { environment }).ended;
  expect({ code, stdout }).toEqual({ code: 0, stdout: `tcp ${port} released (was shop/undone:default)\n` });
  expect(stderr).toMatch(
    new RegExp(`pid ${pid} .*still listens on ${port}.*takes the port back.*portolan kill ${port}`),
  );
  await program.end();
});
