import { z } from 'zod';
import { Assignment } from './assignment.ts';
import { Finding } from './finding.ts';
import { PublicKey } from './public-key.ts';

/** The port that members of a fleet gossip on, UDP and TCP, unless told otherwise. */
export const GOSSIP_PORT = 7679;
/** The port of an agent's local API, on 127.0.0.1, unless told otherwise. */
export const LOCAL_API_PORT = 7677;

/** 16, 24 or 32 random bytes in base64. */
export const GossipKey = z.string().refine((text) => /^[A-Za-z0-9+/]{22,43}={0,2}$/.test(text) && isKeyLength(text), {
  error: 'a key is 16, 24 or 32 random bytes in base64: "openssl rand -base64 32" makes one',
});

/** `10.0.0.5:7679`, `[2001:db8::5]:7679` or `name:7679`. */
export const GossipAddress = z
  .string()
  .max(300)
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):\d{1,5}$/, { error: 'an address for gossip is written host:port' });

/** All that an agent needs to take part in the gossip of its fleet. */
export const GossipAccess = z
  .object({
    /** Parts the packets of one fleet from those of another. */
    label: z.string().min(1).max(255),
    /** The first one encrypts, all decrypt. */
    keys: z.array(GossipKey).min(1).max(32),
    /** Where coordinators gossip. */
    seeds: z.array(GossipAddress).max(100),
    /** The public half of the key that only coordinators have; those of an earlier release have none. */
    identity: PublicKey.optional(),
  })
  .meta({ id: 'GossipAccess' });
export type GossipAccess = z.infer<typeof GossipAccess>;

export const memberStatuses = ['alive', 'leaving', 'left', 'failed'] as const;

/** Who takes part in the gossip of a fleet, as one member sees it. */
export const MemberView = z
  .object({
    /** Id of the host, or of the coordinator. */
    name: z.string(),
    /** `10.0.0.5:7679` */
    address: z.string(),
    status: z.enum(memberStatuses),
    /** When it got this status, as far as this member knows. */
    statusSince: z.iso.datetime(),
    tags: z.record(z.string(), z.string()),
  })
  .meta({ id: 'MemberView' });
export type MemberView = z.infer<typeof MemberView>;

/** A member as gossip knows it; `statusSince` in ms since 1970. */
interface KnownMember extends Pick<MemberView, 'name' | 'status'> {
  readonly address: { readonly host: string; readonly port: number };
  readonly statusSince: number;
  readonly tags: Readonly<Record<string, string>>;
}

export function memberView({ name, address, status, statusSince, tags }: KnownMember): MemberView {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return {
    name,
    address: `${host}:${address.port}`,
    status,
    statusSince: new Date(statusSince).toISOString(),
    tags: { ...tags },
  };
}

/** The tags that members of a fleet have. */
export interface MemberTags {
  /** `portolan`: only they are told of sheets. */
  readonly kind: string;
  /** `agent`, `coordinator`, or both parted by a comma. */
  readonly role: string;
  /** Name of the host. */
  readonly host: string;
  readonly version: string;
  /** URL of a coordinator. */
  readonly api?: string;
}
export const MEMBER_KIND = 'portolan';

export function isCoordinator(tags: Readonly<Record<string, string>>): boolean {
  return (tags.role ?? '').split(',').includes('coordinator');
}

export function isAgent(tags: Readonly<Record<string, string>>): boolean {
  return (tags.role ?? '').split(',').includes('agent');
}

/** The keys as the store keeps them. */
export const StoredKeyring = z.object({ keys: z.array(GossipKey).min(1).max(32), changedAt: z.iso.datetime() });
export type StoredKeyring = z.infer<typeof StoredKeyring>;

/** The key pair of the fleet, by which agents know its coordinators. It is made at the first start, and never streamed. */
export const StoredIdentity = z.object({ publicKey: PublicKey, secret: PublicKey, createdAt: z.iso.datetime() });
export type StoredIdentity = z.infer<typeof StoredIdentity>;

/** Asks whoever answers at an address to show that it is a coordinator of the fleet. It needs no token. */
export const ProofRequest = z
  .strictObject({
    /** The address as it was dialled: `https://10.0.0.5:7678`. A proof for one address is none for another. */
    origin: z.url({ protocol: /^https?$/ }).max(300),
    /** 32 random bytes in base64url. */
    nonce: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
  })
  .meta({ id: 'ProofRequest' });
export type ProofRequest = z.infer<typeof ProofRequest>;

/** Ed25519, of what `proofStatement` gives: 64 bytes in base64url. */
export const CoordinatorProof = z
  .object({ signature: z.string().regex(/^[A-Za-z0-9_-]{86}$/) })
  .meta({ id: 'CoordinatorProof' });
export type CoordinatorProof = z.infer<typeof CoordinatorProof>;

export function proofStatement({ origin, nonce }: ProofRequest): Uint8Array {
  return new TextEncoder().encode(`portolan coordinator\0${origin}\0${nonce}`);
}

/** Where a coordinator gossips; its entry ends with it. */
export const Seed = z.object({ coordinator: z.string(), address: GossipAddress });
export type Seed = z.infer<typeof Seed>;

export const keyActions = ['install', 'use', 'remove'] as const;
export type KeyAction = (typeof keyActions)[number];

export const KeyRequest = z
  .strictObject({
    /** Without one, `install` makes it. */
    key: GossipKey.optional(),
    /** Leaves those outside who do not have the key: they come back when they have asked a coordinator. */
    force: z.boolean().optional(),
  })
  .meta({ id: 'KeyRequest' });

/** What the members say of their keys. */
export const KeyReport = z
  .object({
    /** As the store keeps them, the one that encrypts first. */
    keys: z.array(z.object({ key: GossipKey, primary: z.boolean(), members: z.int() })),
    members: z.int(),
    answered: z.int(),
    /** The public half of the key that only coordinators have. */
    identity: PublicKey.nullable().default(null),
    /** What keeps members from having just these keys, by their names. */
    failures: z.record(z.string(), z.string()),
  })
  .meta({ id: 'KeyReport' });
export type KeyReport = z.infer<typeof KeyReport>;

/** Leases that the agent of a host gave while no coordinator could be reached, to be made real. */
export const ProvisionalRequest = z
  .strictObject({
    assignments: z.array(Assignment).min(1).max(100),
    /** The token that asked for each: it is its rights that count, and not those of the agent. */
    tokens: z.array(z.string().max(512)).max(100),
  })
  .refine(({ assignments, tokens }) => assignments.length === tokens.length, {
    error: 'each assignment comes with the token that asked for it',
    path: ['tokens'],
  })
  .meta({ id: 'ProvisionalRequest' });
export type ProvisionalRequest = z.infer<typeof ProvisionalRequest>;

export const ProvisionalResponse = z
  .object({
    granted: z.array(Assignment),
    /** Those whose port somebody else has by now, or that are not to be had, each with its finding. */
    lost: z.array(z.object({ assignment: Assignment, detail: z.string(), finding: Finding.shape.id.nullable() })),
  })
  .meta({ id: 'ProvisionalResponse' });
export type ProvisionalResponse = z.infer<typeof ProvisionalResponse>;

function isKeyLength(text: string): boolean {
  const bytes = Math.floor((text.replace(/=+$/, '').length * 3) / 4);
  return bytes === 16 || bytes === 24 || bytes === 32;
}
