import type { Subscriber } from '../../world/subscriber.ts';
import type { Client } from '../client.ts';
import type { Fleet } from '../fleet.ts';
import type { Holder } from '../holder.ts';
import type { Trail } from '../trail.ts';

/** A trial whose faults are over and whose holders have stopped: what is checked. */
export interface Subject {
  readonly fleet: Fleet;
  readonly trail: Trail;
  readonly client: Client;
  readonly holders: readonly Holder[];
  /** One of each coordinator. */
  readonly subscribers: readonly Subscriber[];
}
