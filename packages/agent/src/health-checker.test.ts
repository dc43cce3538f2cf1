import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Health, type HealthReport, key, type Listener } from '@portolan/model';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from './clock.ts';
import { HealthChecker } from './health-checker.ts';

const patient = { timeout: 60_000, interval: 10 };

let status: number;
let asked: number;
let paths: string[];
let atOnce: number;
let mostAtOnce: number;
let hold: Promise<void> | undefined;
let port: number;
let listeners: Listener[];
let ended: AbortController;
let running: Promise<void>;
let reports: HealthReport[];
let refuse: boolean;
let checker: HealthChecker;
const server = createServer(async (request, response) => {
  asked++;
  paths.push(request.url ?? '');
  mostAtOnce = Math.max(mostAtOnce, ++atOnce);
  await hold;
  atOnce--;
  response.writeHead(status).end();
});

beforeEach(async () => {
  [status, asked, atOnce, mostAtOnce, hold, refuse, reports, paths] = [200, 0, 0, 0, undefined, false, [], []];
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
  listeners = [
    {
      protocol: 'tcp',
      address: '127.0.0.1',
      port,
      netns: 'host',
      v6only: false,
      socket: '1',
      process: null,
      container: null,
      identity: null,
      since: '2026-11-21T08:00:00.000Z',
    },
  ];
  checker = new HealthChecker({
    clock: systemClock,
    random: Math.random,
    listeners: () => listeners,
    async report(report) {
      if (refuse) throw new Error('no coordinator');
      reports.push(report);
      // As a coordinator does: what was told comes back as the entry.
      for (const { service, label, ...outcome } of report.results) {
        checker.heed({ op: 'put', value: { ...wanted(label), ...outcome } });
      }
    },
    onTrouble: () => {},
    interval: 100,
  });
  ended = new AbortController();
  running = checker.run(ended.signal);
});
afterEach(async () => {
  ended.abort();
  await running;
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

function wanted(label = 'api'): Health {
  return {
    host: 'a',
    service: 'mana/sync',
    label,
    check: { kind: 'http', port, path: `/${label}`, name: null },
    state: 'unknown',
    code: null,
    ms: null,
    detail: '',
    since: '2026-11-21T08:00:00.000Z',
  };
}

const states = () => reports.flatMap(({ results }) => results.map(({ state, code }) => [state, code]));

test('what changes is told once, and a failure only when it was seen three times in a row', async () => {
  checker.heed({ op: 'put', value: wanted() });
  await vi.waitFor(() => expect(states()).toEqual([['passing', 200]]), patient);
  await vi.waitFor(() => expect(asked).toBeGreaterThan(4), patient);
  expect(states()).toHaveLength(1);

  const before = asked;
  status = 503;
  await vi.waitFor(() => expect(states().at(-1)).toEqual(['failing', 503]), patient);
  expect(asked - before).toBe(3);
  status = 200;
  await vi.waitFor(() => expect(states()).toHaveLength(3), patient);
  expect(states().at(-1)).toEqual(['passing', 200]);
});

test('a hiccup is not told', async () => {
  checker.heed({ op: 'put', value: wanted() });
  await vi.waitFor(() => expect(states()).toHaveLength(1), patient);
  status = 500;
  const before = asked;
  await vi.waitFor(() => expect(asked).toBe(before + 2), patient);
  status = 200;
  await vi.waitFor(() => expect(asked).toBeGreaterThan(before + 5), patient);
  expect(states()).toEqual([['passing', 200]]);
});

test('what no coordinator took is told again', async () => {
  refuse = true;
  checker.heed({ op: 'put', value: wanted() });
  await vi.waitFor(() => expect(asked).toBeGreaterThan(2), patient);
  expect(reports).toEqual([]);
  refuse = false;
  await vi.waitFor(() => expect(states()).toEqual([['passing', 200]]), patient);
});

test('what is no longer wanted is not asked', async () => {
  checker.heed({ op: 'put', value: wanted() });
  await vi.waitFor(() => expect(asked).toBeGreaterThan(0), patient);
  checker.heed({ op: 'delete', key: key.health(wanted()) });
  checker.heed({ op: 'put', value: wanted('other') });
  checker.heed({ op: 'reset' });
  checker.heed({ op: 'put', value: wanted('third') });
  // By its second question, those that were on their way have come.
  await vi.waitFor(() => expect(paths.filter((path) => path === '/third').length).toBeGreaterThan(1), patient);
  paths = [];
  await vi.waitFor(() => expect(paths.length).toBeGreaterThan(4), patient);
  expect(new Set(paths)).toEqual(new Set(['/third']));
});

test('many services are asked a few at a time', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  hold = promise;
  for (let i = 0; i < 50; i++) checker.heed({ op: 'put', value: wanted(`l${i}`) });
  await vi.waitFor(() => expect(atOnce).toBe(8), patient);
  resolve();
  await vi.waitFor(() => expect(states()).toHaveLength(50), patient);
  expect(mostAtOnce).toBe(8);
});
