import { z } from 'zod';
import { TOKEN_TTL_MAX, TokenId } from './access.ts';
import { HostId } from './host.ts';

/** What an admin lets new hosts in with: each gets the token of an agent for itself, and for no host that is known. */
export const EnrolmentRequest = z
  .strictObject({
    /** For people: `nodes of the cluster`. */
    name: z.string().min(1).max(100),
    /** How many hosts it lets in. */
    hosts: z.int().min(1).max(10_000),
    /** Seconds until it lets nobody in any more. */
    ttl: z.int().min(1).max(TOKEN_TTL_MAX).optional(),
  })
  .meta({ id: 'EnrolmentRequest' });
export type EnrolmentRequest = z.infer<typeof EnrolmentRequest>;

export const Enrolment = z
  .object({
    id: TokenId,
    name: z.string(),
    /** How many hosts it still lets in. */
    left: z.int().min(0),
    createdAt: z.iso.datetime(),
    /** Name of the token that made it. */
    createdBy: z.string(),
    expiresAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'Enrolment' });
export type Enrolment = z.infer<typeof Enrolment>;

/** As the store keeps it: with the SHA-256 of its code. */
export const StoredEnrolment = Enrolment.extend({ digest: z.string().length(43) });
export type StoredEnrolment = z.infer<typeof StoredEnrolment>;

/** What its maker is told, once. */
export const EnrolmentMade = Enrolment.extend({ code: z.string() }).meta({ id: 'EnrolmentMade' });
export type EnrolmentMade = z.infer<typeof EnrolmentMade>;

/** `ptne_<id>_<secret>`: opens nothing but the way in. */
export const EnrolmentCode = z
  .string()
  .regex(/^ptne_[A-Za-z0-9]{12}_[A-Za-z0-9_-]{43}$/, { error: 'it is not the code of an enrolment, ptne_…' });

export function formatEnrolmentCode(id: string, secret: string): string {
  return `ptne_${id}_${secret}`;
}

export function enrolmentIdOf(code: string): string {
  return code.slice('ptne_'.length, 'ptne_'.length + 12);
}

/**
 * A host that asks to be let in. It makes its token itself and shows only the digest: so asking again, after an answer that
 * was lost, comes to the same, and the token is known to nobody else.
 */
export const EnrolRequest = z
  .strictObject({
    code: EnrolmentCode,
    host: HostId,
    /** Id of its token, and the SHA-256 of the whole, in base64url. */
    token: z.strictObject({ id: TokenId, digest: z.string().regex(/^[A-Za-z0-9_-]{43}$/) }),
  })
  .meta({ id: 'EnrolRequest' });
export type EnrolRequest = z.infer<typeof EnrolRequest>;
