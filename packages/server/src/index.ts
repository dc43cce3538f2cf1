export { type Coordinator, startCoordinator } from './coordinator.ts';
export type { GossipSettings } from './gossip/coordinator-gossip.ts';
export { type RunningServer, type ServerOptions, startServer } from './main.ts';
export { adviseOnRedis } from './store/redis-advice.ts';
export type { RedisAdvice } from './store/redis-advice-level.ts';
export { openRedisStore } from './store/redis-store.ts';
export { type RedisSurvey, surveyRedis } from './store/redis-survey.ts';
export { openSqliteStore } from './store/sqlite-store.ts';
export type { Store } from './store/store.ts';
