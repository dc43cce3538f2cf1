import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { containerEngineAnswers } from '../../scripts/container-engine.mjs';
import { freePort } from './port.ts';

const IMAGE = 'redis:7-alpine';
/** How long a Redis may take to answer its first PING, ms. */
const START_TIMEOUT = 30_000;
const PORT_ATTEMPTS = 5;
/** ms */
const TOLD_AGAIN = 1_000;

export interface TestRedis {
  readonly url: string;
  /** On 127.0.0.1. */
  readonly port: number;
  /** Absent when it runs in a container. */
  readonly pid?: number;
  /** Ends it and deletes its data. */
  stop(): Promise<void>;
  /** SIGKILL; the data stays for `restart`. */
  kill(): Promise<void>;
  /** SIGTERM; the data stays for `restart`. */
  shutDown(): Promise<void>;
  /** After `kill` or `shutDown`: again on the same port, with the data that it had written (none unless `persistence` is `aof`). */
  restart(): Promise<void>;
}

export interface RedisOptions {
  /** Further arguments of `redis-server`; they win over ours. */
  readonly args?: readonly string[];
  /** `aof`: each write is on disk before its answer (`appendfsync always`). Default: `none`. */
  readonly persistence?: 'none' | 'aof';
  /** Never in a container: a process has a pid, and can be frozen. See `redisUnavailable`. */
  readonly asProcess?: boolean;
}

/** Why no Redis can be started as a process of this machine; nothing where it can. */
export function redisUnavailable(): string | undefined {
  const { error } = spawnSync(program(), ['--version']);
  return error && `${program()} cannot be run here: ${error.message}`;
}

function program(): string {
  const chosen = process.env.PORTOLAN_TEST_REDIS ?? 'container';
  return chosen === 'container' ? 'redis-server' : chosen;
}

/**
 * Starts a Redis for one test: in a container when an engine answers, else the `redis-server` of this machine.
 *
 * PORTOLAN_TEST_REDIS says which, without asking: `container`, or the path of the program.
 */
export async function startRedis(options: RedisOptions = {}): Promise<TestRedis> {
  if (options.asProcess) return startProcess(program(), options);
  const source = process.env.PORTOLAN_TEST_REDIS ?? ((await containerEngineAnswers()) ? 'container' : 'redis-server');
  return source === 'container' ? startContainer(options) : startProcess(source, options);
}

function startProcess(program: string, options: RedisOptions): Promise<TestRedis> {
  return onFreePort((port, folder) =>
    RedisProcess.start(program, port, folder, ['--dir', folder, ...argumentsFor(port, options)]),
  );
}

/** @param configure the lines of its configuration; the sentinel adds to them what it finds out */
export function startSentinel(configure: (port: number) => readonly string[]): Promise<TestRedis> {
  return onFreePort(async (port, folder) => {
    const file = join(folder, 'sentinel.conf');
    const lines = [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, ...configure(port)];
    await writeFile(file, lines.join('\n'));
    return RedisProcess.start(program(), port, folder, [file, '--sentinel']);
  });
}

async function onFreePort(start: (port: number, folder: string) => Promise<TestRedis>): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'portolan-redis-'));
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    try {
      return await start(port, folder);
    } catch (error) {
      if (attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

class RedisProcess implements TestRedis {
  readonly url: string;
  readonly port: number;
  readonly #program: string;
  readonly #folder: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(program: string, port: number, folder: string, args: readonly string[]) {
    this.url = `redis://127.0.0.1:${port}`;
    this.port = port;
    this.#program = program;
    this.#folder = folder;
    this.#args = args;
  }

  static async start(program: string, port: number, folder: string, args: readonly string[]): Promise<RedisProcess> {
    const redis = new RedisProcess(program, port, folder, args);
    await redis.restart();
    running.add(redis);
    return redis;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async restart(): Promise<void> {
    const child = spawn(this.#program, this.#args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let log = '';
    child.stdout.on('data', (chunk: Buffer) => {
      log = (log + chunk).slice(-2000);
    });
    this.#child = child;
    const ended = Promise.race([
      once(child, 'exit').then(() => new Error(`${this.#program} ended before it answered:\n${log}`)),
      once(child, 'error').then(([error]) => error as Error),
    ]);
    const failure = await Promise.race([answersPing(this.port), ended.catch((error: Error) => error)]);
    if (failure === undefined) return;
    child.kill('SIGKILL');
    this.#child = undefined;
    throw failure;
  }

  async stop(): Promise<void> {
    // A paused process would never hear of SIGTERM.
    this.#child?.kill('SIGCONT');
    // Nothing of it is kept.
    await this.#end('SIGKILL');
    running.delete(this);
    await rm(this.#folder, { recursive: true, force: true });
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async shutDown(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit').then(() => true);
    // One that is writing its first append-only file refuses to end, and has to be told again.
    do child.kill(signal);
    while (!(await Promise.race([exited, sleep(TOLD_AGAIN, false, { ref: false })])));
  }

  abandon(): void {
    this.#child?.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** None outlives the process of the test. */
const running = new Set<RedisProcess>();
process.on('exit', () => {
  for (const each of running) each.abandon();
});

async function startContainer(options: RedisOptions): Promise<TestRedis> {
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers');
  const port = await freePort();
  const definition = new GenericContainer(IMAGE).withWaitStrategy(Wait.forLogMessage('Ready to accept connections'));
  // On Linux the container shares our loopback, so that servers reach one another there (`--replicaof 127.0.0.1 ...`).
  const container =
    process.platform === 'linux'
      ? await definition
          .withNetworkMode('host')
          .withCommand(['redis-server', ...argumentsFor(port, options)])
          .start()
      : await definition
          .withExposedPorts({ container: port, host: port })
          .withCommand(['redis-server', ...argumentsFor(port, options), '--bind', '0.0.0.0', '--protected-mode', 'no'])
          .start();
  const unreachable = await answersPing(port);
  if (unreachable !== undefined) {
    await container.stop();
    throw unreachable;
  }
  const signal = async (signal: 'SIGKILL' | 'SIGTERM') => {
    const { container: engine } = await getContainerRuntimeClient();
    await engine.getById(container.getId()).kill({ signal });
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    stop: async () => {
      await container.stop();
    },
    kill: () => signal('SIGKILL'),
    shutDown: () => signal('SIGTERM'),
    restart: async () => {
      await container.restart();
    },
  };
}

function argumentsFor(port: number, { args = [], persistence = 'none' }: RedisOptions): string[] {
  const durability = persistence === 'aof' ? ['--appendonly', 'yes', '--appendfsync', 'always'] : [];
  // A replica would else wait 5 s for others before it is fed.
  const replication = ['--repl-diskless-sync-delay', '0'];
  return ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', ...durability, ...replication, ...args];
}

/** Waits until the server answers PING; gives an error instead of throwing it when it does not in time. */
async function answersPing(port: number): Promise<Error | undefined> {
  const deadline = performance.now() + START_TIMEOUT;
  while (performance.now() < deadline) {
    const answer = await ping(port);
    // A refusal (a password is wanted) is an answer as well.
    if (answer !== '' && !answer.startsWith('-LOADING')) return undefined;
    await sleep(10);
  }
  return new Error(`Redis did not answer on port ${port} within ${START_TIMEOUT / 1000} s`);
}

function ping(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1000, () => socket.destroy());
    socket.on('data', (data) => {
      resolve(data.toString());
      socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(''));
  });
}
