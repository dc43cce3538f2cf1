import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect as connectSocket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { freePort } from '../../../test/support/port.ts';
import { STRANGER, stranger, strangersUnavailable } from '../../../test/support/stranger.ts';
import { fakeCoordinator } from './fake-coordinator.ts';
import { connect } from './on-node.ts';
import { lookout } from './own-socket.ts';

const page = { items: [], position: '1-1', next: null };
const ends: (() => unknown)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const end of ends.splice(0)) await end();
});

async function strangerAt(port: number, options?: Parameters<typeof stranger>[1]) {
  const program = await stranger(port, options);
  ends.push(() => program.end('SIGKILL'));
  return program;
}

async function ownServer(port: number, host: string): Promise<void> {
  const server = createServer((_request, response) => response.end('{}'));
  server.listen({ port, host, ipv6Only: host === '::1' });
  await once(server, 'listening');
  ends.push(() => server.close());
}

const ask = (url: string) => connect({ url, token: 'ptn_secret', patience: 0 }).hosts();
const refused = {
  code: 'stranger',
  message: expect.stringMatching(
    /^\S+ is held by the user nobody \(uid 65534\), not by you or root, so the token was not/,
  ),
};

test('an own coordinator is shown the token, on whichever address it listens', async () => {
  await using fake = await fakeCoordinator(() => ({ body: page }));
  await ask(fake.url);
  await ask(fake.url.replace('127.0.0.1', 'localhost'));
  expect(fake.asked.map(({ headers }) => headers.authorization)).toEqual(Array(2).fill('Bearer ptn_secret'));
  for (const [host, name] of [
    ['0.0.0.0', '127.0.0.1'],
    ['::', '127.0.0.1'],
    ['::1', '[::1]'],
    ['::', '[::1]'],
  ] as const) {
    const port = await freePort();
    await ownServer(port, host);
    // What it answers is no coordinator's; that it answers is enough.
    await expect(ask(`http://${name}:${port}`)).rejects.not.toMatchObject({ code: 'stranger' });
  }
});

test('a connection whose other end is not on this machine, as the kernel forwards them to containers, is let through', async () => {
  const guard = await lookout(9);
  await guard.check({ localAddress: '127.0.0.1', localPort: 10, remoteAddress: '127.0.0.1', remotePort: 9 });
});

describe.skipIf(strangersUnavailable)('a port of this machine that another user holds', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['0.0.0.0', '127.0.0.1'],
    ['::', '127.0.0.1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', 'localhost'],
    ['127.1.2.3', '127.1.2.3'],
    ['::1', '[::1]'],
    ['::', '[::1]'],
  ])('is shown nothing: at %s, reached as %s', async (address, name) => {
    const port = await freePort();
    const program = await strangerAt(port, { address });
    await expect(ask(`http://${name}:${port}`)).rejects.toMatchObject(refused);
    await program.says(/connection/);
    expect((await program.end('SIGKILL')).stdout).not.toContain('got');
  });

  test('is shown nothing when its listener is closed before anybody looks', async () => {
    const port = await freePort();
    const program = await strangerAt(port, { behaviour: 'closes-its-listener' });
    await expect(ask(`http://127.0.0.1:${port}`)).rejects.toMatchObject({
      code: expect.stringMatching(/stranger|unreach/),
    });
    expect((await program.end('SIGKILL')).stdout).not.toContain('got');
  });

  test('is shown nothing when somebody of ours has taken the port after it took the connection', async () => {
    const port = await freePort();
    const guard = await lookout(port);
    const program = await strangerAt(port, { behaviour: 'closes-its-listener' });
    const socket = connectSocket(port, '127.0.0.1');
    ends.push(() => socket.destroy());
    await program.says(/closed/);
    await ownServer(port, '127.0.0.1');
    await expect(guard.check(socket)).rejects.toMatchObject(refused);
  });

  test('is shown the token when PORTOLAN_TRUST_USER names its user, by name, by number, or all', async () => {
    const port = await freePort();
    const program = await strangerAt(port);
    for (const name of ['ada, nobody', String(STRANGER), '*']) {
      vi.stubEnv('PORTOLAN_TRUST_USER', name);
      await ask(`http://127.0.0.1:${port}`).catch(() => {});
    }
    expect((await program.says(/(got [\s\S]*){3}/))[0]).toContain('Bearer ptn_secret');
    vi.stubEnv('PORTOLAN_TRUST_USER', 'ada');
    await expect(ask(`http://127.0.0.1:${port}`)).rejects.toMatchObject(refused);
  });

  test.each([
    ['a;b', 'set PORTOLAN_TRUST_USER=nobody: PORTOLAN_TRUST_USER=a;b was read, but no user here is called "a;b"'],
    ['Nobody,root', 'set PORTOLAN_TRUST_USER=root,nobody: .* no user here is called "Nobody"'],
    ['daemon', 'set PORTOLAN_TRUST_USER=daemon,nobody: .* it names somebody else'],
  ])('is told with what PORTOLAN_TRUST_USER says now: %s', async (value, advice) => {
    const port = await freePort();
    await strangerAt(port);
    vi.stubEnv('PORTOLAN_TRUST_USER', value);
    await expect(ask(`http://127.0.0.1:${port}`)).rejects.toThrow(
      new RegExp(`If that is your coordinator, ${advice}$`),
    );
  });

  test('is shown nothing by a stream', async () => {
    const port = await freePort();
    const program = await strangerAt(port);
    const end = new AbortController();
    const client = connect({ url: `http://127.0.0.1:${port}`, token: 'ptn_secret' });
    const watching = (async () => {
      for await (const _ of client.watch({ topics: ['host'], signal: end.signal }));
    })();
    await program.says(/connection[\s\S]*connection/);
    end.abort();
    await watching;
    expect((await program.end('SIGKILL')).stdout).not.toContain('got');
  });

  test('is passed over for a coordinator that is ours, and does not keep us from one beside it', async () => {
    await using fake = await fakeCoordinator(() => ({ body: page }));
    const port = await freePort();
    await strangerAt(port);
    await connect({ url: [`http://127.0.0.1:${port}`, fake.url], token: 'ptn_secret', patience: 0 }).hosts();
    // All of IPv6, on the very port that is ours in IPv4.
    await strangerAt(Number(new URL(fake.url).port), { address: '::1' });
    await ask(fake.url);
    expect(fake.asked).toHaveLength(2);
  });
});
