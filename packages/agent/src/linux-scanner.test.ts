import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Listener } from '@portolan/model';
import { afterEach, expect, test, vi } from 'vitest';
import { freePort } from '../../../test/support/port.ts';
import { LsofScanner } from './lsof-scanner.ts';
import { createScanner, type Scanner } from './scanner.ts';

const linux = process.platform === 'linux';
const root = process.getuid?.() === 0;
const WAIT = { timeout: 60_000, interval: 50 };

const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

const children: ChildProcess[] = [];
const cleanups: (() => void)[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  }
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

/** Runs a script that prints one line of JSON when its sockets are open. */
async function run<T>(script: string, { prefix = [] as string[], cwd = tmpdir(), env = {} } = {}) {
  const [program = '', ...args] = [...prefix, process.execPath, '-e', script];
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) {
    return { child, told: JSON.parse(line) as T, pid: child.pid as number };
  }
  throw new Error('the script ended before its sockets were open');
}

const tell = (expression: string) => `console.log(JSON.stringify(${expression}))`;
const listen = (host: string, port: number | string = 0) => `
  const server = require('net').createServer().listen(${port}, '${host}', () => ${tell('server.address().port')});`;

function scanner(options = {}): Scanner {
  return createScanner({ dockerSocket: null, ...options });
}

async function scanned(of: Scanner, port: number): Promise<Listener[]> {
  return (await of.scan()).listeners.filter((listener) => listener.port === port);
}

test.runIf(linux)('TCP, IPv6 and UDP sockets come with their process, user, directory and start', async () => {
  const script = `
    const net = require('net'), dgram = require('dgram');
    const four = net.createServer().listen(0, '127.0.0.1', () => {
      const six = net.createServer().listen(0, '::1', () => {
        const any = net.createServer().listen(0, '::', () => {
          const udp = dgram.createSocket('udp4').bind(0, '127.0.0.1', () => {
            ${tell('[four, six, any, udp].map((each) => each.address().port)')};
          });
        });
      });
    });`;
  const before = Date.now();
  const { told, pid } = await run<[number, number, number, number]>(script);
  const of = scanner();
  const { listeners } = await of.scan();
  const mine = listeners.filter((listener) => listener.process?.pid === pid);
  expect(mine.map(({ protocol, address, port, v6only }) => ({ protocol, address, port, v6only }))).toEqual(
    expect.arrayContaining([
      { protocol: 'tcp', address: '127.0.0.1', port: told[0], v6only: false },
      { protocol: 'tcp', address: '::1', port: told[1], v6only: false },
      { protocol: 'tcp', address: '::', port: told[2], v6only: null },
      { protocol: 'udp', address: '127.0.0.1', port: told[3], v6only: false },
    ]),
  );
  expect(mine).toHaveLength(4);
  const { process: owner } = mine[0] as Listener;
  expect(owner).toMatchObject({ command: 'node', cwd: tmpdir(), uid: process.getuid?.() });
  expect(owner?.commandLine).toContain('createServer');
  // The kernel tells the time of the start to a second or so.
  expect(Math.abs((owner?.startedAt ?? 0) - before)).toBeLessThan(10_000);
  for (const listener of listeners) expect(Listener.parse(listener)).toEqual(listener);
});

test.runIf(linux)('the scan shows what ss shows', async (context) => {
  context.skip(!has('ss'), 'there is no ss on this machine');
  for (const host of ['127.0.0.1', '0.0.0.0', '::', '::1']) await run(listen(host));
  const expected = execFileSync('ss', ['-ltnpH'], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => {
      const [, , , local = ''] = line.split(/\s+/);
      const address = local
        .slice(0, local.lastIndexOf(':'))
        .replace(/^\[|\]$/g, '')
        .replace(/%.*/, '');
      return `${address === '*' ? '::' : address} ${local.slice(local.lastIndexOf(':') + 1)} ${/pid=(\d+)/.exec(line)?.[1] ?? '-'}`;
    });
  const { listeners } = await scanner().scan();
  const seen = listeners
    .filter(({ protocol, netns }) => protocol === 'tcp' && netns === 'host')
    .map(({ address, port, process: owner }) => `${address} ${port} ${owner?.pid ?? '-'}`);
  const mine = new Set(children.map(({ pid }) => String(pid)));
  const ofMine = (lines: string[]) => lines.filter((line) => mine.has(line.split(' ')[2] ?? '')).sort();
  expect(ofMine(seen)).toEqual(ofMine(expected));
  expect(ofMine(seen)).toHaveLength(4);
});

