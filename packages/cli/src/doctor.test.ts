import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { redisUnavailable, startRedis } from '../../../test/support/redis.ts';
import type { Check } from './check.ts';
import { PortolanProcess } from './portolan-process.ts';

const patient = { timeout: 60_000, interval: 100 };

let state: string;
let environment: Record<string, string>;
let up: PortolanProcess;
const portolan = (args: string[], more: Record<string, string> = {}) =>
  new PortolanProcess(args, { ...environment, ...more }).ended;

beforeAll(async () => {
  state = mkdtempSync(join(tmpdir(), 'portolan-doctor-'));
  environment = { PORTOLAN_STATE_DIR: state };
  up = new PortolanProcess(['up', '--port', '0', '--json'], environment);
  const { url } = await vi.waitFor(() => JSON.parse(up.stdout) as { url: string }, patient);
  environment.PORTOLAN_URL = url;
});
afterAll(async () => {
  await up.stop();
  rmSync(state, { recursive: true });
});

describe('doctor', () => {
  async function checks(more: Record<string, string> = {}) {
    const { code, stdout } = await portolan(['doctor', '--json'], more);
    const all = (JSON.parse(stdout) as { checks: Check[] }).checks;
    return { code, all, of: (name: string) => all.find((check) => check.name === name) };
  }

  test('finds nothing to mend where all is well', async () => {
    await vi.waitFor(async () => {
      const { of } = await checks();
      expect([of('agent')?.status, of('local')?.status]).toEqual(['ok', 'ok']);
    }, patient);
    const { code, all } = await checks();
    expect(code).toBe(0);
    expect(all.filter(({ status }) => status === 'failure')).toEqual([]);
    for (const name of [
      'node',
      'environment',
      'state',
      'coordinator',
      'store',
      'clock',
      'token',
      'agent',
      'gossip',
      'local',
    ]) {
      expect(all.map((check) => check.name)).toContain(name);
    }
    expect((await portolan(['doctor'])).stdout).toMatch(/^ok {4}coordinator {2}http/m);
  });

  test('tells a wrong token, with what to do', async () => {
    const { code, of } = await checks({ PORTOLAN_TOKEN: 'ptn_wrong' });
    expect(code).toBe(1);
    expect(of('token')).toMatchObject({ status: 'failure', remedy: expect.stringContaining('portolan token show') });
  });

  test('names the coordinator that is dead, of several that were named', async () => {
    const dead = 'http://127.0.0.1:1';
    const { all } = await checks({ PORTOLAN_URL: `${environment.PORTOLAN_URL},${dead}` });
    expect(all.filter(({ name, status }) => name === 'coordinator' && status === 'warning')).toMatchObject([
      { detail: expect.stringContaining(`${dead} does not answer`), remedy: expect.stringContaining('PORTOLAN_URL') },
    ]);
    const one = await checks();
    expect(one.all.filter(({ name }) => name === 'coordinator')).toMatchObject([{ status: 'ok' }]);
  });

  test('tells who has the port of a coordinator that does not answer', async () => {
    const other = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(other, 'listening');
    try {
      const { port } = other.address() as AddressInfo;
      const { code, of } = await checks({ PORTOLAN_URL: `http://127.0.0.1:${port}` });
      expect(code).toBe(1);
      expect(of('coordinator')).toMatchObject({ status: 'failure' });
      expect(of('port')).toMatchObject({ status: 'warning', detail: expect.stringContaining(`pid ${process.pid}`) });
    } finally {
      other.close();
    }
  });

  test('tells who takes no part in gossip, and what is known without a coordinator', async () => {
    const alone = mkdtempSync(join(tmpdir(), 'portolan-doctor-alone-'));
    const quiet = new PortolanProcess(['up', '--port', '0', '--json', '--no-gossip'], { PORTOLAN_STATE_DIR: alone });
    try {
      const { url } = await vi.waitFor(() => JSON.parse(quiet.stdout) as { url: string }, patient);
      const without = await checks({ PORTOLAN_URL: url, PORTOLAN_STATE_DIR: alone });
      expect(without.of('gossip')).toMatchObject({ status: 'warning', remedy: expect.stringContaining('--no-gossip') });
      expect(without.of('local')).toMatchObject({ status: 'warning', detail: expect.stringContaining('never heard') });
    } finally {
      await quiet.stop();
      rmSync(alone, { recursive: true });
    }
    const { of } = await checks();
    expect(of('gossip')?.detail).toMatch(/^1 of 1 members are alive, this host at 127\.0\.0\.1:\d+$/);
    const away = await checks({ PORTOLAN_URL: 'http://127.0.0.1:1' });
    expect(away.of('local')).toMatchObject({ status: 'ok', detail: expect.stringContaining('its registry is of') });
  });

  test('tells variables that nobody reads, and those of an outer run', async () => {
    expect((await checks({ PORTOLAN_URI: 'x' })).of('environment')).toMatchObject({
      status: 'warning',
      detail: expect.stringContaining('PORTOLAN_URI'),
    });
    const { of } = await checks({ PORTOLAN_ENDPOINTS: 'shop/web:default=3000/tcp' });
    expect(of('environment')).toMatchObject({ status: 'warning', remedy: expect.stringContaining('unset') });
  });

  test.skipIf(process.platform === 'win32')('tells a state that others can reach, or that is damaged', async () => {
    const spoilt = join(state, 'spoilt');
    mkdirSync(spoilt, { mode: 0o700 });
    const look = async () => (await checks({ PORTOLAN_STATE_DIR: spoilt, PORTOLAN_TOKEN: 'ptn_any' })).of('state');
    writeFileSync(join(spoilt, 'token'), 'ptn_x\n', { mode: 0o644 });
    expect(await look()).toMatchObject({ status: 'failure', remedy: expect.stringContaining('chmod 600') });
    chmodSync(join(spoilt, 'token'), 0o600);
    expect(await look()).toMatchObject({ status: 'ok' });
    writeFileSync(join(spoilt, 'host-id'), '');
    expect(await look()).toMatchObject({ status: 'failure', detail: expect.stringContaining('damaged') });
    rmSync(join(spoilt, 'host-id'));
    chmodSync(spoilt, 0o777);
    expect(await look()).toMatchObject({ status: 'failure', remedy: expect.stringContaining('chmod 700') });
  });
});

