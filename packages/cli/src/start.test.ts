import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Ended, PortolanProcess } from './portolan-process.ts';

let state: string;
const portolan = (args: string[], environment: Record<string, string> = {}): Promise<Ended> =>
  new PortolanProcess(args, { PORTOLAN_STATE_DIR: state, ...environment }).ended;

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'portolan-start-'));
});
afterAll(() => rm(state, { recursive: true }));

describe('server', () => {
  const anyPort = ['server', '--port', '0', '--log-level', 'silent'];

  test('refuses an acknowledgement level that there is none of, before it asks the store', async () => {
    const { code, stderr } = await portolan([...anyPort, '--redis', 'redis://127.0.0.1:1', '--ack', 'always']);
    expect(stderr).toContain('replicas:N');
    expect(code).toBe(2);
  });

  test('refuses what only a Redis can do when it has none', async () => {
    for (const option of ['--ack', '--fleet']) {
      const { code, stderr } = await portolan([...anyPort, option, 'memory']);
      expect(stderr).toContain('--redis');
      expect(code).toBe(2);
    }
  });

  test('on an address that the machine does not have says so', async () => {
    // 192.0.2.0/24 is for documentation.
    const { code, stderr } = await portolan([...anyPort, '--host', '192.0.2.77', '--insecure-bind']);
    expect(stderr).toContain('192.0.2.77:0: this machine has no such address');
    expect(code).toBe(2);
  });
});

test('an agent with a wrong token ends at once, rather than try for ever', async () => {
  const server = new PortolanProcess(['server', '--port', '0', '--json'], { PORTOLAN_STATE_DIR: state });
  try {
    const { url } = await vi.waitFor(() => JSON.parse(server.stdout) as { url: string }, { timeout: 60_000 });
    const { code, stderr } = await portolan(['agent', '--url', url], { PORTOLAN_TOKEN: 'another' });
    expect(stderr).toContain('token');
    expect(code).toBe(4);
  } finally {
    await server.stop();
  }
});

test.skipIf(process.platform === 'win32')(
  'one Ctrl-C that comes twice, as npm has it, lets it stop in good order',
  async () => {
    const up = new PortolanProcess(['up', '--port', '0'], { PORTOLAN_STATE_DIR: await mkdtemp(join(state, 'up-')) });
    await vi.waitFor(() => expect(up.stdout).toContain('ready'), { timeout: 60_000, interval: 50 });
    up.child.kill('SIGINT');
    await vi.waitFor(() => expect(up.stdout).toContain('Stopping'), { timeout: 60_000, interval: 1 });
    const { code, stderr } = await up.stop('SIGINT');
    expect(stderr).toBe('');
    expect(code).toBe(0);
  },
);
