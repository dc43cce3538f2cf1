import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, type PortolanClient } from '@portolan/client';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { isThere } from '../support/is-there.ts';
import { createHosts, type Hosts, hostsUnavailable, type TestHost } from '../support/netns.ts';
import type { Program } from '../support/program.ts';
import { asNobody, usersUnavailable } from '../support/user.ts';
import { Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 50 };

const PORTOLAN = fileURLToPath(new URL('../../packages/cli/bin/portolan.js', import.meta.url));

const unavailable = hostsUnavailable() ?? usersUnavailable();
beforeEach((context) => context.skip(unavailable !== undefined, unavailable));

let bench: Workbench;
let hosts: Hosts;
let [machine, anyone, nobody, twins] = [] as unknown as [TestHost, TestHost, TestHost, TestHost];
let url: string;
let client: PortolanClient;

beforeAll(async () => {
  if (unavailable !== undefined) return;
  bench = new Workbench();
  // Another user has to find what it runs.
  chmodSync(bench.directory, 0o711);
  hosts = await createHosts(4);
  [machine, anyone, nobody, twins] = hosts.hosts as [TestHost, TestHost, TestHost, TestHost];
  ({ url } = await bench.coordinator(['--host', hosts.gateway, '--insecure-bind']));
  client = connect({ url, token: bench.token });
  // They share the process ids of the machine: each would see the sockets of all.
  const alone = ['--no-all-namespaces'];
  await Promise.all([
    bench.agent(url, 'machine', alone, { on: machine }),
    bench.agent(url, 'anyone', [...alone, '--allow-kill', 'any'], { on: anyone }),
    bench.agent(url, 'nobody', [...alone, '--allow-kill', 'none'], { on: nobody }),
  ]);
});

afterAll(async () => {
  client?.close();
  await bench?.clear();
  await hosts?.cleanup();
});

const portolan = (...args: string[]) => {
  const environment = { PORTOLAN_URL: url, PORTOLAN_PROJECT: 'shop' };
  return bench.portolan(args, { environment }).ended;
};

/** A service of the project shop: the environment says so. */
async function start(name: string, port: number, on: TestHost, { foreign = false, script = LISTENS, lease = '' } = {}) {
  const directory = join(bench.directory, name);
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  writeFileSync(join(directory, 'server.cjs'), script);
  const environment = {
    PORT: String(port),
    PORTOLAN_ENDPOINTS: `shop/${name}:default=${port}/tcp`,
    ...(lease && { PORTOLAN_LEASE: lease }),
  };
  const host = foreign ? asNobody(on) : on;
  const program = bench.run(process.execPath, ['server.cjs'], { on: host, directory, environment });
  await program.says(/listening/);
  await seen(port, program.pid);
  return program;
}

const LISTENS = `require('node:net').createServer().listen(Number(process.env.PORT), () => console.log('listening'));`;

async function seen(port: number, pid: number): Promise<void> {
  await vi.waitFor(async () => {
    const { items } = await client.listeners({ port });
    expect(items.map(({ process }) => process?.pid)).toContain(pid);
  }, patient);
}

const lives = ({ child }: Program) => child.exitCode === null && child.signalCode === null;

