import { createHmac } from 'node:crypto';
import {
  type Finding,
  type FindingChange,
  type FindingEvent,
  isWatched,
  rankOf,
  type StoredWebhook,
} from '@portolan/model';

/** What goes over the wire. */
export interface Payload {
  readonly body: string;
  readonly headers: Record<string, string>;
}

/** Alertmanager takes an alert for resolved that it was not told of for so long, ms; told again well before. */
export const STANDS_FOR = 5 * 60_000;

/**
 * The request that tells of the events.
 *
 * @param events one, except for Alertmanager
 */
export function payloadOf(webhook: StoredWebhook, events: readonly FindingEvent[], now: Date): Payload {
  const body = JSON.stringify(bodyOf(webhook, events, now));
  return {
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'portolan',
      ...(webhook.format === 'json' && {
        'portolan-event': events[0]!.id,
        'portolan-signature': signature(webhook.secret, body, now),
      }),
    },
  };
}

/**
 * `t=<seconds since 1970>,v1=<hex>`: HMAC-SHA-256 of `<t>.<body>` with the webhook's secret. The time is in it so that an
 * old request, caught by somebody, can be told from a new one.
 */
export function signature(secret: string, body: string, now: Date): string {
  const t = Math.floor(now.getTime() / 1000);
  return `t=${t},v1=${createHmac('sha256', secret).update(`${t}.${body}`).digest('hex')}`;
}

function bodyOf(webhook: StoredWebhook, events: readonly FindingEvent[], now: Date): unknown {
  switch (webhook.format) {
    case 'json':
      return events[0];
    case 'slack':
      return slackMessage(events[0]!);
    case 'alertmanager':
      return events.flatMap((event) => alertsOf(webhook, event, now));
  }
}

const verbs: Record<FindingChange, string> = {
  opened: 'New',
  worsened: 'Worse',
  eased: 'Eased',
  changed: 'Changed',
  acknowledged: 'Acknowledged',
  reopened: 'Open again',
  noted: 'Noted',
  resolved: 'Resolved',
};

function slackMessage({ change, by, finding }: FindingEvent): unknown {
  const who = by === null ? '' : ` by ${by}`;
  const title = `${verbs[change]}${who}: ${titleOf(finding)}`;
  const [remedy] = finding.remedies;
  const lines = [finding.summary, ...(remedy !== undefined && change !== 'resolved' ? [remedy] : [])];
  return {
    text: slackText(`${title}. ${finding.summary}`),
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: `*${slackText(title)}*\n${lines.map(slackText).join('\n')}` } },
      { type: 'context', elements: [{ type: 'mrkdwn', text: slackText(`${finding.severity} · ${finding.id}`) }] },
    ],
  };
}

/** Names of services come from whoever runs them: they must neither call a channel nor make a link. */
function slackText(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/[*_~`]/g, '\u200b$&');
}

/**
 * People route by severity, so it is a label; and since labels say which alert it is, another severity is another alert:
 * the one before ends. What weighs too little by now is over for this receiver, and not told again.
 */
function alertsOf(webhook: StoredWebhook, { change, finding, was }: FindingEvent, now: Date): unknown[] {
  const standing = change !== 'resolved' && (change !== 'eased' || isWatched(webhook, finding));
  const before = was !== undefined && was !== finding.severity && rankOf(was) >= rankOf(webhook.severity);
  return [
    ...(before ? [alertOf({ ...finding, severity: was }, false, now)] : []),
    ...(standing || !before ? [alertOf(finding, standing, now)] : []),
  ];
}

function alertOf(finding: Finding, standing: boolean, now: Date): unknown {
  return {
    labels: {
      alertname: 'PortolanFinding',
      finding: finding.id,
      kind: finding.kind,
      severity: finding.severity,
      ...(finding.port !== null && { port: String(finding.port), protocol: finding.protocol }),
    },
    annotations: {
      summary: titleOf(finding),
      description: finding.summary,
      ...(finding.class !== null && { class: finding.class }),
      ...(finding.remedies[0] !== undefined && { remedy: finding.remedies[0] }),
    },
    startsAt: finding.firstSeen,
    endsAt: standing ? new Date(now.getTime() + STANDS_FOR).toISOString() : finding.lastChanged,
  };
}

function titleOf({ kind, protocol, port, class: bite, parties }: Finding): string {
  const [host] = kind === 'host-unreachable' && parties.length === 1 ? parties : [];
  const where = port === null ? (host?.host ? ` ${host.host.name}` : '') : ` on ${protocol} ${port}`;
  return `${bite === null ? '' : `${bite} `}${kind}${where}`;
}

/** What a test sends: nobody can take it for a finding of the fleet. */
export function sampleEvent(now: string): FindingEvent {
  return {
    id: `${now}-test`,
    at: now,
    change: 'opened',
    by: null,
    finding: {
      id: 'test',
      kind: 'collision',
      severity: 'info',
      class: null,
      maskedBy: null,
      protocol: null,
      port: null,
      parties: [],
      summary: 'This is a test of a Portolan webhook. Nothing is wrong.',
      remedies: [],
      state: 'open',
      firstSeen: now,
      lastChanged: now,
    },
  };
}