describe('on a Redis', () => {
  const unavailable = redisUnavailable();

  test('that keeps nothing, and then is gone, the coordinator is not blamed', async ({ skip, onTestFinished }) => {
    skip(unavailable !== undefined, unavailable);
    const redis = await startRedis({ asProcess: true });
    onTestFinished(() => redis.stop());
    const token = { PORTOLAN_TOKEN: 'ptn_harbour_0123456789abcdefghijklmn' };
    const args = ['server', '--port', '0', '--json', '--redis', redis.url, '--gossip-port', '0'];
    const server = new PortolanProcess(args, { ...environment, ...token });
    onTestFinished(async () => void (await server.stop()));
    const { url } = await vi.waitFor(() => JSON.parse(server.stdout) as { url: string }, patient);
    const at = { ...token, PORTOLAN_URL: url };
    const store = async () => {
      const { checks } = JSON.parse((await portolan(['doctor', '--json'], at)).stdout) as { checks: Check[] };
      return { checks, store: checks.find(({ name }) => name === 'store') };
    };
    expect((await store()).store).toMatchObject({
      ...{ status: 'warning', remedy: 'portolan doctor --redis' },
      detail: expect.stringContaining('acknowledged by memory only: Redis keeps no append-only file'),
    });
    expect(await portolan(['findings', '--kind', 'squatting'], at)).toMatchObject({
      ...{ stdout: 'Nothing is wrong.\n', stderr: '' },
    });

    await redis.shutDown();
    const gone = await store();
    expect(gone.store).toMatchObject({ status: 'failure', remedy: 'portolan doctor --redis' });
    expect(gone.checks.map(({ name }) => name)).not.toContain('port');
    const { code, stdout, stderr } = await portolan(['findings', '--kind', 'squatting', '--json'], at);
    expect([code, JSON.parse(stdout)]).toEqual([0, { items: [] }]);
    expect(stderr).toMatch(/^portolan: the store takes no writes now, so findings may be old \(.*\)\.\n$/);
    const refused = await portolan(['reserve', 'shop/late'], at);
    expect(refused.stderr).toMatch(/; nothing was changed, try again later\. With --provisional/);
  });

  test('without the replicas that were asked for, a coordinator says so', async ({ skip, onTestFinished }) => {
    skip(unavailable !== undefined, unavailable);
    const redis = await startRedis({ asProcess: true });
    onTestFinished(() => redis.stop());
    const args = ['server', '--port', '0', '--json', '--redis', redis.url, '--ack', 'replicas:1'];
    const server = new PortolanProcess(args, {
      ...environment,
      PORTOLAN_TOKEN: 'ptn_harbour_0123456789abcdefghijklmn',
    });
    onTestFinished(async () => void (await server.stop()));
    await vi.waitFor(() => JSON.parse(server.stdout), patient);
    expect(server.stderr).toContain('0 replicas are online: every write is refused until there are enough');
    expect(server.stderr).toMatch(/0 of 1 replicas confirmed.*cannot take part in gossip yet/);
    expect(server.stderr).not.toContain('stack');
    // All goes on by itself once there are enough.
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(redis.port)], asProcess: true });
    onTestFinished(() => replica.stop());
    await vi.waitFor(() => expect(server.stderr).toContain('this coordinator takes part in gossip'), patient);
  });
});

