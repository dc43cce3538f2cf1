import './supported-node.ts';

export { type FreePortOptions, freePort } from './free-port.ts';
export { fromEnvironment } from './from-environment.ts';
export { type BindOptions, bindPort, listenOn, withPort } from './listen.ts';
export { localAgent } from './local-agent.ts';
export { ownCoordinator, tellOwnCoordinator } from './own-coordinator.ts';
export { hostFor, ownHost } from './own-host.ts';
export { explainOverride, type PortOverride, portOverride } from './port-override.ts';
export { readState, writeStateOnce } from './state-file.ts';
export { ensureToken, readToken, stateDir, tokenPath } from './token.ts';
