import type { FindingEvent, StoredWebhook } from '@portolan/model';
import { payloadOf } from './payload.ts';
import { type Posted, post, type Resolve } from './receiver.ts';

/** How long a receiver may take for its answer, ms. */
const ANSWER_WITHIN = 10_000;
/** Longest time that a receiver may ask us to wait, ms. */
const WAIT_MAX = 3_600_000;

/** What became of one request. */
export interface Outcome {
  readonly status: number | null;
  /** `null` when the receiver took it. */
  readonly error: string | null;
  /** The receiver asks to be left alone so long, ms. */
  readonly retryAfter: number | null;
}

/** Tells a receiver; never throws. A redirect is not followed: who set the webhook named one receiver. */
export async function send(
  webhook: StoredWebhook,
  events: readonly FindingEvent[],
  signal: AbortSignal,
  resolve?: Resolve,
): Promise<Outcome> {
  const { body, headers } = payloadOf(webhook, events, new Date());
  const limit = AbortSignal.timeout(ANSWER_WITHIN);
  try {
    const posted = await post(webhook.url, { headers, body, signal: AbortSignal.any([signal, limit]), resolve });
    const { status } = posted;
    if (status >= 200 && status < 300) return { status, error: null, retryAfter: null };
    const where = status >= 300 && status < 400 ? ` (a redirect${placeOf(posted, webhook)}; not followed)` : '';
    return { status, error: `the receiver answered ${status}${where}`.slice(0, 500), retryAfter: waitOf(posted) };
  } catch (error) {
    const told = limit.aborted ? `no answer within ${ANSWER_WITHIN / 1000} s` : reasonOf(error);
    return { status: null, error: told, retryAfter: null };
  }
}

/** Where a redirect leads, without what may be secret. */
function placeOf({ headers }: Posted, { url }: StoredWebhook): string {
  const target = URL.parse(headers.location ?? '', url);
  return target ? ` to ${target.protocol}//${target.host}${target.pathname}` : '';
}

function waitOf({ headers }: Posted): number | null {
  const text = headers['retry-after'];
  if (text === undefined) return null;
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? null : Math.min(Math.max(wait, 0), WAIT_MAX);
}

function reasonOf(error: unknown): string {
  // Of a name with several addresses, none of which answered, each has its own reason.
  const [first] = error instanceof AggregateError ? error.errors : [error];
  const { code, message } = first as { code?: string; message?: string };
  return `the receiver cannot be reached: ${code ?? message ?? String(first)}`.slice(0, 500);
}
