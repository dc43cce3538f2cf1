export { type Agent, type AgentOptions, startAgent } from './agent.ts';
export type { Coordinator } from './coordinator.ts';
export type { AgentGossipOptions } from './gossip-duty.ts';
export type { HealthNews } from './health-checker.ts';
export { defaultStateDirectory, hostIdentity, keptHostId } from './host-identity.ts';
export { hostKey } from './host-key.ts';
export type { Manifest } from './identity.ts';
export { type KillScope, killScopes } from './kill-scope.ts';
export { createScanner, type Scan, type Scanner, type ScannerOptions } from './scanner.ts';
