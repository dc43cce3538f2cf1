import { z } from 'zod';

/** The protocols that have a port space. TCP and UDP never conflict with one another. */
export const protocols = ['tcp', 'udp'] as const;
export const Protocol = z.enum(protocols);
export type Protocol = z.infer<typeof Protocol>;

export const LOWEST_PORT = 1;
export const HIGHEST_PORT = 65535;

/** A port that can be assigned or listened on: an integer in 1..65535. */
export const Port = z
  .int({ error: 'a port is a whole number from 1 to 65535' })
  .min(LOWEST_PORT, { error: 'a port is a whole number from 1 to 65535' })
  .max(HIGHEST_PORT, { error: 'a port is a whole number from 1 to 65535' });

/** A closed interval of ports, `from <= to`. */
export const Interval = z.object({ from: Port, to: Port }).refine((interval) => interval.from <= interval.to, {
  error: 'an interval runs from the lower port to the higher one',
});
export type Interval = z.infer<typeof Interval>;

/**
 * Reads `41000-41399` or a single `41000`.
 *
 * @returns the interval, or `undefined` when the text is not one
 */
export function parseInterval(text: string): Interval | undefined {
  const match = /^\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*$/.exec(text);
  if (!match) return undefined;
  const from = Number(match[1]);
  const to = match[2] === undefined ? from : Number(match[2]);
  return Interval.safeParse({ from, to }).data;
}
