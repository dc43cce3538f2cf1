import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EndTarget, type Listener, proofOf } from '@portolan/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { nameAsHolder } from './holder.ts';
import { LinuxScanner } from './linux-scanner.ts';
import { probe } from './prober.ts';
import { type EndOrder, endProcesses } from './process-action.ts';

const own = { allowKill: 'own' } as const;
const isRoot = process.getuid?.() === 0;
/** What needs a process of another user is tested as root only. */
const asRoot = process.platform !== 'linux' || !isRoot ? test.skip : test;
const OTHER_UID = 4001;
const unless = process.platform !== 'linux' ? test.skip : test;

/** Listens on one port after another as it is asked to, and closes what it is asked to close. */
const SERVICE = `
const net = require('node:net');
const { spawn } = require('node:child_process');
const servers = [];
process.on('message', ([what, index]) => {
  if (what === 'close') return servers[index].close(() => process.send('closed'));
  if (what === 'pass') {
    // The shell ends, so that nothing tells where the one that it leaves behind came from.
    const stdio = ['ignore', 'pipe', 'ignore', servers[0]._handle.fd];
    const as = index === 0 ? {} : { uid: index, gid: index };
    const shell = spawn('sh', ['-c', 'sleep 600 >/dev/null & echo $!'], { stdio, cwd: '/', ...as });
    let pid = '';
    shell.stdout.on('data', (text) => { pid += text; });
    return shell.on('close', () => process.send(Number(pid)));
  }
  const server = net.createServer().listen(0, '127.0.0.1', () => process.send(server.address().port));
  servers.push(server);
});
`;

let directory: string;
let children: ChildProcess[];
let orphans: number[];
beforeEach(() => {
  orphans = [];
  directory = mkdtempSync(join(tmpdir(), 'portolan-action-'));
  children = [];
});
afterEach(async () => {
  for (const pid of orphans) if (isThere(pid)) process.kill(pid, 'SIGKILL');
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(directory, { recursive: true });
});

