import type { Protocol, severities } from '@portolan/model';
import type { Place } from '../fact.ts';

/** Every kind of finding of the check, with why it matters. */
export const planKinds = {
  collision: 'The second to start fails with "address already in use", or takes the traffic of the first.',
  drift: 'Whoever trusts the wrong one talks to nobody, or to somebody else.',
  'stale-mention': 'What is written there is reached no more: a proxy, a monitor or a reader is sent astray.',
  'blocked-port': 'The port is kept from everybody for a reason; using it brings that reason about.',
  'out-of-range': 'Nobody looks for it there, and the next service that is placed there by the rules collides with it.',
  'wrong-block': 'The port belongs to another project, which may give it to a service of its own at any time.',
  gap: 'The ports of this range are to follow on one another; a gap is taken for a service that is gone.',
  pairing: 'People infer the one port from the other, and are led astray.',
  exposed: 'It is meant for other services alone, and can be reached from outside.',
  'unknown-dependency': 'It cannot start, or nobody notices when what it needs is missing.',
  'not-listening': 'The plan requires it, and clients get no answer.',
  'health-failing': 'It listens and does not work.',
  unregistered: 'Nothing says whose it is, so nothing keeps its port from being given away.',
} as const;

export type PlanKind = keyof typeof planKinds;
export type Severity = (typeof severities)[number];

/** What a finding rests on: a place in a file, or a process on a host. */
export interface Witness {
  /** What it says there: `publishes 3026`. */
  readonly says: string;
  /** Absent for what is seen on a host, and for what the registry says. */
  readonly place?: Place;
  readonly host?: string;
  readonly pid?: number;
}

/** Something wrong with a plan, told with all that is needed to mend it. */
export interface PlanFinding {
  /** The same for as long as the matter stands, wherever lines move: `drift:mana-sync:default:3010`. */
  readonly id: string;
  readonly kind: PlanKind;
  readonly severity: Severity;
  /** Why it may be none after all. Such a finding is shown and counts for nothing. */
  readonly doubt?: string;
  readonly port: number | null;
  readonly protocol: Protocol;
  /** By name; of this project unless written `project/name`. */
  readonly services: readonly string[];
  /** One sentence. */
  readonly summary: string;
  /** The first is the place to mend, where there is one. At least one. */
  readonly witnesses: readonly Witness[];
  /** What to do, best first: a command, or an edit with its place. */
  readonly fixes: readonly string[];
  /** Places where the port of this endpoint is to be written. */
  readonly mends?: Mends;
  /** Where an address is to be written for it to be reached from this machine alone, with the one that stands there. */
  readonly narrows?: readonly { readonly place: Place; readonly address: string }[];
}

export interface Mends {
  readonly service: string;
  readonly label: string;
  /** With the number that stands there. */
  readonly places: readonly { readonly place: Place; readonly port: number }[];
}

/** `compose.yaml:14`, `host-a, pid 317`, or `the registry`. */
export function sourceOf({ place, host, pid }: Witness): string {
  if (place) return `${place.file}:${place.line}`;
  if (host !== undefined) return pid === undefined ? host : `${host}, pid ${pid}`;
  return 'the registry';
}
