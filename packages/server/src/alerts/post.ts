import type { FindingEvent, StoredWebhook } from '@portolan/model';
import { payloadOf } from './payload.ts';

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
): Promise<Outcome> {
  const { body, headers } = payloadOf(webhook, events, new Date());
  try {
    const response = await fetch(webhook.url, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN)]),
    });
    // What it says is of no use, and may be endless.
    await response.body?.cancel();
    const { status } = response;
    if (response.ok) return { status, error: null, retryAfter: null };
    const where =
      status >= 300 && status < 400 ? ` (a redirect to ${response.headers.get('location')}; not followed)` : '';
    return { status, error: `the receiver answered ${status}${where}`.slice(0, 500), retryAfter: waitOf(response) };
  } catch (error) {
    return { status: null, error: reasonOf(error), retryAfter: null };
  }
}

function waitOf(response: Response): number | null {
  const text = response.headers.get('retry-after');
  if (text === null) return null;
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isNaN(wait) ? null : Math.min(Math.max(wait, 0), WAIT_MAX);
}

function reasonOf(error: unknown): string {
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return `no answer within ${ANSWER_WITHIN / 1000} s`;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  // A rule of browsers that fetch keeps, so that a page cannot talk to what is no web server.
  if (error instanceof Error && cause !== error && (cause as Error).message === 'bad port')
    return 'nothing can be posted to this port: it is one of those that browsers refuse, such as 6000 and 10080';
  const { code, message } = cause as { code?: string; message?: string };
  return `the receiver cannot be reached: ${code ?? message ?? String(cause)}`.slice(0, 500);
}