describe('portolan kill', () => {
  test('shows what it would end, and ends nothing, with --dry-run', async () => {
    const program = await start('shown', 3000, machine);
    const { code, stdout, stderr } = await portolan('kill', '3000', '--dry-run');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/Would end:\nshop\/shown on machine, tcp \[::\] port 3000, seen since /);
    expect(stdout).toContain(`pid ${program.pid}, user root: `);
    expect(stdout).toContain('server.cjs');
    expect(lives(program)).toBe(true);
  });

  test('ends a process of the own project, and the port is free when it says so', async () => {
    const program = await start('own', 3001, machine);
    const { code, stdout } = await portolan('kill', '3001');
    expect(code).toBe(0);
    expect(stdout).toContain(`pid ${program.pid} ended in its own way (SIGTERM); port 3001 is free`);
    expect(lives(await start('own', 3001, machine))).toBe(true);
  });

  test("leaves another project's alone unless it is forced, and that is confirmed", async () => {
    const program = await start('theirs', 3002, machine);
    const environment = { PORTOLAN_URL: url, PORTOLAN_PROJECT: 'bank' };
    const kill = (...args: string[]) => bench.portolan(['kill', '3002', ...args], { environment }).ended;

    const refused = await kill();
    expect(refused.code).toBe(4);
    expect(refused.stderr).toMatch(/is used by shop\/theirs, not one of project bank.*--force/);
    const unasked = await kill('--force');
    expect(unasked.code).toBe(4);
    expect(unasked.stderr).toMatch(/nobody to ask. Add --yes/);
    expect((await kill('--service', 'bank/theirs')).code).toBe(4);
    expect(lives(program)).toBe(true);

    expect((await kill('--force', '--yes', '--json')).stdout).toContain(`"pid":${program.pid},"outcome":"ended"`);
    await program.ended;
  });

  test('forced, at a terminal, does what is answered', async () => {
    const program = await start('asked', 3005, machine);
    const environment = { PORTOLAN_URL: url, PORTOLAN_TOKEN: bench.token };
    const kill = async (answer: string) => {
      const command = [process.execPath, PORTOLAN, 'kill', '3005', '--force'].join(' ');
      const terminal = bench.run('script', ['-qec', command, '/dev/null'], { environment, stdin: 'pipe' });
      await terminal.says(/End this process\? \[y\/N\]/);
      terminal.child.stdin?.write(`${answer}\n`);
      return terminal.ended;
    };
    expect(await kill('n')).toMatchObject({ code: 4, stdout: expect.stringMatching(/the answer was no/) });
    expect(lives(program)).toBe(true);
    expect(await kill('y')).toMatchObject({ code: 0, stdout: expect.stringContaining(`pid ${program.pid} ended`) });
  });

  test('the service that is named is ended, whatever the own project is', async () => {
    const program = await start('named', 3003, machine);
    const environment = { PORTOLAN_URL: url, PORTOLAN_PROJECT: 'bank' };
    const { code } = await bench.portolan(['kill', '3003', '--service', 'shop/named'], { environment }).ended;
    expect(code).toBe(0);
    await program.ended;
  });

  test('a port that nobody listens on is told, with a code of its own', async () => {
    expect(await portolan('kill', '3999')).toMatchObject({ code: 3, stderr: expect.stringMatching(/Nobody listens/) });
  });

  test('where several hosts have a listener, one has to be named', async () => {
    const [here, there] = [await start('both', 3004, machine), await start('both', 3004, anyone)];
    const { code, stderr } = await portolan('kill', '3004');
    expect(code).toBe(2);
    expect(stderr).toMatch(/machine.*anyone|anyone.*machine/);
    expect((await portolan('kill', '3004', '--host', 'anyone')).code).toBe(0);
    await there.ended;
    expect(lives(here)).toBe(true);
  });
});

describe('an agent', () => {
  test('ends only what its own user runs, unless it was started to end anything', async () => {
    const kept = await start('foreign', 3010, machine, { foreign: true });
    const { code, stderr } = await portolan('kill', '3010', '--force', '--yes');
    expect(code).toBe(4);
    expect(stderr).toMatch(/belongs to nobody \(uid \d+\), and the agent of this host runs as root \(uid 0\)/);
    expect(lives(kept)).toBe(true);

    const ended = await start('foreign', 3011, anyone, { foreign: true });
    expect((await portolan('kill', '3011')).code).toBe(0);
    await ended.ended;
  });

  test('that was started to end nothing says so', async () => {
    const program = await start('safe', 3012, nobody);
    const { code, stderr } = await portolan('kill', '3012', '--force', '--yes');
    expect({ code, stderr }).toEqual({ code: 4, stderr: expect.stringMatching(/--allow-kill none/) });
    expect(lives(program)).toBe(true);
  });

  test('ends a coordinator only when forced', async () => {
    const coordinator = bench.portolan(['server', '--port', '3013', '--data', join(bench.directory, 'second.sqlite')], {
      on: machine,
    });
    await vi.waitFor(async () => expect((await client.listeners({ port: 3013 })).items).toHaveLength(1), patient);
    const [listener] = (await client.listeners({ port: 3013 })).items;
    const request = { host: 'machine', port: 3013, service: listener?.identity?.service as string };
    await expect(client.endListener(request)).rejects.toMatchObject({
      code: 'protected',
      message: expect.stringMatching(/"portolan server"/),
    });
    await client.endListener({ ...request, force: true });
    await coordinator.ended;
  });

  test('waits for what it ends, kills what does not end, and leaves nobody who inherited the socket', async () => {
    const script = `
      const { spawn } = require('node:child_process');
      process.on('SIGTERM', () => {});
      const server = require('node:net').createServer().listen(Number(process.env.PORT), () => {
        const child = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("listening " + process.pid)';
        spawn(process.execPath, ['-e', child], { stdio: ['ignore', 'inherit', 'inherit', server._handle], cwd: process.cwd() });
      });
    `;
    const program = await start('family', 3014, machine, { script });
    const heir = Number(/listening (\d+)/.exec(program.stdout)?.[1]);
    const { endings } = await client.endListener({ host: 'machine', port: 3014, project: 'shop', grace: 0.3 });
    expect(endings).toEqual([
      { pid: program.pid, outcome: 'ended', signal: 'SIGKILL' },
      { pid: heir, outcome: 'ended', signal: 'SIGKILL' },
    ]);
    await start('family', 3014, machine);
  });

  test('tells when the port was taken again at once', async () => {
    const script = `
      const { spawn } = require('node:child_process');
      const listen = "require('node:net').createServer().listen({ port: Number(process.env.PORT), reusePort: true }, ";
      const next = listen + "() => process.send('bound'))";
      process.on('SIGTERM', () => {
        const stdio = ['ignore', 'inherit', 'inherit', 'ipc'];
        spawn(process.execPath, ['-e', next], { stdio, detached: true }).on('message', () => process.exit());
      });
      eval(listen + "() => console.log('listening'))");
    `;
    const program = await start('restarted', 3015, machine, { script });
    const refusal = client.endListener({ host: 'machine', port: 3015, project: 'shop', grace: 30 });
    await expect(refusal).rejects.toMatchObject({ code: 'still-bound', data: { endings: [{ pid: program.pid }] } });
  });

  test('that is gone cannot be asked', async () => {
    const agent = await bench.agent(url, 'leaving', ['--no-all-namespaces'], { on: twins });
    const program = await start('alone', 3016, twins);
    agent.child.kill('SIGSTOP');
    const refusal = client.endListener({ host: 'leaving', port: 3016, project: 'shop', dryRun: true });
    await expect(refusal).rejects.toMatchObject({ code: 'no-agent', message: expect.stringMatching(/did not answer/) });
    agent.child.kill('SIGCONT');
    await agent.end();
    await program.end('SIGKILL');
  });
});

