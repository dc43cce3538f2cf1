import { z } from 'zod';
import { findingKinds, severities } from './finding.ts';
import { type FindingChange, type FindingEvent, rankOf } from './finding-event.ts';
import { Name } from './identity.ts';
import { Version } from './position.ts';

/** `json`: one signed event a request. `slack`: a message. `alertmanager`: its API v2, told again while it stands. */
export const webhookFormats = ['json', 'slack', 'alertmanager'] as const;

const about = {
  format: z.enum(webhookFormats),
  /** The lightest that is sent. */
  severity: z.enum(severities),
  /** The kinds that are sent; `null` for all. */
  kinds: z.array(z.enum(findingKinds)).min(1).max(findingKinds.length).nullable(),
};

/** No other scheme, and nobody's password in a place that people see. */
const WebhookUrl = z
  .url({ protocol: /^https?$/, error: 'the URL of a webhook begins with http:// or https://' })
  .max(2_000)
  .refine((text) => !URL.canParse(text) || isWithoutPassword(new URL(text)), {
    error: 'leave name and password out of the URL; the signature says who sends',
  });

function isWithoutPassword({ username, password }: URL): boolean {
  return username === '' && password === '';
}

export const WebhookRequest = z
  .strictObject({
    url: WebhookUrl,
    format: about.format.default('json'),
    severity: about.severity.default('warning'),
    kinds: about.kinds.default(null),
    /** What it is signed with; made anew when it is left out at the first time, kept after that. */
    secret: z.string().min(16).max(200).optional(),
  })
  .meta({ id: 'WebhookRequest' });
export type WebhookRequest = z.infer<typeof WebhookRequest>;
export type WebhookInput = z.input<typeof WebhookRequest>;

/** As the store keeps it. */
export const StoredWebhook = z.object({
  name: Name,
  url: z.string(),
  ...about,
  secret: z.string(),
  createdAt: z.iso.datetime(),
  createdBy: z.string(),
});
export type StoredWebhook = z.infer<typeof StoredWebhook>;

/** How far a webhook's receiver has been told. */
export const Delivery = z.object({
  /** The last event that is done with; `null` before the first one, of those since the webhook was made. */
  done: z.object({ version: Version, id: z.string() }).nullable(),
  delivered: z.int(),
  /** Events that were given up because they had become too old. */
  dropped: z.int(),
  lastDelivered: z.iso.datetime().nullable(),
  /** What went wrong last; `null` when the last attempt went well. */
  error: z.string().max(500).nullable(),
});
export type Delivery = z.infer<typeof Delivery>;

/** A webhook without what lets others write to its receiver, or in its name. */
export const WebhookView = z
  .object({
    name: z.string(),
    /** Where it goes: of a path that is a password, as Slack's, only the beginning. */
    url: z.string(),
    ...about,
    createdAt: z.iso.datetime(),
    createdBy: z.string(),
    delivered: z.int(),
    dropped: z.int(),
    /** Events that wait to be sent. */
    pending: z.int(),
    lastDelivered: z.iso.datetime().nullable(),
    error: z.string().nullable(),
  })
  .meta({ id: 'WebhookView' });
export type WebhookView = z.infer<typeof WebhookView>;

/** What whoever sets a webhook is told. The secret is there only when it is new. */
export const WebhookSet = z
  .object({ webhook: WebhookView, secret: z.string().nullable(), created: z.boolean() })
  .meta({ id: 'WebhookSet' });
export type WebhookSet = z.infer<typeof WebhookSet>;

export const WebhookTest = z
  .object({
    ok: z.boolean(),
    /** HTTP status of the answer, if there was one. */
    status: z.int().nullable(),
    /** Milliseconds. */
    took: z.number(),
    error: z.string().nullable(),
  })
  .meta({ id: 'WebhookTest' });
export type WebhookTest = z.infer<typeof WebhookTest>;

/** What a person wants to be woken by: that other services joined in, or that somebody took a note, is not of it. */
const alerting: ReadonlySet<FindingChange> = new Set([
  'opened',
  'worsened',
  'eased',
  'acknowledged',
  'reopened',
  'resolved',
]);

/** Whoever heard that something is grave is told, too, that it is so no more. */
export function isWanted(
  webhook: Pick<StoredWebhook, 'severity' | 'kinds'>,
  { change, finding, was = finding.severity }: FindingEvent,
): boolean {
  return (
    alerting.has(change) && [finding.severity, was].some((severity) => isWatched(webhook, { ...finding, severity }))
  );
}

/** Whether the webhook is about such findings at all. */
export function isWatched(
  { severity, kinds }: Pick<StoredWebhook, 'severity' | 'kinds'>,
  finding: Pick<FindingEvent['finding'], 'severity' | 'kind'>,
): boolean {
  return rankOf(finding.severity) >= rankOf(severity) && (kinds === null || kinds.includes(finding.kind));
}
