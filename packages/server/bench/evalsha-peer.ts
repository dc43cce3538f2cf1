import { Redis } from 'ioredis';

/**
 * One reservation with the same records as ours: take the next port of the range that is free on both protocols for an
 * endpoint that has none, write both entries, count, tell the log.
 */
const SCRIPT = `
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 1 then return redis.error_reply('TAKEN') end
local port = redis.call('BITPOS', KEYS[4], 0, ARGV[2], ARGV[3], 'BIT')
if port < 0 then return redis.error_reply('TAKEN') end
redis.call('SETBIT', KEYS[4], port, 1)
local revision = redis.call('INCR', KEYS[2])
local key = 'assignment/tcp/' .. port
local value, index = ARGV[4] .. port .. '}', '{"port":' .. port .. '}'
redis.call('HSET', KEYS[1], key, revision .. ' ' .. value, ARGV[1], revision .. ' ' .. index)
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', key, value, ARGV[1], index)
return { revision, port }`;

export interface Peer {
  /** @returns revision and port */
  reserve(service: string): Promise<unknown>;
  close(): Promise<void>;
}

/** One EVALSHA a call, and nothing else. */
export async function openPeer(url: string, fleet: string, from: number, to: number): Promise<Peer> {
  const redis = new Redis(url);
  const sha = (await redis.script('LOAD', SCRIPT)) as string;
  const keys = ['kv', 'revision', 'log', 'taken'].map((name) => `{${fleet}}:${name}`);
  // BITPOS looks for zeros within the string only.
  await redis.setbit(keys[3]!, 65_535, 1);
  return {
    reserve(service) {
      const value = JSON.stringify({
        protocol: 'tcp',
        endpoint: { project: 'bench', service, label: 'api', instance: 1 },
        lease: null,
        grantedAt: new Date().toISOString(),
      });
      // The script adds the port, which is not known here.
      const open = `${value.slice(0, -1)},"port":`;
      return redis.evalsha(sha, 4, ...keys, `endpoint/bench/${service}:api/tcp`, from, to, open);
    },
    async close() {
      await redis.quit();
    },
  };
}
