import { z } from 'zod';
import { Name } from './identity.ts';
import { Interval, Port, Protocol } from './port.ts';

export const policies = ['allocate', 'blocked', 'dynamic'] as const;

const Ends = { from: Port, to: Port };
const ordered = { error: 'from must not be higher than to', path: ['to'] };

const ReservedPorts = z.object({ ...Ends, reason: z.string().max(500) }).refine(({ from, to }) => from <= to, ordered);

/** A named interval of ports with a purpose. `allocate`: for its owner; `dynamic`: for anybody; `blocked`: for nobody. */
export const Range = z
  .object({
    name: Name,
    ...Ends,
    purpose: z.string().max(500),
    /** The project that owns it; nobody else is assigned a port of it without asking for that very port. */
    owner: Name.nullable(),
    policy: z.enum(policies),
    /** Parts that are kept for growth: nothing is chosen there. */
    reserved: z.array(ReservedPorts).max(100).optional(),
    /** How many of its ports one project may hold that does not own it; without it half of them, or 100. */
    quota: z.int().min(0).max(65_536).optional(),
  })
  .refine(({ from, to }) => from <= to, ordered)
  .meta({ id: 'Range' });
export type Range = z.infer<typeof Range>;

/** Ports that nobody may be assigned, with the reason. */
export const Block = z
  .object({ ...Ends, protocol: Protocol.nullable(), reason: z.string().min(1).max(500) })
  .refine(({ from, to }) => from <= to, ordered)
  .meta({ id: 'Block' });
export type Block = z.infer<typeof Block>;

/** Blocked in every fleet. A listener there is no finding: `sshd` belongs on 22. */
export const SYSTEM_BLOCK: Block = {
  from: 1,
  to: 1023,
  protocol: null,
  reason: 'system ports (0-1023): privileged, and spoken for by well-known services',
};

/** Where a port comes from when the caller names neither port nor range and its project owns none. */
export const DEFAULT_RANGE: Range = {
  name: 'default',
  from: 20_000,
  to: 29_999,
  purpose: 'ports for whoever does not care which',
  owner: null,
  policy: 'dynamic',
};

/** `41000-41399`, a range's name, or `{from, to}`. */
export const RangeChoice = z.union([Name, Interval]);

/** What Linux takes outgoing ports from unless told otherwise. */
export const LINUX_EPHEMERAL: Interval = { from: 32_768, to: 60_999 };