describe('orphans', () => {
  /** A command under `portolan run` on the first host. */
  async function running(name: string, port: number) {
    const script = join(bench.directory, `${name}.cjs`);
    writeFileSync(script, LISTENS);
    const args = ['run', `shop/${name}`, '--url', url, '--port', String(port), '--host-name', 'machine'];
    const wrapper = bench.portolan([...args, '--', process.execPath, script], { on: machine });
    await wrapper.says(/listening/);
    const pid = await vi.waitFor(async () => {
      const { items } = await client.listeners({ port });
      expect(items).toMatchObject([{ process: { user: 'root' }, identity: { holder: 'alive' } }]);
      return items[0]!.process!.pid;
    }, patient);
    return { wrapper, pid };
  }
  const orphans = async () => (await client.orphans({ consistent: true })).items.map(({ process: each }) => each?.pid);

  test('are what "portolan run" left behind when it was killed, from that moment on, and ended once that is confirmed', async () => {
    const { wrapper, pid } = await running('left', 3025);
    expect(await orphans()).toEqual([]);
    // Its command has its pipes yet, so they do not end with it.
    const exited = once(wrapper.child, 'exit');
    wrapper.child.kill('SIGKILL');
    await exited;
    // Long before its lease of 60 s is over.
    await vi.waitFor(async () => expect(await orphans()).toEqual([pid]), { timeout: 20_000, interval: 50 });

    const shown = await portolan('prune', '--dry-run');
    expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining(`pid ${pid}, user root`) });
    expect((await portolan('prune')).code).toBe(4);
    expect(isThere(pid)).toBe(true);
    expect((await portolan('prune', '--yes')).stdout).toContain(`pid ${pid} ended`);
    await vi.waitFor(async () => expect((await portolan('prune')).stdout).toBe('There are no orphans.\n'), patient);
    await client.release({ project: 'shop', service: 'left' });
  });

  test('are nobody whose "portolan run" lives, whatever became of the lease', async () => {
    const { wrapper, pid } = await running('kept', 3026);
    const isKept = async () => {
      expect(await orphans()).toEqual([]);
      expect((await portolan('prune', '--yes')).stdout).toBe('There are no orphans.\n');
      const refusal = client.endListener({ host: 'machine', port: 3026, orphan: true });
      await expect(refusal).rejects.toMatchObject({ code: 'other-service' });
    };
    await client.release({ project: 'shop', service: 'kept' });
    await isKept();
    // As "portolan apply" does with what is planned.
    await client.reserve({ project: 'shop', service: 'kept', port: 3026 });
    await isKept();
    await client.release({ project: 'shop', service: 'kept' });
    await isKept();
    const { code, stderr } = await wrapper.end('SIGTERM');
    expect({ code, stderr }).toEqual({ code: 143, stderr: '' });
    expect(isThere(pid)).toBe(false);
  });

  test('are nobody of whose holder nothing is known', async () => {
    const { lease, release } = await client.reserve({ project: 'shop', service: 'bare', port: 3020, ttl: 60 });
    const bare = await start('bare', 3020, machine, { lease: lease?.id as string });
    await release();
    expect(await orphans()).toEqual([]);
    expect((await portolan('prune', '--yes')).stdout).toBe('There are no orphans.\n');
    expect(lives(bare)).toBe(true);
  });
});

