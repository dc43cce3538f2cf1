import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Process } from '../machine/process.ts';
import { type Address, askRedis, redisProgram } from './redis.ts';

/** What the sentinels call the group that they watch. */
const GROUP = 'harbour';

export interface SentinelOptions {
  readonly directory: string;
  readonly name: string;
  readonly port: number;
  readonly host?: string;
  readonly namespace?: string;
  readonly primary: Address;
  /** How long the primary is silent until it is taken for down, ms. */
  readonly downAfter: number;
  readonly failoverTimeout: number;
}

/** One of three sentinels, of which two have to agree. */
export class Sentinel extends Process implements Address {
  readonly host: string;
  readonly port: number;
  readonly #file: string;

  constructor({
    directory,
    name,
    port,
    host = '127.0.0.1',
    primary,
    downAfter,
    failoverTimeout,
    ...more
  }: SentinelOptions) {
    super({ directory: join(directory, name), name, command: [redisProgram()], ...more });
    this.host = host;
    this.port = port;
    this.#file = join(this.directory, 'sentinel.conf');
    // It writes what it finds out to the same file.
    const lines = [
      `port ${port}`,
      `bind ${host}`,
      'protected-mode no',
      `dir ${this.directory}`,
      `sentinel monitor ${GROUP} ${primary.host} ${primary.port} 2`,
      `sentinel down-after-milliseconds ${GROUP} ${downAfter}`,
      `sentinel failover-timeout ${GROUP} ${failoverTimeout}`,
      `sentinel parallel-syncs ${GROUP} 2`,
    ];
    writeFileSync(this.#file, lines.join('\n'));
  }

  protected override args(): string[] {
    return [this.#file, '--sentinel'];
  }

  protected override async isReady(): Promise<boolean> {
    return (await askRedis(this, 'PING')) === 'PONG';
  }

  /** Knows the other two, and so many replicas. */
  async knowsAll(replicas: number): Promise<boolean> {
    const info = String(await askRedis(this, 'INFO', 'sentinel'));
    return info.includes(`status=ok`) && info.includes(`slaves=${replicas},sentinels=3`);
  }

  async primary(): Promise<Address> {
    const address = await askRedis(this, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', GROUP);
    const [host, port] = address as [string, string];
    return { host, port: Number(port) };
  }

  /** Has another node promoted though the primary is well, as before an upgrade of its machine. */
  async failOver(): Promise<unknown> {
    return askRedis(this, 'SENTINEL', 'FAILOVER', GROUP);
  }
}

/** What coordinators connect to. */
export function sentinelUrl(sentinels: readonly Address[]): string {
  return `redis+sentinel://${sentinels.map(({ host, port }) => `${host}:${port}`).join(',')}/${GROUP}`;
}
