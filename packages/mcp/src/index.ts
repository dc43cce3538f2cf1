export { type HttpCaller, type McpOverHttp, mcpOverHttp } from './http.ts';
export type { OpenRegistry, Registry } from './registry.ts';
export { mcpOverStdio } from './stdio.ts';
