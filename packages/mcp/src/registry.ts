import type { PortolanClient } from '@portolan/client';

/** What the tools need of a registry: the SDK's client is one. */
export type Registry = Pick<
  PortolanClient,
  | 'reserve'
  | 'release'
  | 'port'
  | 'freePorts'
  | 'services'
  | 'service'
  | 'assignments'
  | 'ranges'
  | 'blocks'
  | 'hosts'
  | 'findings'
>;

/** Opens the registry for one call. It may fail, and do better the next time: then the call is answered with why. */
export type OpenRegistry = () => Promise<Registry>;