function service(
  name: string,
  environment: Record<string, string> = {},
  file = process.execPath,
  uid?: number,
): ChildProcess {
  mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, name, 'package.json'), '{}');
  writeFileSync(join(directory, name, 'server.cjs'), SERVICE);
  const child = spawn(file, ['server.cjs'], {
    cwd: join(directory, name),
    env: { ...process.env, ...environment },
    ...(uid !== undefined && { uid, gid: uid }),
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  children.push(child);
  return child;
}

async function ask(child: ChildProcess, ...message: [string, number?]): Promise<number> {
  const answer = once(child, 'message');
  child.send(message);
  return (await answer)[0] as number;
}

/** @returns the pid of a process that got the first socket and was not started by it, as far as can be seen */
async function heirOf(child: ChildProcess, uid = 0): Promise<number> {
  const pid = await ask(child, 'pass', uid);
  orphans.push(pid);
  return pid;
}

function isThere(pid: number): boolean {
  try {
    // One that nobody waits for stays in the list after its end.
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
}

/** As a coordinator names it, from what a scan tells. */
async function targetAt(port: number): Promise<EndTarget> {
  const { listeners } = await new LinuxScanner({ allNamespaces: false, dockerSocket: null }).scan();
  return targetOf(listeners.find((each) => each.port === port && each.protocol === 'tcp') as Listener);
}

function targetOf({ protocol, address, port, netns, v6only, socket, process: seen, identity }: Listener): EndTarget {
  const named = seen && { pid: seen.pid, startedAt: seen.startedAt };
  return {
    protocol,
    address,
    port,
    netns,
    v6only,
    socket,
    process: named,
    service: identity?.service ?? null,
    proof: proofOf(identity),
  };
}

const order = (targets: readonly EndTarget[], more: Partial<EndOrder> = {}): EndOrder => ({
  targets: [...targets],
  grace: 5,
  force: false,
  orphan: false,
  dryRun: false,
  ...more,
});
const lives = ({ exitCode, signalCode }: ChildProcess) => exitCode === null && signalCode === null;

describe('a process is ended', () => {
  unless('when it is what was seen, and its ports can be bound afterwards', async () => {
    const child = service('cart');
    const ports = [await ask(child, 'listen'), await ask(child, 'listen')];
    const targets = await Promise.all(ports.map(targetAt));
    expect(await endProcesses(order(targets, { dryRun: true }), own)).toEqual({
      endings: [{ pid: child.pid, outcome: 'would-end', signal: null, process: expect.stringContaining('server.cjs') }],
      refusal: null,
    });
    expect(lives(child)).toBe(true);
    expect(await endProcesses(order(targets), own)).toEqual({
      endings: [{ pid: child.pid, outcome: 'ended', signal: 'SIGTERM' }],
      refusal: null,
    });
    expect(await probe('tcp', ports)).toEqual([]);
  });

  unless('not when it started at another time than was seen, though all else is the same', async () => {
    const child = service('cart');
    const target = await targetAt(await ask(child, 'listen'));
    const { pid, startedAt } = target.process as { pid: number; startedAt: number };
    const earlier = { ...target, process: { pid, startedAt: startedAt - 10 } };
    expect((await endProcesses(order([earlier], { force: true }), own)).refusal?.code).toBe('process-changed');
    expect(lives(child)).toBe(true);
  });

  unless('as an orphan only when whoever holds its ports is gone', async () => {
    const given = (holder: string | undefined) => ({
      PORTOLAN_ENDPOINTS: 'shop/cart:default=3000/tcp',
      ...(holder && { PORTOLAN_HOLDER: holder }),
    });
    const [alive, gone] = [nameAsHolder() as string, (nameAsHolder() as string).replace(/\.\d+\./, '.1000.')];
    for (const [holder, refusal] of [
      [alive, `pid ${process.pid}, which holds its ports, lives`],
      [undefined, 'nothing shows'],
    ] as const) {
      const child = service('cart', given(holder));
      const target = await targetAt(await ask(child, 'listen'));
      for (const force of [false, true]) {
        const { refusal: told } = await endProcesses(order([target], { orphan: true, force }), own);
        expect(told).toMatchObject({ code: 'other-service', detail: expect.stringContaining(refusal) });
      }
      expect(lives(child)).toBe(true);
    }
    const child = service('cart', given(gone));
    const target = await targetAt(await ask(child, 'listen'));
    expect((await endProcesses(order([target], { orphan: true }), own)).refusal).toBeNull();
    expect(isThere(child.pid as number)).toBe(false);
  });

  unless('not when it has let go of the socket meanwhile', async () => {
    const child = service('cart');
    const target = await targetAt(await ask(child, 'listen'));
    await ask(child, 'close', 0);
    expect(await endProcesses(order([target]), own)).toEqual({
      endings: [{ pid: child.pid, outcome: 'gone', signal: null }],
      refusal: null,
    });
    expect(lives(child)).toBe(true);
  });

  unless('not when it is another service than was seen, unless forced', async () => {
    const child = service('cart');
    const target = { ...(await targetAt(await ask(child, 'listen'))), service: 'shop/other' };
    expect((await endProcesses(order([target]), own)).refusal).toEqual({
      code: 'other-service',
      detail: expect.stringMatching(/unknown\/cart, not shop\/other/),
    });
    expect(lives(child)).toBe(true);
    expect((await endProcesses(order([target], { force: true }), own)).refusal).toBe(null);
  });

  unless('not when it proves less than was seen: an environment that it inherited is none for this port', async () => {
    const stray = service('stray', { PORTOLAN_ENDPOINTS: 'shop/stray:api=1/tcp' });
    const seen = await targetAt(await ask(stray, 'listen'));
    expect(seen).toMatchObject({ service: 'shop/stray', proof: 'nothing' });
    for (const proof of ['port', 'service', 'name'] as const) {
      expect((await endProcesses(order([{ ...seen, proof }]), own)).refusal).toEqual({
        code: 'other-service',
        detail: expect.stringContaining('with the environment of shop/stray, which was not given this port'),
      });
    }
    const named = service('named');
    const byName = await targetAt(await ask(named, 'listen'));
    expect(byName).toMatchObject({ service: 'unknown/named', proof: 'name' });
    const claimed = { ...byName, service: 'shop/named', proof: 'service' } as const;
    expect((await endProcesses(order([claimed]), own)).refusal?.code).toBe('other-service');
    expect([stray, named].map(lives)).toEqual([true, true]);
  });

  unless('not when one of those named with it must not be', async () => {
    const [one, two] = [service('one'), service('two')];
    const targets = [await targetAt(await ask(one, 'listen')), await targetAt(await ask(two, 'listen'))];
    const mixed = [targets[0] as EndTarget, { ...(targets[1] as EndTarget), service: 'shop/other' }];
    expect((await endProcesses(order(mixed), own)).refusal?.code).toBe('other-service');
    expect([one, two].map(lives)).toEqual([true, true]);
  });

  unless('not by an agent that ends nothing', async () => {
    const child = service('cart');
    const target = await targetAt(await ask(child, 'listen'));
    const answer = await endProcesses(order([target], { force: true }), { allowKill: 'none' });
    expect(answer.refusal?.code).toBe('not-permitted');
    expect(lives(child)).toBe(true);
  });

  unless('with those that have the same socket, and a trial shows them', async () => {
    const child = service('cart');
    const target = await targetAt(await ask(child, 'listen'));
    const heir = await heirOf(child);
    const trial = await endProcesses(order([target], { force: true, dryRun: true }), own);
    expect(trial).toEqual({
      endings: [
        { pid: child.pid, outcome: 'would-end', signal: null, process: expect.stringContaining('server.cjs') },
        { pid: heir, outcome: 'would-end', signal: null, process: expect.stringContaining('sleep 600') },
      ],
      refusal: null,
    });
    expect((await endProcesses(order([target]), own)).refusal?.code).toBe('other-service');
    expect([lives(child), isThere(heir)]).toEqual([true, true]);
    const done = await endProcesses(order([target], { force: true }), own);
    expect(done.refusal).toBe(null);
    expect(done.endings.map(({ pid }) => pid)).toEqual([child.pid, heir]);
    expect(isThere(heir)).toBe(false);
  });

  asRoot('not when it passed its socket to a process of another user, which says who', async () => {
    const child = service('cart');
    const target = await targetAt(await ask(child, 'listen'));
    const heir = await heirOf(child, OTHER_UID);
    for (const dryRun of [true, false]) {
      expect(await endProcesses(order([target], { force: true, dryRun }), { allowKill: 'any' })).toEqual({
        endings: [],
        refusal: {
          code: 'not-permitted',
          detail: expect.stringMatching(
            `process ${heir} \\(sleep\\) of .*uid ${OTHER_UID}.* has the socket of process ${child.pid}`,
          ),
        },
      });
    }
    expect([lives(child), isThere(heir)]).toEqual([true, true]);
  });

  asRoot(
    'though it is called as one that forwards to a container, when that is only the name that a user gave it',
    async () => {
      const file = join(directory, 'docker-proxy');
      cpSync(process.execPath, file, { dereference: true });
      for (const each of [directory, file]) chmodSync(each, 0o755);
      const child = service('proxy', {}, file, OTHER_UID);
      const target = await targetAt(await ask(child, 'listen'));
      expect(await endProcesses(order([target], { force: true }), { allowKill: 'any' })).toMatchObject({
        endings: [{ pid: child.pid, outcome: 'ended' }],
        refusal: null,
      });
    },
  );

  unless('not when it forwards to a container: that is to be stopped', async () => {
    const file = join(directory, 'docker-proxy');
    try {
      linkSync(process.execPath, file);
    } catch {
      cpSync(process.execPath, file, { dereference: true });
    }
    const child = service('proxy', {}, file);
    const target = await targetAt(await ask(child, 'listen'));
    expect((await endProcesses(order([target], { force: true }), own)).refusal).toEqual({
      code: 'in-container',
      detail: expect.stringMatching(/docker-proxy.*docker stop/),
    });
    expect(lives(child)).toBe(true);
  });
});

unless('the agent, what it runs under, and pid 1 are never ended, forced or not', async () => {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const target = await targetAt((server.address() as { port: number }).port);
  expect(target.process?.pid).toBe(process.pid);
  const { readStamp } = await import('./process-facts.ts');
  for (const pid of [process.pid, process.ppid, 1]) {
    const { startedAt } = readStamp(pid) as { startedAt: number };
    const answer = await endProcesses(order([{ ...target, process: { pid, startedAt } }], { force: true }), own);
    expect(answer.refusal?.code, `pid ${pid}`).toBe('protected');
  }
  server.close();
});
