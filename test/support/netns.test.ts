import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { createHosts, hostsUnavailable, type TestHost } from './netns.ts';

const unavailable = hostsUnavailable();
beforeEach((context) => context.skip(unavailable !== undefined, unavailable));

async function hosts(count: number) {
  const made = await createHosts(count);
  onTestFinished(() => made.cleanup());
  return made;
}

/** Exit code of a TCP connection attempt made on the host. */
async function connectFrom(host: TestHost, address: string, port: number): Promise<number> {
  const script = `const socket = require('node:net').connect(${port}, '${address}');
    socket.setTimeout(500, () => process.exit(2));
    socket.on('connect', () => process.exit(0));
    socket.on('error', () => process.exit(1));`;
  const [code] = await once(host.exec(process.execPath, ['-e', script], { stdio: 'ignore' }), 'exit');
  return code as number;
}

function listenOn(host: TestHost, port: number) {
  return host.exec(process.execPath, ['-e', `require('node:net').createServer().listen(${port})`], { stdio: 'ignore' });
}

test('hosts reach one another, and each has ports of its own', async () => {
  const { hosts: made } = await hosts(3);
  const [a, b, c] = made as [TestHost, TestHost, TestHost];
  listenOn(a, 3050);
  listenOn(b, 3050);

  for (const [from, to] of [
    [c, a],
    [c, b],
    [a, b],
  ] as const) {
    await vi.waitFor(async () => expect(await connectFrom(from, to.address, 3050)).toBe(0), { timeout: 60_000 });
  }
  expect(await connectFrom(a, c.address, 3050)).toBe(1);
});

test('hosts reach a server of the test at the gateway', async () => {
  const { hosts: made, gateway } = await hosts(1);
  const server = createServer((socket) => socket.end()).listen(0, gateway);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await vi.waitFor(async () => expect(await connectFrom(made[0]!, gateway, port)).toBe(0), { timeout: 60_000 });
});

test('a host that was cut off is reached again after it healed', async () => {
  const { hosts: made } = await hosts(2);
  const [a, b] = made as [TestHost, TestHost];
  listenOn(b, 3050);
  const reaches = (code: number) =>
    vi.waitFor(async () => expect(await connectFrom(a, b.address, 3050)).toBe(code), { timeout: 60_000 });
  await reaches(0);
  await b.cut();
  await reaches(2);
  await b.heal();
  await reaches(0);
});

test('cleanup ends the processes and leaves no namespace', async () => {
  const made = await createHosts(1);
  const { pid } = listenOn(made.hosts[0]!, 3050);
  await made.cleanup();
  expect(() => process.kill(pid!, 0)).toThrow('ESRCH');
  expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })).not.toContain(made.hosts[0]!.namespace);
});
