import { Redis } from 'ioredis';

/**
 * One reservation with the same records as ours: claim the number on both protocols for an endpoint that has none,
 * write both entries, count, tell the log.
 */
const SCRIPT = `
local found = redis.call('HMGET', KEYS[1], ARGV[1], ARGV[2], ARGV[3])
if found[1] or found[2] or found[3] then return 0 end
local revision = redis.call('INCR', KEYS[2])
redis.call('HSET', KEYS[1], ARGV[1], revision .. ' ' .. ARGV[4], ARGV[3], revision .. ' ' .. ARGV[5])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', ARGV[1], ARGV[4], ARGV[3], ARGV[5])
return revision`;

export interface Peer {
  reserve(port: number, service: string): Promise<unknown>;
  close(): Promise<void>;
}

/** One EVALSHA a call, and nothing else. */
export async function openPeer(url: string, fleet: string): Promise<Peer> {
  const redis = new Redis(url);
  const sha = (await redis.script('LOAD', SCRIPT)) as string;
  const keys = [`{${fleet}}:kv`, `{${fleet}}:revision`, `{${fleet}}:log`] as const;
  return {
    reserve(port, service) {
      const value = JSON.stringify({
        protocol: 'tcp',
        port,
        endpoint: { project: 'bench', service, label: 'api', instance: 1 },
        lease: null,
        grantedAt: new Date().toISOString(),
      });
      const endpoint = `endpoint/bench/${service}:api/tcp`;
      const index = JSON.stringify({ port });
      return redis.evalsha(sha, 3, ...keys, `assignment/tcp/${port}`, `assignment/udp/${port}`, endpoint, value, index);
    },
    async close() {
      await redis.quit();
    },
  };
}
