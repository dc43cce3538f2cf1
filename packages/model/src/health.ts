import { z } from 'zod';
import { HostId } from './host.ts';
import { Name, ServiceId } from './identity.ts';
import { Port } from './port.ts';

/** `unknown` until the agent of the host has asked. */
export const healthStates = ['unknown', 'passing', 'failing'] as const;

/** What became of asking: told when the state changes, not each time. */
const Outcome = {
  state: z.enum(healthStates),
  /** Status of the HTTP answer, where there was one. */
  code: z.int().min(100).max(599).nullable(),
  /** How long the answer took, of the time when the state changed. */
  ms: z.int().min(0).nullable(),
  /** Why it fails: `connection refused`. */
  detail: z.string().max(300),
};

/** A health check of one endpoint on one host, as the plan wants it, and what its agent found. */
export const Health = z
  .object({
    host: HostId,
    service: ServiceId,
    label: Name,
    /** What is asked, at the socket that the agent is to find there itself. */
    check: z.object({
      kind: z.enum(['tcp', 'http', 'https']),
      port: Port,
      /** Path and query; of `tcp`, empty. */
      path: z.string().max(2_000),
      /** Host header of the request; `null`: the address. */
      name: z.string().max(300).nullable(),
    }),
    ...Outcome,
    /** When the state last changed. */
    since: z.iso.datetime(),
  })
  .meta({ id: 'Health' });
export type Health = z.infer<typeof Health>;

/** How many health checks a coordinator gives to one host. */
export const HOST_CHECKS_MAX = 1_000;

export const HealthReport = z
  .strictObject({
    results: z
      .array(z.strictObject({ service: ServiceId, label: Name, ...Outcome }))
      .min(1)
      .max(HOST_CHECKS_MAX),
  })
  .meta({ id: 'HealthReport' });
export type HealthReport = z.infer<typeof HealthReport>;