describe('doctor --redis', () => {
  const unavailable = redisUnavailable();

  test('looks at a Redis alone, with no coordinator, and shows no password', async ({ skip, onTestFinished }) => {
    skip(unavailable !== undefined, unavailable);
    const redis = await startRedis({ asProcess: true, persistence: 'aof', args: ['--requirepass', 'harbour-pw'] });
    onTestFinished(() => redis.stop());
    const url = redis.url.replace('://', '://:harbour-pw@');
    const away = { PORTOLAN_URL: 'http://127.0.0.1:1' };
    const { code, stdout, stderr } = await portolan(['doctor', '--redis', url], away);
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^ok {4}server {7}127\.0\.0\.1:\d+ answers, version/m);
    expect(stdout).toMatch(/^ok {4}ack {10}disk/m);
    expect(stdout).not.toContain('harbour-pw');
    expect(code).toBe(0);

    const json = await portolan(['doctor', '--redis', '--fleet', 'dev', '--json'], { ...away, PORTOLAN_REDIS: url });
    const { checks } = JSON.parse(json.stdout) as { checks: Check[] };
    expect(checks).toContainEqual({ name: 'fleet', status: 'ok', detail: 'there is nothing yet of a fleet "dev"' });

    const wrong = await portolan(['doctor', '--redis', url.replace('harbour-pw', 'other-pw')]);
    expect(wrong.stdout).toMatch(/^FAIL {2}server .*WRONGPASS/m);
    expect(wrong.stdout + wrong.stderr).not.toContain('other-pw');
    expect(wrong.code).toBe(1);
  });

  test('wants to know which Redis, and takes --fleet for it alone', async () => {
    const none = await portolan(['doctor', '--redis']);
    expect(none.stderr).toContain('PORTOLAN_REDIS');
    expect(none.code).toBe(2);
    expect((await portolan(['doctor', '--fleet', 'dev'])).code).toBe(2);
    expect((await portolan(['doctor', '--redis', 'redis://:pw-1@'])).stderr).not.toContain('pw-1');
  });
});

