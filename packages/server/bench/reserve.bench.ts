// Reserving against its peers, in turn on one Redis, the same number in flight: in-process against one bare EVALSHA a
// call, and over HTTP against a bare Hono route that makes one. The script takes the next port of a bitmap; ours avoids
// what is observed or blocked anywhere, keeps asking again harmless, feeds replica and stream, and tells all about it.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ReserveRequest } from '@portolan/model';
import { pino } from 'pino';
import { startRedis } from '../../../test/support/redis.ts';
import { startCoordinator } from '../src/coordinator.ts';
import { openRedisStore } from '../src/store/redis-store.ts';
import { openPeer } from './evalsha-peer.ts';

const ROUNDS = 5;
const RESERVATIONS = 20_000;
/** In a process of its own, the first requests only compile its code. */
const WARM_UP = 15_000;
const IN_FLIGHT = 200;
const CONNECTIONS = 64;
const FIRST_PORT = 1_100;

const logger = pino({ level: 'silent' });
let fleets = 0;

interface Target {
  readonly url: string;
  readonly acknowledgement: string;
}

for (const persistence of ['none', 'aof'] as const) {
  const server = await startRedis({ persistence });
  const redis: Target = { url: server.url, acknowledgement: persistence === 'none' ? 'memory' : 'disk' };
  console.log(
    `\nRedis with ${persistence === 'none' ? 'no persistence' : 'AOF always'}, ${RESERVATIONS} reservations a round, ${ROUNDS} rounds in turn\n`,
  );
  await compare(`in-process, ${IN_FLIGHT} in flight`, 'bare EVALSHA a call', [
    () => inProcess(redis),
    () => bareEvalsha(redis),
  ]);
  await compare(`over HTTP, ${CONNECTIONS} connections`, 'bare Hono + EVALSHA', [
    () => overHttp(redis, 'portolan'),
    () => overHttp(redis, 'peer'),
  ]);
  await server.stop();
}

async function compare(
  ours: string,
  peer: string,
  runs: [() => Promise<number>, () => Promise<number>],
): Promise<void> {
  const rates: [number[], number[]] = [[], []];
  await runs[0]();
  await runs[1]();
  for (let round = 0; round < ROUNDS; round++) {
    rates[0].push(await runs[0]());
    rates[1].push(await runs[1]());
  }
  const ratios = rates[0].map((rate, i) => rate / rates[1][i]!);
  const row = (name: string, values: number[], digits: number) =>
    console.log(
      `${name.padEnd(34)} ${median(values).toFixed(digits).padStart(9)}   (${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)})`,
    );
  row(`Portolan ${ours}, /s`, rates[0], 0);
  row(`${peer}, /s`, rates[1], 0);
  row('ratio', ratios, 2);
  console.log();
}

async function inProcess(redis: Target): Promise<number> {
  const store = await openRedisStore({
    url: redis.url,
    fleet: `bench${fleets++}`,
    acknowledgement: redis.acknowledgement,
    logger,
  });
  const coordinator = await startCoordinator(store, logger);
  const request = ReserveRequest.parse({
    project: 'bench',
    service: 's',
    label: 'api',
    range: { from: FIRST_PORT, to: 65_000 },
  });
  const rate = await paced(IN_FLIGHT, (i) => coordinator.reserver.reserve({ ...request, service: `s${i}` }));
  if (coordinator.fleet.count('assignment') !== RESERVATIONS) throw new Error('reservations are missing');
  await coordinator.stop();
  return rate;
}

async function bareEvalsha(redis: Target): Promise<number> {
  const peer = await openPeer(redis.url, `peer${fleets++}`, FIRST_PORT, 65_000);
  const rate = await paced(IN_FLIGHT, (i) => peer.reserve(`s${i}`));
  await peer.close();
  return rate;
}

async function paced(inFlight: number, call: (i: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const worker = async () => {
    while (next < RESERVATIONS) await call(next++);
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: inFlight }, worker));
  return RESERVATIONS / ((performance.now() - started) / 1000);
}

async function overHttp(redis: Target, kind: 'portolan' | 'peer'): Promise<number> {
  const child: ChildProcess = fork(new URL('http-side.ts', import.meta.url), [
    kind,
    redis.url,
    `http${fleets++}`,
    redis.acknowledgement,
  ]);
  const [port] = (await once(child, 'message')) as [number];
  const sockets = await Promise.all(Array.from({ length: CONNECTIONS }, () => dial(port)));
  let next = 0;
  const reserveUpTo = async (count: number) => {
    const worker = async (socket: Socket) => {
      while (next < count) {
        const i = next++;
        const body = JSON.stringify({ project: 'bench', service: `s${i}`, label: 'api', range: `${FIRST_PORT}-65000` });
        await exchange(socket, body);
      }
    };
    await Promise.all(sockets.map(worker));
  };
  await reserveUpTo(WARM_UP);
  const started = performance.now();
  await reserveUpTo(WARM_UP + RESERVATIONS);
  const rate = RESERVATIONS / ((performance.now() - started) / 1000);
  for (const socket of sockets) socket.destroy();
  child.kill('SIGTERM');
  await once(child, 'exit');
  return rate;
}

async function dial(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** One request, and its whole answer. A client library would cost more than what is measured. */
function exchange(socket: Socket, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const onData = (chunk: Buffer) => {
      answer += chunk.toString('latin1');
      const head = answer.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(answer)?.[1]);
      if (answer.length < head + 4 + length) return;
      socket.off('data', onData);
      if (answer.startsWith('HTTP/1.1 201')) resolve();
      else reject(new Error(answer));
    };
    socket.on('data', onData);
    socket.write(
      `POST /v1/assignments HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer bench\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
