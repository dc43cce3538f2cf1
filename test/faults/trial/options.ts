export const stores = ['redis', 'sentinel', 'sqlite'] as const;
export type StoreKind = (typeof stores)[number];

export interface TrialOptions {
  readonly store: StoreKind;
  /** The same seed gives the same faults, in the same order and of the same length. */
  readonly seed: number;
  /** How long faults go on, s. Preparing and checking take about a minute more. */
  readonly seconds: number;
  /** Clients: each holds the ports of one service. */
  readonly services: number;
  /** Names of faults to choose from; without them, all that go with the store. */
  readonly faults: readonly string[] | undefined;
  /** For `portolan server --ack`. */
  readonly ack: string | undefined;
  /** The store lies on a file system of 24 MiB, which is filled now and then. Needs root. */
  readonly tmpfs: boolean;
}

/** The ports that the services of a trial share; at random they meet often. */
export const FIRST_PORT = 42_000;
export const LAST_PORT = 42_079;
export const PORTS = LAST_PORT - FIRST_PORT + 1;
