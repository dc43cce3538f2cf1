import type { Interval, Protocol } from '@portolan/model';

/** Where something stands in a file, so that exactly these characters can be shown or replaced. */
export interface Place {
  /** Relative to the root of the survey, parted by `/`. */
  file: string;
  /** From 1. */
  line: number;
  /** From 1, in UTF-16 units as `offset` is. */
  column: number;
  /** UTF-16 units from the start of the file's text (its byte order mark, if any, counts as one). */
  offset: number;
  /** UTF-16 units. For a port: its digits and nothing else. */
  length: number;
}

/**
 * `certain`: the format leaves no doubt. `likely`: it is usually so, by a convention. `unsure`: it may well be something
 * else; shown to the reader, never put into a manifest. What is not certain says why.
 */
export type Sureness = 'certain' | 'likely' | 'unsure';

/** What a name of a service was taken from. An `address` is one that it is reached by, and may have besides its own. */
export type NameSource =
  | 'compose'
  | 'container'
  | 'directory'
  | 'package'
  | 'pm2'
  | 'procfile'
  | 'process'
  | 'unit'
  | 'kubernetes'
  | 'address'
  | 'target'
  | 'upstream'
  | 'host'
  | 'variable'
  | 'document'
  | 'heading'
  | 'image'
  | 'flag';

/** A name by which a file speaks of a service, as it is written there. */
export interface NameHint {
  name: string;
  from: NameSource;
}

interface Common {
  place: Place;
  /** Which importer read it: `compose`, `markdown`, `pm2`. */
  importer: string;
  /** Who it is about, the strongest hint first; empty when the file does not say. */
  names: NameHint[];
  sure: Sureness;
  /** Why it is not certain. */
  why?: string;
  /** Name of the service in the manifest. Set by `reconcile`, when one could be told. */
  service?: string;
  /** Why it was taken for that service: `directory services/mana-sync`. Set with `service`. */
  reason?: string;
}

interface OfPort extends Common {
  port: number;
  protocol: Protocol;
  /** Which of the service's ports: `api`, `health`. After `reconcile` it is the label of the endpoint. */
  label?: string;
}

/**
 * How much a file that binds a port counts for what is really bound, the strongest first: where two files give one
 * endpoint different ports, the manifest takes that of the stronger one, and all stay as facts.
 */
export const bindStrengths = [
  'compose',
  'kubernetes',
  'pm2',
  'unit',
  'procfile',
  'script',
  'flag',
  'env',
  'env-example',
  'source',
] as const;
export type BindStrength = (typeof bindStrengths)[number];

/** A port that a service binds on its host. */
export interface Binds extends OfPort {
  kind: 'binds';
  by: BindStrength;
  /** Address that it is bound to, where the file names one. */
  address?: string;
  /** Where that address stands, or, without length, where one can be written in front. */
  addressPlace?: Place;
  /** Of a container: the port inside, which the host's port leads to. */
  inside?: number;
  /** The environment variable that it comes from. */
  variable?: string;
  /** It holds only where something else (a variable, a flag) does not give another. */
  fallback?: boolean;
  /** Compose profiles without which it is not started. */
  profiles?: string[];
  /** Hosts that the file places it on. */
  hosts?: string[];
  /** Which environment its file is for: dev, prod. Different ports in different variants are no drift. */
  variant?: string;
  /**
   * It is one of an interval that the file publishes at once. The lowest has the place of the lower end, the highest that
   * of the upper end, those between have no characters of their own.
   */
  ofRange?: Interval;
}

/** A port inside a container, pod or cluster: no host's port. */
export interface Internal extends OfPort {
  kind: 'internal';
  variable?: string;
}

/** What a document says of a service's port. */
export interface States extends OfPort {
  kind: 'states';
  /** The document itself says that this is a plan and not yet so. */
  planned: boolean;
  /** The document itself says that this is the new or the real port, against others that it has. */
  updated?: boolean;
  /** Health URL that the document gives; the port is its port. */
  health?: string;
  /** The document says that it is no port of the host: "not exposed", "internal only". */
  internalOnly?: boolean;
  /** The service is told to look for a port within these, from `port` on. */
  within?: Interval;
  /** Which environment the sentence is about: `Local: backend 3001`. Different ports in different ones are no drift. */
  variant?: string;
  /**
   * What it is one of: the headers of its table, the title above its sentence. In two lists of a document one service may
   * go by two names.
   */
  list?: string;
}

