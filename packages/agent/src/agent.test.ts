import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  HOST_LISTENERS_MAX,
  type HostInfo,
  type Listener,
  listenerId,
  PortolanError,
  type ReportRequest,
  type Task,
  type TaskAnswer,
} from '@portolan/model';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Agent, startAgent } from './agent.ts';
import type { Coordinator } from './coordinator.ts';

const WAIT = { timeout: 60_000, interval: 20 };
const logger = { info() {}, warn() {}, error() {}, debug() {} };

let directory: string;
let agents: Agent[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portolan-agent-'));
  agents = [];
});
afterEach(async () => {
  for (const agent of agents) await agent.stop();
  rmSync(directory, { recursive: true });
});

function coordinator() {
  const listeners = new Map<string, Listener>();
  const answers: TaskAnswer[] = [];
  const state = { down: false, infos: [] as HostInfo[], left: false, tasks: [] as Task[] };
  const guard = () => {
    if (state.down) throw new PortolanError('unreachable', 'no coordinator answered');
  };
  const of: Coordinator = {
    async join(_host, info) {
      guard();
      state.infos.push(info);
    },
    async report(_host, { previous, puts, deletes }: ReportRequest) {
      guard();
      if (previous === null) listeners.clear();
      for (const put of puts) listeners.set(listenerId(put), put);
      for (const id of deletes) listeners.delete(id);
      return { status: 'accepted', ttl: 30 };
    },
    async leave() {
      guard();
      state.left = true;
    },
    async *tasks() {
      guard();
      yield* state.tasks.splice(0);
    },
    async reportHealth() {},
    isReady: async () => true,
    async answerTask(_id, answer) {
      answers.push(answer);
    },
  };
  return { of, state, listeners, answers };
}

function listener(number: number): Listener {
  return {
    protocol: 'tcp',
    address: '127.0.0.1',
    port: 1 + (number % 65_535),
    netns: 'host',
    v6only: false,
    socket: String(number),
    process: null,
    container: null,
    identity: null,
    since: '2026-11-21T08:00:00.000Z',
  };
}

async function start(of: Coordinator, more = {}): Promise<Agent> {
  const agent = await startAgent({
    coordinator: of,
    logger,
    stateDirectory: directory,
    scanInterval: 50,
    dockerSocket: null,
    ...more,
  });
  agents.push(agent);
  return agent;
}

test('what opens and closes on this machine is reported within a scan, also over an outage', async () => {
  const { of, state, listeners } = coordinator();
  await start(of, { hostId: 'h1', hostName: 'harbour' });
  await vi.waitFor(() => expect(state.infos[0]?.name).toBe('harbour'), WAIT);
  const ports = () =>
    [...listeners.values()].filter(({ process: owner }) => owner?.pid === process.pid).map(({ port }) => port);

  const first = createServer().listen(0, '127.0.0.1');
  await once(first, 'listening');
  const { port } = first.address() as AddressInfo;
  await vi.waitFor(() => expect(ports()).toContain(port), WAIT);

  state.down = true;
  first.close();
  await once(first, 'close');
  const second = createServer().listen(0, '127.0.0.1');
  await once(second, 'listening');
  const next = (second.address() as AddressInfo).port;
  state.down = false;
  await vi.waitFor(() => {
    expect(ports()).toContain(next);
    expect(ports()).not.toContain(port);
  }, WAIT);
  second.close();
});

test('the agent starts while no coordinator answers, and stops then too', async () => {
  const { of, state } = coordinator();
  state.down = true;
  const agent = await start(of);
  expect(agent.hostId).not.toBe('');
  await agent.stop();
  expect(state.left).toBe(false);
});

test('stopping says goodbye', async () => {
  const { of, state } = coordinator();
  const agent = await start(of);
  await agent.stop();
  expect(state.left).toBe(true);
});

test('of more sockets than a coordinator keeps of one host the rest is told as not seen', async () => {
  const { of, state, listeners } = coordinator();
  const many = Array.from({ length: HOST_LISTENERS_MAX + 1 }, (_, index) => listener(index));
  const scan = { listeners: many, changed: true, blindSpots: ['the far side'] };
  await start(of, { scanner: { scan: async () => scan } });
  await vi.waitFor(() => expect(listeners.size).toBe(HOST_LISTENERS_MAX), WAIT);
  expect(listeners.has(listenerId(many[0] as Listener))).toBe(true);
  expect(state.infos[0]?.blindSpots).toEqual(['the far side', expect.stringMatching(/beyond the first 100000/)]);
});

test('a task for this host is done and answered, one for another is not', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const task = (id: string, host: string): Task => ({
    id,
    host,
    kind: 'probe',
    protocol: 'tcp',
    ports: [port],
    answer: null,
  });
  const { of, state, answers } = coordinator();
  state.tasks = [task('t1', 'other'), task('t2', 'h1')];
  await start(of, { hostId: 'h1' });
  await vi.waitFor(() => expect(answers).toEqual([{ unavailable: [{ port, reason: 'EADDRINUSE' }] }]), WAIT);
  taken.close();
});
