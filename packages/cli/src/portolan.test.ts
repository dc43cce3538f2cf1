import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freePort } from '../../../test/support/port.ts';
import { type Ended, PortolanProcess } from './portolan-process.ts';

const patient = { timeout: 60_000, interval: 100 };

let state: string;
let environment: Record<string, string>;
let up: PortolanProcess;

const start = (...args: string[]) => new PortolanProcess(args, environment);
const portolan = (...args: string[]): Promise<Ended> => start(...args).ended;
const json = async (...args: string[]) => JSON.parse((await portolan(...args, '--json')).stdout);

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'portolan-cli-'));
  environment = { PORTOLAN_STATE_DIR: state };
  up = start('up', '--port', '0');
  const ready = await vi.waitFor(() => {
    const found = /Portolan is ready at (\S+)/.exec(up.stdout);
    if (!found) throw new Error(`not ready: ${up.stdout}${up.stderr}`);
    return found;
  }, patient);
  environment.PORTOLAN_URL = ready[1] as string;
});
afterAll(async () => {
  const { code, stderr } = await up.stop('SIGINT');
  await rm(state, { recursive: true });
  expect(stderr).toBe('');
  expect(code).toBe(0);
});

describe('up', () => {
  test('makes a token for this user alone, which "token show" prints', async () => {
    expect((await stat(join(state, 'token'))).mode & 0o777).toBe(0o600);
    expect((await portolan('token', 'show')).stdout).toMatch(/^ptn_[\w-]{43}\n$/);
  });

  test('reports the sockets of this machine', async () => {
    const port = Number(new URL(environment.PORTOLAN_URL as string).port);
    await vi.waitFor(async () => {
      const { items } = await json('ls', '--listeners');
      expect(items).toContainEqual(
        expect.objectContaining({ port, process: expect.objectContaining({ pid: up.child.pid }) }),
      );
    }, patient);
  });

  test('on a taken port says who has it', async () => {
    const { port } = new URL(environment.PORTOLAN_URL as string);
    const { code, stderr } = await portolan('up', '--port', port, '--data', join(state, 'other.sqlite'));
    expect(stderr).toContain(`127.0.0.1:${port}`);
    expect(stderr).toContain(`pid ${up.child.pid}`);
    expect(code).toBe(4);
  });
});

describe('reserve', () => {
  test('writes the port alone in a pipe, and the same one again', async () => {
    const first = await portolan('reserve', 'mana/mana-sync');
    expect(first).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\n$/), stderr: '' });
    expect((await portolan('reserve', 'mana/mana-sync')).stdout).toBe(first.stdout);
  });

  test('gives a block without gaps for several labels, which "ls" shows as one process', async () => {
    const { stdout } = await portolan('reserve', 'portos/browser:cdp,health', '--range', '25550-25599', '--lowest');
    expect(stdout).toBe('25550\n25551\n');
    expect((await portolan('ls', '--project', 'portos')).stdout).toContain('browser (cdp:25550,health:25551)');
  });

  test('of a port that another service has is refused with the reason and what is free', async () => {
    await portolan('reserve', 'mana/first', '--port', '25700');
    const { code, stderr, stdout } = await portolan('reserve', 'mana/second', '--port', '25700');
    expect({ code, stdout }).toEqual({ code: 4, stdout: '' });
    expect(stderr).toContain('mana/first');
    const problem = JSON.parse((await portolan('reserve', 'mana/second', '--port', '25700', '--json')).stderr);
    expect(problem).toMatchObject({ code: 'port-taken', status: 409 });
  });
});

