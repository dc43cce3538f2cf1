export { type Coordinator, startCoordinator } from './coordinator.ts';
export type { GossipSettings } from './gossip/coordinator-gossip.ts';
export { type RunningServer, type ServerOptions, startServer } from './main.ts';
export { openRedisStore } from './store/redis-store.ts';
export { openSqliteStore } from './store/sqlite-store.ts';
export type { Store } from './store/store.ts';
export { adviseOnRedis } from './store/survey/redis-advice.ts';
export type { RedisAdvice } from './store/survey/redis-advice-level.ts';
export { type RedisSurvey, surveyRedis } from './store/survey/redis-survey.ts';
