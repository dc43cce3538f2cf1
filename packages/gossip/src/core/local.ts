import type { Address } from '../transport.ts';
import type { World } from '../world.ts';
import type { Awareness } from './awareness.ts';
import type { Counters } from './counters.ts';
import type { Delegate } from './delegate.ts';
import type { Members } from './members.ts';
import type { Profile } from './profiles.ts';

/** What the parts of one node share. */
export interface Local {
  readonly name: string;
  /** Where others reach this node. */
  readonly address: Address;
  readonly world: World;
  readonly profile: Profile;
  readonly members: Members;
  readonly delegate: Required<Delegate>;
  readonly awareness: Awareness;
  readonly counters: Counters;
  readonly log: Log;
}

export type Log = (level: 'info' | 'warn', text: string) => void;
