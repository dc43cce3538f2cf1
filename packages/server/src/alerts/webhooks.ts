import { randomBytes } from 'node:crypto';
import {
  type Delivery,
  type Fleet,
  key,
  PortolanError,
  type Position,
  type StoredWebhook,
  type WebhookRequest,
  type WebhookSet,
  type WebhookTest,
  type WebhookView,
} from '@portolan/model';
import { alternative, put } from '../commands/entries.ts';
import type { Executor } from '../executor.ts';
import { sampleEvent } from './payload.ts';
import { send } from './post.ts';
import { pendingFor } from './queue.ts';
import { checkAddress } from './receiver.ts';

const WEBHOOKS_MAX = 50;

const NOTHING_YET: Delivery = { done: null, delivered: 0, dropped: 0, lastDelivered: null, error: null };

/** Who is told of findings. Webhooks are entries of the store; whichever coordinator leads delivers. */
export class Webhooks {
  readonly #executor: Executor;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  get #fleet(): Fleet {
    return this.#executor.fleet;
  }

  /** Makes one, or changes it: what waits to be delivered stays. */
  set(name: string, request: WebhookRequest, by: string): Promise<WebhookSet> {
    checkReceiver(request.url);
    const made = randomBytes(32).toString('base64url');
    return this.#executor.execute(() => {
      const held = this.#fleet.get('webhook', key.webhook(name));
      if (!held && this.#fleet.count('webhook') >= WEBHOOKS_MAX) throw tooMany();
      const webhook: StoredWebhook = {
        ...request,
        name,
        secret: request.secret ?? held?.value.secret ?? made,
        createdAt: held?.value.createdAt ?? new Date().toISOString(),
        createdBy: held?.value.createdBy ?? by,
      };
      const entryKey = key.webhook(name);
      const puts = [put<'webhook'>(entryKey, webhook)];
      // The version of this entry says from when on it is told.
      if (!held) puts.push(put<'delivery'>(key.delivery(name), NOTHING_YET));
      return {
        alternatives: [alternative({ conditions: [{ key: entryKey, version: held?.version ?? null }], puts })],
        answer: () => ({
          webhook: webhookView(this.#fleet, webhook),
          secret: held ? null : webhook.secret,
          created: !held,
        }),
      };
    });
  }

  /** What waits to be delivered is given up. @throws PortolanError `not-found` */
  remove(name: string): Promise<{ webhook: WebhookView; position: Position }> {
    return this.#executor.execute(() => {
      const held = this.#held(name);
      const webhook = webhookView(this.#fleet, held.value);
      const only = alternative({
        conditions: [{ key: held.key, version: held.version }],
        deletes: [held.key, key.delivery(name)],
      });
      return { alternatives: [only], answer: ({ position }) => ({ webhook, position }) };
    });
  }

  /** Sends an event that is marked as a test, once, whatever waits. @throws PortolanError `not-found` */
  async test(name: string, signal: AbortSignal): Promise<WebhookTest> {
    const { value } = this.#held(name);
    const begun = performance.now();
    const outcome = await send(value, [sampleEvent(new Date().toISOString())], signal);
    const { status, error } = outcome;
    return { ok: error === null, status, error, took: Math.round(performance.now() - begun) };
  }

  #held(name: string) {
    const held = this.#fleet.get('webhook', key.webhook(name));
    if (held) return held;
    const names = Array.from(this.#fleet.all('webhook'), ({ value }) => value.name).sort();
    const known = names.length > 0 ? `; there are ${names.join(', ')}` : '';
    throw new PortolanError('not-found', `there is no webhook named ${name}${known}`, { names });
  }
}

export function webhookView(fleet: Fleet, { secret: _secret, ...webhook }: StoredWebhook): WebhookView {
  const held = fleet.get('delivery', key.delivery(webhook.name));
  const { done: _done, ...delivery } = held?.value ?? NOTHING_YET;
  return { ...webhook, url: shown(webhook), ...delivery, pending: held ? pendingFor(fleet, webhook, held).length : 0 };
}

/** Whoever has the whole path of a Slack webhook can write there; others may carry their password in path or query. */
function shown({ url }: Pick<StoredWebhook, 'url'>): string {
  const { origin, pathname, search } = new URL(url);
  const short = pathname.slice(0, 12);
  return pathname.length > short.length || search !== '' ? `${origin}${short}…` : `${origin}${pathname}`;
}

function tooMany(): PortolanError {
  return new PortolanError('too-many', `there are ${WEBHOOKS_MAX} webhooks already; remove those that nobody needs`);
}

/** What a name resolves to is looked at each time; an address is known now. @throws PortolanError `invalid-request` */
function checkReceiver(url: string): void {
  try {
    checkAddress(new URL(url).hostname);
  } catch (error) {
    throw new PortolanError('invalid-request', `Nothing can be sent to ${url}: ${(error as Error).message}`);
  }
}