/** A reference to a port of somebody. */
export interface Refers extends OfPort {
  kind: 'refers';
  /** As it is written: `localhost`, `mana-sync`, `10.0.0.7`. */
  host: string;
  /**
   * Which port space the number is from: that of a host (`localhost`, `host.docker.internal`), or that of a container
   * network, where names of services lead to the ports inside. Containers' names are `network` until `reconcile` has seen
   * whether such a container is there.
   */
  scope: 'host' | 'network' | 'unknown';
  /** It is who speaks: the service that the file belongs to, which so depends on the one it refers to. */
  by?: NameHint[];
  /** The whole URL, where it is one. */
  url?: string;
  /** It is a health check's address. */
  health?: boolean;
  /** It stands in an example of a document (a shell block, a sample URL). */
  example?: boolean;
  /** Nothing but the number tells whom it means. */
  byPort?: boolean;
}

/** An interval of ports with a purpose. `place` is the lower end's. */
export interface RangeFact extends Common, Interval {
  kind: 'range';
  /** Place of the upper end; absent for `65003+`. */
  end?: Place;
  purpose: string;
  planned: boolean;
  policy: 'allocate' | 'blocked' | 'dynamic';
}

/** Ports that nobody shall use. `place` is the lower end's. */
export interface BlockedFact extends Common, Interval {
  kind: 'blocked';
  end?: Place;
  reason: string;
  planned: boolean;
}

/** Part of a range kept for growth. `place` is the lower end's. */
export interface ReservedFact extends Common, Interval {
  kind: 'reserved';
  end?: Place;
  reason: string;
  planned: boolean;
}

/** Rule: ports of the one interval and of the other that belong together share their last digits. */
export interface PairingRule extends Common {
  kind: 'pairing';
  first: Interval;
  second: Interval;
  /** How many digits are shared. */
  digits: number;
  /** False where the document says "where possible". */
  strict: boolean;
}

/** Two services that belong together: `names` and `other`. */
export interface Pair extends Common {
  kind: 'pair';
  other: NameHint[];
  /** `other`, as a service of the manifest. Set by `reconcile`. */
  otherService?: string;
}

/** `names` needs `on`. */
export interface DependsOn extends Common {
  kind: 'depends';
  on: NameHint[];
  /** `on`, as a service of the manifest. Set by `reconcile`; absent when no such service is known. */
  onService?: string;
}

/** An endpoint without a port: a stdio server, a daemon. */
export interface Portless extends Common {
  kind: 'portless';
  label?: string;
  /** How it is spoken to, as it is written: `MCP`, `Process`, `stdio`. */
  transport?: string;
}

/** A service that a file defines, whether or not it says a port of it; ties its names together. */
export interface Named extends Common {
  kind: 'named';
}

/** A property of a service, in the words of the file. */
export interface Describes extends Common {
  kind: 'describes';
  what: 'runtime' | 'status' | 'description' | 'internal-only' | 'replicas' | 'host' | 'health' | 'image';
  value: string;
}

/** A file that a document says has to be edited when ports change. */
export interface Mentions extends Common {
  kind: 'mentions';
  /** As it is written: a path or a pattern. */
  path: string;
}

/** How many ports a project is given at a time. */
export interface BlockSize extends Common {
  kind: 'block-size';
  size: number;
}

/** One thing that a file says. */
export type Fact =
  | Binds
  | Internal
  | States
  | Refers
  | RangeFact
  | BlockedFact
  | ReservedFact
  | PairingRule
  | Pair
  | DependsOn
  | Portless
  | Named
  | Describes
  | Mentions
  | BlockSize;

export type PortFact = Extract<Fact, OfPort>;

export function isPortFact(fact: Fact): fact is PortFact {
  return 'port' in fact;
}

/** `docs/ports.md:14` */
export function formatPlace({ file, line }: Pick<Place, 'file' | 'line'>): string {
  return `${file}:${line}`;
}
