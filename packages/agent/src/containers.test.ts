import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer as createEngine, type Server } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Listener } from '@portolan/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Containers, engineSockets } from './containers.ts';
import { createScanner } from './scanner.ts';

const ID = 'ab12cd34'.repeat(8);
let directory: string;
let socket: string;
let engine: Server;
let answer: { status: number; body: string } | 'none';
let asked: string[];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'portolan-engine-'));
  socket = join(directory, 'docker.sock');
  asked = [];
  answer = { status: 200, body: '[]' };
  engine = createEngine((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    if (answer === 'none') return;
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
  }).listen(socket);
  await once(engine, 'listening');
});
afterEach(async () => {
  engine.closeAllConnections();
  engine.close();
  await once(engine, 'close');
  rmSync(directory, { recursive: true });
});

function running(ports: object[], status = 'Up 3 minutes') {
  const Labels = { 'com.docker.compose.project': 'mana', 'com.docker.compose.service': 'api' };
  const container = { Id: ID, Names: ['/mana-api-1'], Image: 'mana/api:3', Status: status, Labels, Ports: ports };
  answer = { status: 200, body: JSON.stringify([container]) };
}

test('containers come with name, image, labels and published ports', async () => {
  running([
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { IP: '::', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
    { PrivatePort: 9000, Type: 'tcp' },
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8081, Type: 'sctp' },
  ]);
  const containers = new Containers([socket]);
  expect(await containers.look(10_000, false)).toBe(true);
  expect(asked).toEqual(['GET /containers/json']);
  expect(containers.byId(ID)).toMatchObject({
    name: 'mana-api-1',
    image: 'mana/api:3',
    published: [
      { protocol: 'tcp', address: '0.0.0.0', port: 8080, containerPort: 80 },
      { protocol: 'tcp', address: '::', port: 8080, containerPort: 80 },
    ],
  });
});

test('the engine is asked every few seconds, at once when something new turned up; how long it is up is no change', async () => {
  running([]);
  const containers = new Containers([socket]);
  expect(await containers.look(10_000, false)).toBe(true);
  expect(await containers.look(11_000, false)).toBe(false);
  expect(asked).toHaveLength(1);
  running([], 'Up 4 minutes');
  expect(await containers.look(12_000, true)).toBe(false);
  expect(asked).toHaveLength(2);
  answer = { status: 200, body: '[]' };
  expect(await containers.look(20_000, false)).toBe(true);
  expect(containers.byId(ID)).toBeNull();
});

test('an engine that does not answer is a blind spot, and left alone for a while; none at all is not', async () => {
  answer = 'none';
  const containers = new Containers([socket]);
  await containers.look(10_000, false);
  expect(containers.blindSpot).toContain(socket);
  running([]);
  expect(await containers.look(20_000, true)).toBe(false);
  expect(await containers.look(45_000, false)).toBe(true);
  expect(containers.blindSpot).toBeNull();

  const none = new Containers([join(directory, 'absent.sock')]);
  await none.look(10_000, false);
  expect(none.blindSpot).toBeNull();
});

test.each(['{"message":"no"}', 'not json', '[null, {}, {"Id":7}]', '[{"Id":"x","Ports":[{"PublicPort":99999}]}]'])(
  'an answer like %s does no harm',
  async (body) => {
    answer = { status: 200, body };
    const containers = new Containers([socket]);
    await containers.look(10_000, false);
    expect([...containers.all()].flatMap(({ published }) => published)).toEqual([]);
  },
);

test('the engine that the environment names goes before the usual places', () => {
  expect(engineSockets({ DOCKER_HOST: 'unix:///tmp/engine.sock' })).toEqual(['/tmp/engine.sock']);
  expect(engineSockets({ DOCKER_HOST: 'tcp://10.0.0.1:2375', XDG_RUNTIME_DIR: '/run/user/7' })).toEqual([
    '/var/run/docker.sock',
    '/run/podman/podman.sock',
    '/run/user/7/docker.sock',
    '/run/user/7/podman/podman.sock',
  ]);
});

test.runIf(process.platform === 'linux')(
  'a published port that no socket shows is a listener all the same',
  async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as AddressInfo;
    free.close();
    await once(free, 'close');
    running([{ IP: '127.0.0.1', PrivatePort: 80, PublicPort: port, Type: 'tcp' }]);
    let now = Date.now();
    const scanner = createScanner({ dockerSocket: socket, now: () => now });
    const seen = async () => (await scanner.scan()).listeners.filter((listener) => listener.port === port);
    const [listener] = await seen();
    expect(Listener.parse(listener)).toMatchObject({
      protocol: 'tcp',
      address: '127.0.0.1',
      netns: 'host',
      socket: `docker:${ID.slice(0, 12)}`,
      process: null,
      container: { id: ID, name: 'mana-api-1', publishes: 80 },
      identity: { service: 'mana/api', evidence: { kind: 'container' } },
    });
    now += 10_000;
    expect((await seen())[0]).toBe(listener);
    answer = { status: 200, body: '[]' };
    now += 10_000;
    expect(await seen()).toEqual([]);
  },
);

test.runIf(process.platform === 'linux')("what the engine's forwarder listens on is its container's", async () => {
  const forwarder = join(directory, 'docker-proxy');
  copyFileSync(process.execPath, forwarder);
  const script = "const s = require('net').createServer().listen(0, '127.0.0.1', () => console.log(s.address().port))";
  const child = spawn(forwarder, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [line] = await once(child.stdout, 'data');
    const port = Number(line);
    running([{ IP: '127.0.0.1', PrivatePort: 80, PublicPort: port, Type: 'tcp' }]);
    const { listeners } = await createScanner({ dockerSocket: socket }).scan();
    expect(listeners.filter((listener) => listener.port === port)).toMatchObject([
      {
        process: { pid: child.pid, command: 'docker-proxy' },
        container: { id: ID, name: 'mana-api-1', publishes: 80 },
        identity: { service: 'mana/api', evidence: { kind: 'container' } },
      },
    ]);
  } finally {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
});
