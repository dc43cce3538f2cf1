import { z } from 'zod';
import { Interval } from './port.ts';
import { PublicKey } from './public-key.ts';

/** An opaque id that stays the same for the life of a machine's installation. */
export const HostId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, {
  error: 'a host id has 1 to 64 letters, digits, underscores or hyphens',
});

/**
 * What names of hosts are compared by: two that a person would take for one are one. Case, blanks and characters that do
 * not show make no difference. Lookups go by the name as it is written.
 */
export function hostNameKey(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\p{C}\s]+/gu, '');
}

/** How many intervals of them one host tells. */
export const KERNEL_RESERVED_MAX = 128;

/** What an agent tells of its host when it joins. */
export const HostInfo = z
  .object({
    name: z.string().min(1).max(255),
    addresses: z.array(z.string().max(64)).max(256),
    platform: z.string().max(64),
    agentVersion: z.string().max(32),
    /** The range that the kernel takes outgoing ports from; avoided when choosing. */
    ephemeral: Interval.nullable(),
    /** Ports that an operator keeps from that (`ip_local_reserved_ports`): nobody is given one who did not name it. */
    kernelReserved: z.array(Interval).max(KERNEL_RESERVED_MAX).optional(),
    /** What the agent cannot see, for a person: `processes of other users (not root)`. */
    blindSpots: z.array(z.string().max(300)).max(32),
    /** The public half of the key that it signs with what it says by gossip. */
    key: PublicKey.optional(),
  })
  .meta({ id: 'HostInfo' });
export type HostInfo = z.infer<typeof HostInfo>;

export const hostStates = ['alive', 'unreachable', 'left'] as const;

/** A machine that runs an agent. */
export const Host = HostInfo.extend({
  id: HostId,
  state: z.enum(hostStates),
  /** When the state last changed. */
  stateSince: z.iso.datetime(),
}).meta({ id: 'Host' });
export type Host = z.infer<typeof Host>;
