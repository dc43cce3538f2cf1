import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { ClockShim } from '../machine/clock-shim.ts';
import { Process } from '../machine/process.ts';

export interface RedisOptions {
  readonly directory: string;
  readonly name: string;
  readonly port: number;
  /** That it listens at; loopback unless it runs in a namespace. */
  readonly host?: string;
  readonly namespace?: string;
  readonly clock?: ClockShim;
  /** `aof`: each write is on disk before its answer. Default: `aof`. */
  readonly persistence?: 'aof' | 'none';
  /** The primary that it is a replica of. */
  readonly primary?: Address | undefined;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** As `test/support/redis.ts` has it: a process is needed here, so a container is not. */
export function redisProgram(): string {
  const chosen = process.env.PORTOLAN_TEST_REDIS ?? 'container';
  return chosen === 'container' ? 'redis-server' : chosen;
}

/** One command on a connection of its own. @throws when there is no answer within 5 s */
export async function askRedis(
  { host, port }: Address,
  command: string,
  ...args: (string | number)[]
): Promise<unknown> {
  const redis = new Redis({
    host,
    port,
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    connectTimeout: 5000,
    commandTimeout: 5000,
  });
  redis.on('error', () => {});
  try {
    await redis.connect();
    return await redis.call(command, ...args);
  } finally {
    redis.disconnect();
  }
}

/** `redis-server`, whose persistence and whose primary may be others at the next start. */
export class RedisServer extends Process implements Address {
  readonly host: string;
  readonly port: number;
  persistence: 'aof' | 'none';
  primary: Address | undefined;

  constructor({ directory, name, port, host = '127.0.0.1', persistence = 'aof', primary, ...more }: RedisOptions) {
    super({ directory: join(directory, name), name, command: [redisProgram()], ...more });
    this.host = host;
    this.port = port;
    this.persistence = persistence;
    this.primary = primary;
  }

  protected override args(): string[] {
    const { primary, persistence } = this;
    return [
      ...['--port', String(this.port), '--bind', this.host, '--protected-mode', 'no', '--save', ''],
      // A replica would else wait 5 s for others before it is fed.
      ...['--repl-diskless-sync-delay', '0', '--repl-timeout', '10'],
      ...(persistence === 'aof' ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']),
      ...(primary ? ['--replicaof', primary.host, String(primary.port)] : []),
    ];
  }

  protected override async isReady(): Promise<boolean> {
    return (await this.ask('PING')) === 'PONG';
  }

  ask(command: string, ...args: (string | number)[]): Promise<unknown> {
    return askRedis(this, command, ...args);
  }

  /** So many replicas get what it writes. */
  async hasReplicas(count: number): Promise<boolean> {
    const info = String(await this.ask('INFO', 'replication'));
    return (info.match(/state=online/g)?.length ?? 0) === count;
  }

  /** It is a replica that has all of its primary's past. */
  async isInStep(): Promise<boolean> {
    return String(await this.ask('INFO', 'replication')).includes('master_link_status:up');
  }

  /** Copies what it has on disk, as of the last write. */
  backUp(): void {
    cpSync(this.#files, this.#backup, { recursive: true });
  }

  /** While it is not running: puts the last backup in the place of what it has. */
  restore(): void {
    rmSync(this.#files, { recursive: true });
    cpSync(this.#backup, this.#files, { recursive: true });
  }

  get #files(): string {
    return join(this.directory, 'appendonlydir');
  }

  get #backup(): string {
    return join(this.directory, 'backup');
  }

  /** Position of the last commit of the fleet. */
  async head(): Promise<string> {
    return String(await this.ask('HGET', '{portolan:default}:meta', 'head'));
  }

  /** Keys of the entries of the fleet. */
  async entries(): Promise<string[]> {
    return (await this.ask('HKEYS', '{portolan:default}:kv')) as string[];
  }

  /** Leases of the fleet. */
  async leases(): Promise<string[]> {
    return (await this.ask('ZRANGE', '{portolan:default}:lease', 0, -1)) as string[];
  }
}