describe('run', () => {
  const report = 'console.log(JSON.stringify(process.env))';

  test('gives its command the ports, passes its exit code on, and releases the ports', async () => {
    const script = `${report}; process.exit(7)`;
    const { code, stdout } = await portolan('run', 'mana/job:web,admin-ui', '--', process.execPath, '-e', script);
    const given = JSON.parse(stdout);
    expect(code).toBe(7);
    expect(given).toMatchObject({
      PORT: given.WEB_PORT,
      ADMIN_UI_PORT: String(Number(given.PORT) + 1),
      PORTOLAN_LEASE: expect.stringMatching(/.+/),
      PORTOLAN_ENDPOINTS: `mana/job:web=${given.WEB_PORT}/tcp,mana/job:admin-ui=${given.ADMIN_UI_PORT}/tcp`,
    });
    expect((await portolan('who', given.PORT)).code).toBe(3);
  });

  test('does not release what the service had before, permanent or leased', async () => {
    for (const term of [[], ['--ttl', '10m']]) {
      const service = term.length > 0 ? 'mana/leased' : 'mana/settled';
      const { port, lease } = await json('reserve', service, ...term);
      const { code, stdout } = await portolan('run', service, '--', process.execPath, '-e', report);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        PORT: String(port),
        PORTOLAN_ENDPOINTS: `${service}:default=${port}/tcp`,
        ...(lease && { PORTOLAN_LEASE: lease.id }),
      });
      expect((await json('who', String(port))).assignments).toMatchObject([{ port, lease: lease && { id: lease.id } }]);
    }
  });

  test('within another run does not tell of the lease of the outer one', async () => {
    await portolan('reserve', 'mana/settled');
    const program = fileURLToPath(new URL('../bin/portolan.js', import.meta.url));
    const inner = ['run', 'mana/settled', '--', process.execPath, '-e', report];
    const { stdout } = await portolan('run', 'mana/outer', '--', process.execPath, program, ...inner);
    expect(JSON.parse(stdout)).not.toHaveProperty('PORTOLAN_LEASE');
  });

  test('passes signals on, and ends as its command did', async () => {
    const script = `process.on('SIGTERM', () => process.exit(9)); ${report}; setInterval(() => {}, 1000)`;
    const running = start('run', 'mana/daemon', '--', process.execPath, '-e', script);
    await vi.waitFor(() => expect(running.stdout).toContain('}'), patient);
    expect((await running.stop('SIGTERM')).code).toBe(9);
    expect((await portolan('who', JSON.parse(running.stdout).PORT)).code).toBe(3);
  });

  test('ends with 128 and the signal that ended its command', async () => {
    const { code } = await portolan('run', 'mana/victim', '--', 'sh', '-c', 'kill -9 $$');
    expect(code).toBe(137);
  });

  test('says when there is no such command, and leaves no reservation', async () => {
    const { code, stderr } = await portolan('run', 'mana/typo', '--', 'no-such-command-here');
    expect(code).toBe(3);
    expect(stderr).toContain('no-such-command-here');
    expect((await json('ls')).items.map(({ id }: { id: string }) => id)).not.toContain('mana/typo');
  });
});

describe('who and findings', () => {
  test('nobody is an answer with an exit code of its own', async () => {
    expect(await portolan('who', '25999')).toEqual({
      code: 3,
      stdout: '',
      stderr: expect.stringContaining('Nobody has port 25999'),
    });
  });

  test('a port that another process took is found, told in words, and shown by the exit code', async () => {
    const squatter = createServer().listen(0, '127.0.0.1');
    await once(squatter, 'listening');
    const port = String((squatter.address() as AddressInfo).port);
    try {
      await vi.waitFor(
        async () => expect((await portolan('who', port)).stdout).toContain(`pid ${process.pid}`),
        patient,
      );
      squatter.close();
      await vi.waitFor(async () => expect((await portolan('who', port)).code).toBe(3), patient);
      await portolan('reserve', 'mana/victim', '--port', port);
      squatter.listen(Number(port), '127.0.0.1');
      await vi.waitFor(async () => {
        const found = await portolan('findings', '--port', port, '--exit-code');
        expect(found.stdout).toContain('mana/victim');
        expect(found.code).toBe(6);
      }, patient);
      expect((await portolan('who', port)).stdout).toMatch(/belongs to mana\/victim:default .*somebody else listens/);
    } finally {
      squatter.close();
    }
  });
});

describe('watch', () => {
  test('writes a line of JSON for each event, and ends well when told to', async () => {
    const watching = start('watch', '--topic', 'assignment', '--project', 'watched', '--json');
    await vi.waitFor(() => expect(watching.stdout).toContain('"synced"'), patient);
    await portolan('reserve', 'watched/one', '--port', '25800');
    await vi.waitFor(() => expect(watching.stdout).toContain('"change"'), patient);
    const { code, stdout } = await watching.stop('SIGINT');
    expect(code).toBe(0);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ type: 'change', events: [{ op: 'put', key: 'assignment/tcp/25800' }] });
  });

  test('with a wrong token ends with the reason', async () => {
    const { code, stderr } = await portolan('watch', '--token', 'ptn_wrong');
    expect(code).toBe(4);
    expect(stderr).toContain('token');
  });
});

test('ranges and blocks are set, listed and removed', async () => {
  await portolan('range', 'set', 'mana', '26000-26099', '--owner', 'mana', '--purpose', 'mana services');
  await portolan('block', 'add', '26050-26059', '--reason', 'an old printer');
  expect((await json('range', 'ls')).items).toContainEqual(
    expect.objectContaining({ name: 'mana', from: 26_000, owner: 'mana' }),
  );
  expect((await portolan('block', 'ls')).stdout).toContain('an old printer');
  expect((await portolan('free', '--range', '26049-26060', '--project', 'mana')).stdout).toBe('26049\n26060\n');
  expect((await portolan('block', 'rm', '26050-26059')).code).toBe(0);
  expect((await portolan('range', 'rm', 'mana')).code).toBe(0);
  expect((await portolan('range', 'rm', 'mana')).code).toBe(3);
});