test('without a coordinator "who" tells what this machine knows, and that it is no more than that', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const port = String((server.address() as AddressInfo).port);
    // With a token that the agent of this machine does not know, either.
    const away = { PORTOLAN_URL: 'http://127.0.0.1:1', PORTOLAN_TOKEN: 'another' };
    const { code, stdout, stderr } = await portolan(['who', port], away);
    expect(stdout).toContain(`pid ${process.pid}`);
    expect(stderr).toContain('this machine alone');
    expect(code).toBe(5);
    const json = await portolan(['who', port, '--json'], away);
    expect(JSON.parse(json.stdout)).toMatchObject({ scope: 'host', listeners: [{ process: { pid: process.pid } }] });
    expect(JSON.parse(json.stderr)).toMatchObject({ code: 'unreachable' });
  } finally {
    server.close();
  }
});

describe('completion', () => {
  const words = async (...line: string[]) =>
    (await portolan(['completion', 'words', '--', ...line])).stdout
      .split('\n')
      .map((each) => each.split('\t')[0])
      .filter(Boolean);

  test('offers commands, subcommands, options and their values', async () => {
    expect(await words('re')).toEqual(['reserve', 'release']);
    expect(await words('block', '')).toEqual(['add', 'rm', 'ls']);
    expect(await words('ls', '--w')).toEqual(['--wide']);
    expect(await words('completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await words('run', '--', 'npm', '')).toEqual([]);
    expect(await words('nothing', '')).toEqual([]);
  });

  // A project of no other test: the agent, as root, sees what those run in other network namespaces, too.
  test('offers services, ports and ranges of the fleet', async () => {
    await portolan(['reserve', 'tabbed/web', '--port', '25610']);
    await portolan(['range', 'set', 'tabbed-block', '25600-25699', '--owner', 'tabbed']);
    expect(await words('reserve', 'tabbed/')).toEqual(['tabbed/web']);
    expect(await words('who', '256')).toEqual(['25610']);
    expect(await words('reserve', 'tabbed/web', '--range', 'tabbed')).toEqual(['tabbed-block']);
    expect(await words('range', 'rm', '')).toEqual(['tabbed-block']);
  });

  test('works in a real bash, over colons too', async () => {
    await portolan(['reserve', 'tabbed/web', '--port', '25610']);
    const { stdout: script } = await portolan(['completion', 'bash']);
    const file = join(state, 'completion.bash');
    writeFileSync(file, script);
    const bin = join(state, 'portolan');
    const target = fileURLToPath(new URL('../bin/portolan.js', import.meta.url));
    writeFileSync(bin, `#!/bin/sh\nexec "${process.execPath}" "${target}" "$@"\n`, { mode: 0o755 });
    const complete = (line: string, ...split: string[]) =>
      execFileSync(
        'bash',
        [
          '--norc',
          '-c',
          `source ${file}; COMP_LINE='${line}'; COMP_POINT=\${#COMP_LINE}; COMP_WORDS=(${split.join(' ')}); COMP_CWORD=${split.length - 1}; _portolan; printf '%s\\n' "\${COMPREPLY[@]}"`,
        ],
        { env: { ...environment, PATH: `${dirname(bin)}:${process.env.PATH}`, HOME: state }, encoding: 'utf8' },
      ).trim();
    expect(complete('portolan rel', 'portolan', 'rel')).toBe('release');
    expect(complete('portolan release tab', 'portolan', 'release', 'tab')).toBe('tabbed/web');
    expect(complete('portolan completion ', 'portolan', 'completion', "''").split('\n')).toEqual([
      'bash',
      'zsh',
      'fish',
    ]);
  });

  test.each(['zsh', 'fish'])('gives %s a script that it can read', async (shell) => {
    const { code, stdout } = await portolan(['completion', shell]);
    expect(code).toBe(0);
    expect(stdout).toContain('portolan completion words');
    const { error, status } = spawnSync(shell, ['-n', '-c', stdout]);
    if (!error) expect(status).toBe(0);
  });
});
