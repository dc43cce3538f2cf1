import { type Agent, type Coordinator, startAgent } from '@portolan/agent';
import { connect, type PortolanClient } from '@portolan/client';
import { type Listener, listenerId, type Position, type StreamEvent } from '@portolan/model';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 50 };

let bench: Workbench;
let client: PortolanClient;
let agents: Agent[];

beforeEach(async () => {
  bench = new Workbench();
  agents = [];
  const { url } = await bench.coordinator([]);
  client = connect({ url, token: bench.token });
});
afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await bench.clear();
});

function listener(number: number, pid = 100): Listener {
  return {
    protocol: 'udp',
    address: `127.0.${number >> 14}.1`,
    port: 1024 + (number & 0x3fff),
    netns: 'host',
    v6only: false,
    socket: String(number),
    process: { pid, startedAt: 1, uid: 0, user: 'ada', command: 'relay', commandLine: 'relay --many', cwd: '/' },
    container: null,
    identity: null,
    since: '2026-11-21T08:00:00.000Z',
  };
}

/** An agent of the host `big` that sees these; as one that is killed, it does not say goodbye unless it is told to. */
async function agentThatSees(listeners: readonly Listener[], goodbye = false): Promise<Agent> {
  const coordinator: Coordinator = {
    join: (host, info) => client.join(host, info),
    report: (host, report) => client.report(host, report),
    leave: async (host) => goodbye && client.leave(host),
    async *tasks(_host, signal) {
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    },
    answerTask: (id, answer) => client.answerTask(id, answer),
    reportHealth: async () => {},
    isReady: async () => true,
  };
  const logger = { info() {}, debug() {}, warn: console.warn, error: console.error };
  let changed = true;
  const scanner = {
    scan: async () => {
      const scan = { listeners, changed, blindSpots: [] };
      changed = false;
      return scan;
    },
  };
  const agent = await startAgent({ coordinator, scanner, logger, hostId: 'big', hostName: 'big' });
  agents.push(agent);
  return agent;
}

/** What was committed to listeners after the position, in order. */
async function changesAfter(after: Position): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for (let position = after; ; ) {
    const page = await client.changes({ after: position, topics: ['listener'] });
    events.push(...page.commits.flatMap((commit) => commit.events));
    if (page.position === position) return events;
    position = page.position;
  }
}

async function head(): Promise<Position> {
  return (await client.changes()).position;
}

/** Resolves when the coordinator holds exactly these. */
async function told(ids: readonly string[]): Promise<void> {
  const wanted = [...ids].sort();
  await vi.waitFor(async () => expect(await heldIds()).toEqual(wanted), patient);
}

async function heldIds(): Promise<string[]> {
  const ids: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await client.listeners({ host: 'big', limit: 1000, ...(after !== undefined && { after }) });
    ids.push(...page.items.map(listenerId));
    if (page.next === null) return ids.sort();
    after = page.next;
  }
}

test('the listeners of a host that fill several reports are each put once, and a resync touches what differs alone', async () => {
  const many = Array.from({ length: 5000 }, (_, number) => listener(number));
  const begin = await head();
  const first = await agentThatSees(many);
  await told(many.map(listenerId));
  const puts = await changesAfter(begin);
  expect(puts.every(({ op }) => op === 'put')).toBe(true);
  expect(new Set(puts.map(({ key }) => key)).size).toBe(5000);
  expect(puts).toHaveLength(5000);
  await first.stop();

  const settled = await head();
  const fewer = many.toSpliced(4000, 3).toSpliced(17, 1, listener(17, 200));
  const second = await agentThatSees([...fewer, listener(6000)]);
  await told([...fewer, listener(6000)].map(listenerId));
  const changes = (await changesAfter(settled)).map(({ op, key }) => `${op} ${key.replace('listener/big/', '')}`);
  await second.stop();
  expect(changes.sort()).toEqual(
    [
      ...many.slice(4000, 4003).map((gone) => `delete ${listenerId(gone)}`),
      `put ${listenerId(listener(17))}`,
      `put ${listenerId(listener(6000))}`,
    ].sort(),
  );
});

test('a host with more listeners than one commit may remove can lose them, and leave', async () => {
  const many = Array.from({ length: 25_000 }, (_, number) => listener(number));
  const first = await agentThatSees(many);
  await told(many.map(listenerId));
  await first.stop();

  const second = await agentThatSees(many.slice(0, 10));
  await told(many.slice(0, 10).map(listenerId));
  await second.stop();

  const third = await agentThatSees(many, true);
  await told(many.map(listenerId));
  await third.stop();
  await told([]);
  expect(await client.host('big')).toMatchObject({ state: 'left' });
});
