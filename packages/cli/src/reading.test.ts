import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { ago } from './age.ts';
import { type Ended, PortolanProcess } from './portolan-process.ts';

let state: string;
let up: PortolanProcess;
let url: string;
let hole: Server;
let blackHole: string;
/** Given by the coordinator: what else listens on this machine must not matter. */
let port: number;

beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), 'portolan-reading-'));
  up = new PortolanProcess(['up', '--port', '0', '--json'], { PORTOLAN_STATE_DIR: state });
  ({ url } = await vi.waitFor(() => JSON.parse(up.stdout) as { url: string }, { timeout: 60_000 }));
  // It takes connections, and says nothing.
  hole = createServer().listen(0, '127.0.0.1');
  await once(hole, 'listening');
  blackHole = `http://127.0.0.1:${(hole.address() as AddressInfo).port}`;
  const { stdout, stderr } = await portolan(['reserve', 'shop/cart', '--url', url]);
  port = Number(stdout);
  expect(port, stderr).toBeGreaterThan(0);
});
afterAll(async () => {
  hole.close();
  await up.stop();
  await rm(state, { recursive: true });
});

const portolan = (args: string[], environment: Record<string, string> = {}): Promise<Ended> =>
  new PortolanProcess(args, { PORTOLAN_STATE_DIR: state, ...environment }).ended;

test('where every coordinator refuses, the agent of this machine answers', async () => {
  await vi.waitFor(
    async () => {
      const { code, stdout, stderr } = await portolan(['ls', '--url', 'http://127.0.0.1:1']);
      expect(stdout).toMatch(/PROJECT +SERVICE +STATE +HOSTS +AS OF\n/);
      expect(stdout).toContain(`cart:${port}`);
      expect(stderr).toMatch(/^portolan: no coordinator answers; .*\n$/);
      expect(code).toBe(0);
    },
    { timeout: 60_000, interval: 200 },
  );
});

test('a coordinator that neither answers nor refuses costs a moment, not the time that it may take', async () => {
  await vi.waitFor(async () => {
    const begun = performance.now();
    const { code, stdout } = await portolan(['who', String(port), '--url', blackHole, '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ assignments: [{ port }], source: { attended: true } });
    // The command itself starts in that time, too; waited for in full, it would be 10 s.
    expect(performance.now() - begun).toBeLessThan(8_000);
  }, 100_000);
});

test('where a coordinator answers nothing is said, and nothing is older than now', async () => {
  const { stdout, stderr } = await portolan(['ls', '--url', url]);
  expect(stderr).toBe('');
  expect(stdout).not.toContain('AS OF');
});

test('what is refused by a coordinator is not asked for elsewhere', async () => {
  const { code, stderr } = await portolan(['ls', '--url', url], { PORTOLAN_TOKEN: 'another' });
  expect(code).toBe(4);
  expect(stderr).toContain('token');
});

test('nothing is reserved without a coordinator, and no provisional lease given while the agent has one', async () => {
  const away = ['--url', 'http://127.0.0.1:1'];
  const { code, stderr, stdout } = await portolan(['reserve', 'shop/late', ...away]);
  expect([code, stdout]).toEqual([5, '']);
  expect(stderr).toMatch(/Nothing was reserved\. With --provisional/);
  // Its URL was wrong here, and the agent has a right one.
  const given = await portolan(['reserve', 'shop/late', '--provisional', ...away]);
  expect([given.code, given.stdout]).toEqual([4, '']);
  expect(given.stderr).toContain('a coordinator answers this agent');
  const { stdout: told } = await portolan(['ls', '--json', '--url', url]);
  expect(told).not.toContain('late');
});

test('ages are told in words', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');
  const at = (seconds: number) => ago(new Date(now - seconds * 1000).toISOString(), now);
  expect([0, 1, 2, 119, 120, 7_199, 7_200, 172_799, 172_800, -5].map(at)).toEqual([
    'now',
    'now',
    '2 s ago',
    '119 s ago',
    '2 min ago',
    '120 min ago',
    '2 h ago',
    '48 h ago',
    '2 d ago',
    'now',
  ]);
});