test('what was reserved is released by service, and only once', async () => {
  await portolan('reserve', 'mana/brief', '--port', '25900');
  expect((await portolan('release', 'mana/brief')).stdout).toContain('25900');
  expect((await portolan('release', 'mana/brief')).code).toBe(3);
});

test('without a coordinator every command says so, and how to get one', async () => {
  // With a token that the agent of this machine does not know, either.
  const away = ['--url', 'http://127.0.0.1:1', '--token', 'another'];
  const { code, stderr } = await portolan('ls', ...away);
  expect(code).toBe(5);
  expect(stderr).toContain('portolan up');
  expect(JSON.parse((await portolan('ls', ...away, '--json')).stderr).code).toBe('unreachable');
});

test('a command that is not written right ends with 2 and says what is wrong', async () => {
  expect(await portolan('who', '70000')).toMatchObject({ code: 2, stderr: expect.stringContaining('from 1 to 65535') });
  expect(await portolan('no-such-thing')).toMatchObject({ code: 2, stderr: expect.stringContaining('no-such-thing') });
  expect(JSON.parse((await portolan('who', '70000', '--json')).stderr)).toMatchObject({ code: 'invalid-request' });
});

test('help shows every command and the exit codes', async () => {
  const { code, stdout } = await portolan('--help');
  expect(code).toBe(0);
  for (const name of ['up', 'reserve', 'release', 'run', 'who', 'ls', 'findings', 'watch', 'free', 'hosts', 'token']) {
    expect(stdout).toMatch(new RegExp(`^  ${name}`, 'm'));
  }
  expect(stdout).toContain('Exit codes:');
  expect((await portolan('help', 'run')).stdout).toContain('Examples:');
});

test('a reader that has read enough is no error', async () => {
  const bin = fileURLToPath(new URL('../bin/portolan.js', import.meta.url));
  const script = `set -o pipefail; "${process.execPath}" "${bin}" ls --listeners | true`;
  const env = { ...environment, PATH: process.env.PATH ?? '' };
  await expect(promisify(execFile)('bash', ['--norc', '-c', script], { env })).resolves.toMatchObject({ stderr: '' });
});

test('a lease outlives the sudden death of its coordinator, and ends soon after that of its holder', async () => {
  const ttl = 5;
  const data = join(state, 'mortal.sqlite');
  const serve = async (port: string) => {
    const server = start('server', '--port', port, '--data', data, '--log-level', 'error');
    return vi.waitFor(() => {
      const url = /ready at (\S+)/.exec(server.stdout)?.[1];
      if (!url) throw new Error(`not ready: ${server.stderr}`);
      return { server, url };
    }, patient);
  };
  const first = await serve(String(await freePort()));
  const who = (port: string) => portolan('who', port, '--url', first.url);
  const script =
    'console.log(process.env.PORT); const { ppid } = process; setInterval(() => ppid === process.ppid || process.exit(), 200)';
  const holder = start(
    'run',
    'mana/tough',
    '--ttl',
    `${ttl}s`,
    '--url',
    first.url,
    '--',
    process.execPath,
    '-e',
    script,
  );
  await vi.waitFor(() => expect(holder.stdout).toMatch(/\d+\n/), patient);
  const port = holder.stdout.trim();

  await first.server.stop('SIGKILL');
  const { server } = await serve(new URL(first.url).port);
  try {
    const since = performance.now();
    // A coordinator that was away gives every lease one more time to live: past both, only renewal explains it.
    while (performance.now() - since < 2.4 * ttl * 1000) expect((await who(port)).code).toBe(0);
    await holder.stop('SIGKILL');
    await vi.waitFor(async () => expect((await who(port)).code).toBe(3), patient);
  } finally {
    await holder.stop('SIGKILL');
    expect(await server.stop('SIGTERM')).toMatchObject({ code: 0, stderr: '' });
  }
});

test('a coordinator does not listen beyond loopback without TLS unless told to', async () => {
  const { code, stderr } = await portolan(
    'server',
    '--host',
    '0.0.0.0',
    '--port',
    '0',
    '--data',
    join(state, 'open.sqlite'),
  );
  expect(code).toBe(4);
  expect(stderr).toContain('--insecure-bind');
});
