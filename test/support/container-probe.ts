// Succeeds when tests can have a Redis in a container; downloads the image on the way.
import { startRedis } from './redis.ts';

const redis = await startRedis();
await redis.stop();