test.runIf(linux)('lsof shows what /proc shows', async (context) => {
  context.skip(!has('lsof'), 'there is no lsof on this machine');
  const { pid } = await run(listen('127.0.0.1'));
  const { pid: second } = await run(listen('::'));
  const seen = async (of: Scanner) =>
    (await of.scan()).listeners
      .filter(({ process: owner }) => owner && [pid, second].includes(owner.pid))
      .map(({ protocol, address, port, socket, process: owner }) => ({
        protocol,
        address,
        port,
        socket,
        cwd: owner?.cwd,
      }))
      .sort((a, b) => a.port - b.port);
  const ours = await seen(scanner());
  expect(ours).toHaveLength(2);
  expect(await seen(new LsofScanner())).toEqual(ours);
});

test.runIf(linux)('without a change a scan gives the same objects, and says so', async () => {
  const { told: port, pid } = await run<number>(listen('127.0.0.1'));
  let now = Date.now();
  const of = scanner({ now: () => now });
  const first = await scanned(of, port);
  for (let i = 0; i < 40; i++) {
    now += 1000;
    expect((await scanned(of, port))[0]).toBe(first[0]);
  }
  expect(first[0]?.process?.pid).toBe(pid);
});

test.runIf(linux)('a socket that goes and one that comes are seen at the next scan', async () => {
  const of = scanner();
  await of.scan();
  const { told: port, child } = await run<number>(listen('127.0.0.1'));
  const scan = await of.scan();
  expect(scan.changed).toBe(true);
  expect(scan.listeners.filter((listener) => listener.port === port)).toHaveLength(1);
  child.kill('SIGKILL');
  await vi.waitFor(async () => expect(await scanned(of, port)).toHaveLength(0), WAIT);
});

test.runIf(linux)(
  'a process that swaps one socket for another is seen after a few seconds at the latest',
  async (context) => {
    context.skip(!has('ss'), 'there is no ss on this machine');
    const { child } = await run<number>(`
    ${listen('127.0.0.1')}
    process.stdin.once('data', () => {
      server.close();
      const next = require('net').createServer().listen(0, '127.0.0.1', () => ${tell('next.address().port')});
    });`);
    let now = Date.now();
    const of = scanner({ now: () => now });
    await of.scan();
    child.stdin?.write('\n');
    await vi.waitFor(async () => {
      now += 3000;
      const { listeners } = await of.scan();
      const ports = listeners.filter(({ process: owner }) => owner?.pid === child.pid).map(({ port }) => port);
      const shown = execFileSync('ss', ['-ltnpH'], { encoding: 'utf8' })
        .split('\n')
        .find((line) => line.includes(`pid=${child.pid},`));
      expect(ports).toHaveLength(1);
      expect(shown).toContain(`127.0.0.1:${ports[0]} `);
    }, WAIT);
  },
);

test.runIf(linux)('of a socket that a child shares, the parent is the owner, until it goes', async () => {
  const script = `
    const server = require('net').createServer().listen(0, '127.0.0.1', () => {
      const child = require('child_process').spawn('sleep', ['600'], { stdio: ['ignore', 'ignore', 'inherit', server._handle.fd], detached: true });
      child.on('spawn', () => ${tell('[server.address().port, child.pid]')});
    });`;
  const { told, pid, child } = await run<[number, number]>(script);
  const [port, heir] = told;
  cleanups.push(() => process.kill(heir, 'SIGKILL'));
  const of = scanner();
  expect((await scanned(of, port)).map(({ process: owner }) => owner?.pid)).toEqual([pid]);
  const [before] = await scanned(of, port);
  child.kill('SIGKILL');
  await vi.waitFor(async () => {
    const [after] = await scanned(of, port);
    expect(after?.process).toMatchObject({ pid: heir, command: 'sleep' });
    expect(after?.since).toBe(before?.since);
  }, WAIT);
});

test.runIf(linux)('that it cannot tell whether "::" takes IPv4 is said while such a socket is there', async () => {
  const of = scanner({ allNamespaces: false });
  const isSaid = async () => {
    const { listeners, blindSpots } = await of.scan();
    const expected = listeners.some(({ address }) => address === '::');
    expect(blindSpots.some((spot) => spot.includes('IPv6'))).toBe(expected);
    return expected;
  };
  const before = await isSaid();
  const { child } = await run(listen('::'));
  expect(await isSaid()).toBe(true);
  child.kill('SIGKILL');
  await vi.waitFor(async () => expect(before || !(await isSaid())).toBe(true), WAIT);
});

test.runIf(linux)('two sockets that share a port by SO_REUSEPORT are two listeners', async () => {
  const share = (port: number) => `
    const server = require('net').createServer().listen({ host: '127.0.0.1', port: ${port}, reusePort: true }, () => ${tell('server.address().port')});`;
  const first = await run<number>(share(0));
  const second = await run<number>(share(first.told));
  const found = await scanned(scanner(), first.told);
  expect(found.map(({ process: owner }) => owner?.pid).sort()).toEqual([first.pid, second.pid].sort());
  expect(new Set(found.map(({ socket }) => socket)).size).toBe(2);
});

