export { type Agent, type AgentOptions, startAgent } from './agent.ts';
export type { Coordinator } from './coordinator.ts';
export { defaultStateDirectory, hostIdentity } from './host-identity.ts';
export type { Manifest } from './identity.ts';
export { createScanner, type Scan, type Scanner, type ScannerOptions } from './scanner.ts';
