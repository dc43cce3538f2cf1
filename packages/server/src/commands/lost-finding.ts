import {
  type Assignment,
  declaredParty,
  type Endpoint,
  type Finding,
  type Fleet,
  formatEndpoint,
  type Held,
  key,
  type Protocol,
  serviceId,
} from '@portolan/model';
import type { Condition, Put } from '../store/store.ts';
import { put } from './entries.ts';

/** A promise that is not kept any more, though nobody ended it. */
export interface Loss {
  readonly endpoint: Endpoint;
  readonly protocol: Protocol;
  readonly port: number;
  /** Of the grant that is lost. */
  readonly token: string;
  /** How it came about, when nobody else has the port. */
  readonly why: string;
}

export function lostFindingId(endpoint: Endpoint, protocol: string): string {
  return `lost-assignment:${protocol}:${formatEndpoint(endpoint)}`;
}

/** The finding that tells of a loss, to be written if it is still as the fleet shows it. */
export function lostFinding(fleet: Fleet, loss: Loss, now: string): { put: Put; condition: Condition } {
  const { endpoint, protocol, port, token, why } = loss;
  const owner = fleet.assignment(protocol, port)?.value;
  const id = lostFindingId(endpoint, protocol);
  const before = fleet.get('finding', key.finding(id));
  const finding: Finding = {
    id,
    kind: 'lost-assignment',
    severity: 'error',
    class: null,
    maskedBy: null,
    protocol,
    port,
    parties: [endpoint, ...(owner ? [owner.endpoint] : [])].map((each) =>
      declaredParty(serviceId(each), { endpoint: each, place: null, since: null }),
    ),
    summary:
      `${formatEndpoint(endpoint)} held ${protocol} port ${port} (token ${token}) and lost it` +
      (owner ? ` to ${formatEndpoint(owner.endpoint)}` : `: ${why}`),
    remedies: [
      `portolan reserve ${serviceId(endpoint)}:${endpoint.label} --preferred ${port}`,
      `portolan release ${serviceId(endpoint)}:${endpoint.label} (if it is no longer needed)`,
      `portolan who ${port}`,
    ],
    state: 'open',
    firstSeen: before && before.value.state !== 'resolved' ? before.value.firstSeen : now,
    lastChanged: now,
  };
  return {
    put: put<'finding'>(key.finding(id), finding),
    condition: { key: key.finding(id), version: before?.version ?? null },
  };
}

/** Whoever lost a port is given one again: the finding that told of it, resolved. */
export function settledLoss(fleet: Fleet, { endpoint, protocol }: Assignment): Put[] {
  const lost = fleet.get('finding', key.finding(lostFindingId(endpoint, protocol)));
  return lost && lost.value.state !== 'resolved' ? [resolvedLoss(lost)] : [];
}

export function resolvedLoss({ key: entryKey, value }: Held<'finding'>): Put {
  return put<'finding'>(entryKey, { ...value, state: 'resolved', lastChanged: new Date().toISOString() });
}

/** The open findings of what these endpoints lost. */
export function openLosses(
  fleet: Fleet,
  isMeant: (endpoint: Endpoint, protocol: Protocol) => boolean,
): Held<'finding'>[] {
  return Array.from(fleet.all('finding')).filter(({ value: { kind, state, parties, protocol } }) => {
    const endpoint = parties[0]?.endpoint;
    return kind === 'lost-assignment' && state !== 'resolved' && endpoint && protocol && isMeant(endpoint, protocol);
  });
}