test.runIf(linux)(
  'what was given by the environment names the service and its port; nothing else of it is told',
  async () => {
    const given = await freePort();
    const env = {
      PORTOLAN_ENDPOINTS: `mana/mana-sync:api=${given}/tcp`,
      PORTOLAN_LEASE: 'L42',
      OTHER_VARIABLE: 'sesame-open',
    };
    const script = `
    const { createServer } = require('net');
    const api = createServer().listen(${given}, '127.0.0.1', () => {
      const other = createServer().listen(0, '127.0.0.1', () => ${tell('other.address().port')});
    });`;
    const { told: other } = await run<number>(script, { env });
    const { listeners } = await scanner().scan();
    const of = (port: number) => listeners.find((listener) => listener.port === port)?.identity;
    const known = { service: 'mana/mana-sync', instance: 1 };
    expect(of(given)).toMatchObject({
      ...known,
      label: 'api',
      evidence: { detail: 'lease L42 for mana/mana-sync:api' },
    });
    expect(of(other)).toMatchObject({ ...known, label: null, evidence: { detail: 'lease L42 for mana/mana-sync' } });
    expect(JSON.stringify(listeners)).not.toContain('sesame');
  },
);

test.runIf(linux)('a script with a common name is called after the package that it is in', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'harbour-'));
  cleanups.push(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'package.json'), '{}');
  writeFileSync(join(directory, 'server.cjs'), listen('127.0.0.1'));
  const child = spawn(process.execPath, ['server.cjs'], { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const of = scanner();
  await vi.waitFor(async () => {
    const { listeners } = await of.scan();
    const found = listeners.find(({ process: owner }) => owner?.pid === child.pid);
    expect(found?.identity?.service).toBe(`unknown/${directory.split('/').at(-1)}`);
  }, WAIT);
});

test.runIf(linux && root && mayMakeNamespaces())('sockets of another network namespace are told with it', async () => {
  const name = `portolan-scan-${process.pid}`;
  execFileSync('ip', ['netns', 'add', name]);
  cleanups.push(() => execFileSync('ip', ['netns', 'del', name]));
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  const outside = await run<number>(listen('127.0.0.1'));
  const prefix = ['ip', 'netns', 'exec', name];
  const of = scanner();
  await of.scan();
  const inside = await run<number>(listen('127.0.0.1', outside.told), { prefix });
  const found = await scanned(of, outside.told);
  const spaces = new Map(found.map(({ process: owner, netns }) => [owner?.pid, netns]));
  expect(spaces.get(outside.pid)).toBe('host');
  expect(spaces.get(inside.pid)).toMatch(/^net:\[\d+\]$/);
  expect(await scanned(scanner({ allNamespaces: false }), outside.told)).toHaveLength(1);

  inside.child.kill('SIGKILL');
  await vi.waitFor(async () => expect(await scanned(of, outside.told)).toHaveLength(1), WAIT);
});

test.runIf(linux && root && nobodyMayRun())(
  'without root the sockets of others are seen, and that their processes are not',
  async () => {
    const { told: port } = await run<number>(listen('127.0.0.1'));
    const source = fileURLToPath(new URL('./scanner.ts', import.meta.url));
    const script = `
    import { createScanner } from ${JSON.stringify(source)};
    import { createServer } from 'node:net';
    const server = createServer().listen(0, '127.0.0.1', async () => {
      const scan = await createScanner({ dockerSocket: null }).scan();
      console.log(JSON.stringify({ scan, own: server.address().port }));
      server.close();
    });`;
    const [program = '', ...args] = [...NOBODY, process.execPath, '--input-type=module', '-e', script];
    const { scan, own } = JSON.parse(execFileSync(program, args, { encoding: 'utf8', cwd: '/' }));
    const of = (wanted: number) => (scan.listeners as Listener[]).find((listener) => listener.port === wanted);
    expect(of(port)).toMatchObject({ process: null, identity: null });
    expect(of(own)?.process).toMatchObject({ uid: 65534, command: 'node' });
    expect(scan.blindSpots).toEqual(expect.arrayContaining([expect.stringMatching(/processes of other users.*root/)]));
  },
);

function has(program: string): boolean {
  return spawnSync(program, ['-v'], { stdio: 'ignore' }).error === undefined;
}

/** A checkout below a directory that only root may enter cannot be run by others. */
function nobodyMayRun(): boolean {
  const source = fileURLToPath(new URL('./scanner.ts', import.meta.url));
  const [program = '', ...args] = [...NOBODY, 'test', '-r', source, '-a', '-x', process.execPath];
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

function mayMakeNamespaces(): boolean {
  if (!linux || !root) return false;
  const name = `portolan-try-${process.pid}`;
  try {
    execFileSync('ip', ['netns', 'add', name], { stdio: 'ignore' });
    execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