describe('a pid that was given to another process', () => {
  /** As pid 1 of a pid namespace it can choose the next pid, and passes one socket on, so that only the start time differs. */
  const TWINS = `
import os, signal, socket, sys, time
port, stubborn = int(sys.argv[1]), len(sys.argv) > 2
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
listening = socket.create_server(('0.0.0.0', port))
# In flight between the two ends, the socket is in nobody's hands.
give, take = socket.socketpair()
for _ in range(20): socket.send_fds(give, [b'x'], [listening.fileno()])
listening.close()

def twin():
    pid = os.fork()
    if pid == 0:
        if stubborn: signal.signal(signal.SIGTERM, lambda *_: print('asked to end', flush=True))
        socket.recv_fds(take, 1, 1)
        give.close(); take.close()
        while True: time.sleep(3600)
    return pid

first = twin()
time.sleep(0.1)
print('first', first, flush=True)
for line in sys.stdin:
    if line.startswith('replace'):
        os.kill(first, signal.SIGKILL); os.waitpid(first, 0)
        second = None
        while second != first:
            if second: os.kill(second, signal.SIGKILL); os.waitpid(second, 0)
            with open('/proc/sys/kernel/ns_last_pid', 'w') as last: last.write(str(first - 1))
            second = twin()
        print('replaced', second, flush=True)
    else:
        ended, _ = os.waitpid(first, os.WNOHANG)
        print('ended' if ended else 'lives', flush=True)
`;

  /** The two share a pid namespace with an agent that looks once, so that what it told of grows old. */
  async function twinsOn(port: number, name: string, ...more: string[]) {
    const script = join(bench.directory, `${name}.py`);
    writeFileSync(script, TWINS);
    const apart = ['--pid', '--fork', '--mount-proc', '--kill-child', 'python3', script, String(port), ...more];
    const parent = bench.run('unshare', apart, { on: twins, stdin: 'pipe' });
    const [, pid] = await parent.says(/first (\d+)/);
    const inside = {
      exec: (command: string, args: readonly string[], options: SpawnOptions): ChildProcess => {
        const entered = ['--target', String(childOf(parent.pid)), '--pid', '--mount', '--', command, ...args];
        return twins.exec('nsenter', entered, options);
      },
    };
    await bench.agent(url, name, ['--interval', '3600000', '--no-all-namespaces'], { on: inside });
    await seen(port, Number(pid));
    const says = (what: RegExp) => parent.says(what);
    const ask = async (question: string, answer: RegExp) => {
      const before = parent.stdout.length;
      parent.child.stdin?.write(`${question}\n`);
      await vi.waitFor(() => expect(parent.stdout.slice(before)).toMatch(answer), patient);
    };
    return { pid: Number(pid), ask, says };
  }

  function childOf(pid: number): number {
    return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
  }

  test('between the look and the signal is not ended, though it has the very socket', async () => {
    const { pid, ask } = await twinsOn(3030, 'twins');
    await ask('replace', new RegExp(`replaced ${pid}\n`));
    const refusal = client.endListener({ host: 'twins', port: 3030, force: true });
    await expect(refusal).rejects.toMatchObject({ code: 'process-changed', data: { pid } });
    await ask('how is it', /lives/);
  });

  test('between the first signal and the second is not ended', async () => {
    const { pid, ask, says } = await twinsOn(3031, 'stubborn-twins', 'stubborn');
    const ending = client.endListener({ host: 'stubborn-twins', port: 3031, force: true, grace: 8 });
    const settled = ending.then(
      () => undefined,
      (error: unknown) => error,
    );
    await says(/asked to end/);
    await ask('replace', new RegExp(`replaced ${pid}\n`));
    expect(await settled).toMatchObject({ code: 'still-bound', data: { endings: [{ pid, outcome: 'ended' }] } });
    await ask('how is it', /lives/);
  });
});
