import { z } from 'zod';
import { HostId } from './host.ts';
import { Name, ProjectName } from './identity.ts';

/**
 * What a token may do. `admin`: everything, tokens among it. `operator`: ranges, blocks, findings, and the ports of every
 * project. `agent`: report for one host. `client`: hold ports for its projects. `viewer`: look. All of them may read.
 */
export const roles = ['admin', 'operator', 'agent', 'client', 'viewer'] as const;
export const Role = z.enum(roles);
export type Role = z.infer<typeof Role>;

/** Public part of a token: names it in lists, in the audit trail and in its own text. */
export const TokenId = z.string().regex(/^[A-Za-z0-9]{12}$/, { error: 'the id of a token has 12 letters and digits' });

/** Longest life that a token may be given, seconds; without one it has no end. */
export const TOKEN_TTL_MAX = 10 * 366 * 86_400;

const bound = {
  /** Of a client: the projects whose ports it may hold. */
  projects: z.array(Name).min(1).max(100).nullable(),
  /** Of an agent: the id of its host. */
  host: HostId.nullable(),
};

export const TokenRequest = z
  .strictObject({
    /** For people: `ci`, `laptop of ada`. */
    name: z.string().min(1).max(100),
    role: Role,
    projects: z.array(ProjectName).min(1).max(100).nullable().default(null),
    host: bound.host.default(null),
    /** Seconds until it is no longer accepted. */
    ttl: z.int().min(1).max(TOKEN_TTL_MAX).optional(),
  })
  .refine(({ role, projects }) => (role === 'client') === (projects !== null), {
    error: 'a token of the role client names its projects (--project), and those of other roles name none',
    path: ['projects'],
  })
  .refine(({ role, host }) => (role === 'agent') === (host !== null), {
    error:
      'a token of the role agent names its host (--host-id; "portolan hosts" shows the ids), and those of other roles name none',
    path: ['host'],
  })
  .meta({ id: 'TokenRequest' });
export type TokenRequest = z.infer<typeof TokenRequest>;
export type TokenInput = z.input<typeof TokenRequest>;

/** A token without what opens anything. */
export const TokenView = z
  .object({
    id: z.string(),
    name: z.string(),
    role: Role,
    ...bound,
    createdAt: z.iso.datetime(),
    /** Name of the token that made it. */
    createdBy: z.string(),
    expiresAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'TokenView' });
export type TokenView = z.infer<typeof TokenView>;

/**
 * As the store keeps it. The digest is a plain SHA-256: the secret is 256 random bits, so there is nothing to guess that
 * a slow hash would protect, and each request has to be checked.
 */
export const StoredToken = TokenView.extend({
  digest: z.string().length(43),
  /** Of a login: the id of the token that it was made with, or `startParent`. It is accepted as long as that one is. */
  parent: z.string().optional(),
});
export type StoredToken = z.infer<typeof StoredToken>;

/** What the maker of a token is told, once. */
export const TokenMade = TokenView.extend({ token: z.string() }).meta({ id: 'TokenMade' });
export type TokenMade = z.infer<typeof TokenMade>;

/** What a link into the dashboard holds: good for one use, and for a short while. */
export const LoginCode = z.string().regex(/^[A-Za-z0-9_-]{32}$/, { error: 'a login code has 32 characters' });
export const Login = z.object({ code: LoginCode, expiresAt: z.iso.datetime() }).meta({ id: 'Login' });
export type Login = z.infer<typeof Login>;

/** Who asks, as the coordinator sees it. */
export const Caller = TokenView.pick({
  id: true,
  name: true,
  role: true,
  projects: true,
  host: true,
  expiresAt: true,
}).meta({ id: 'Caller' });
export type Caller = z.infer<typeof Caller>;

/** `ptn_<id>_<secret>`: easy to recognise, for people and for scanners of leaked secrets. */
export function formatToken(id: string, secret: string): string {
  return `ptn_${id}_${secret}`;
}

/** @returns the id that a token's text names, or `undefined` when it is not of that form */
export function tokenIdOf(text: string): string | undefined {
  return /^ptn_([A-Za-z0-9]{12})_[A-Za-z0-9_-]{43}$/.exec(text)?.[1];
}

/** @returns the token of an `authorization` header (RFC 6750), or `undefined` when there is none of that form */
export function bearerOf(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
}

/** What the audit trail tells of. */
export const auditActions = [
  'reserve',
  'release',
  'reassert',
  'take-over',
  'kill',
  'set-range',
  'remove-range',
  'block',
  'unblock',
  'declare',
  'acknowledge',
  'reopen',
  'annotate',
  'set-alias',
  'remove-alias',
  'set-webhook',
  'remove-webhook',
  'forget-host',
  'change-keys',
  'create-token',
  'revoke-token',
  'log-in',
  'create-enrolment',
  'revoke-enrolment',
  'enrol',
  'refused',
] as const;
export const AuditAction = z.enum(auditActions);
export type AuditAction = z.infer<typeof AuditAction>;

/** Who did what to what, when, from where. */
export const AuditEvent = z
  .object({
    id: z.string(),
    at: z.iso.datetime(),
    action: AuditAction,
    /** The token that was shown. */
    actor: z.object({
      id: z.string(),
      name: z.string(),
      role: Role,
      /** Of a login: the id of the token that it was made with. */
      parent: z.string().optional(),
    }),
    /** Who asked, as it names itself, where the request says so: `claude-code@vm:/srv/shop`. Nothing proves it. */
    holder: z.string().max(255).optional(),
    /** Where the request came from: as the coordinator saw it, or as a proxy said that it trusts. */
    address: z.string().nullable(),
    /** Keys of the entries that were changed, with the endpoint, project or name that they stand for. */
    targets: z.array(z.object({ key: z.string(), of: z.string().nullable() })),
    /** Of what was refused: what was asked, and why not. */
    detail: z.string().nullable(),
    /** How often the same was refused within a second. */
    times: z.int().min(1),
  })
  .meta({ id: 'AuditEvent' });
export type AuditEvent = z.infer<typeof AuditEvent>;
