import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EndTarget, type Listener, proofOf } from '@portolan/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LinuxScanner } from './linux-scanner.ts';
import { probe } from './prober.ts';
import { type EndOrder, endProcesses } from './process-action.ts';

const own = { allowKill: 'own' } as const;
const unless = process.platform !== 'linux' ? test.skip : test;

/** Listens on one port after another as it is asked to, and closes what it is asked to close. */
const SERVICE = `
const net = require('node:net');
const servers = [];
process.on('message', ([what, index]) => {
  if (what === 'close') return servers[index].close(() => process.send('closed'));
  const server = net.createServer().listen(0, '127.0.0.1', () => process.send(server.address().port));
  servers.push(server);
});
`;

let directory: string;
let children: ChildProcess[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portolan-action-'));
  children = [];
});
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(directory, { recursive: true });
});

function service(name: string, environment: Record<string, string> = {}, file = process.execPath): ChildProcess {
  mkdirSync(join(directory, name), { recursive: true });
  writeFileSync(join(directory, name, 'package.json'), '{}');
  writeFileSync(join(directory, name, 'server.cjs'), SERVICE);
  const child = spawn(file, ['server.cjs'], {
    cwd: join(directory, name),
    env: { ...process.env, ...environment },
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
      endings: [{ pid: child.pid, outcome: 'would-end', signal: null }],
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
