import {
  type Assignment,
  argumentsFor,
  declaredParty,
  type Endpoint,
  type Fleet,
  flagOf,
  formatEndpoint,
  type Held,
  key,
  type Protocol,
  releaseOf,
  revisionOf,
  serviceId,
  type Verdict,
  verdictOf,
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

/** Open losses of one project that are told each by itself. */
export const LOSSES_MAX = 100;

/**
 * Whether what is missed was promised at all, as far as can be told: a token of the history that stands is good if the audit
 * trail has that very grant. Of another history nobody knows.
 */
export function mayBeLost(fleet: Fleet, { endpoint, protocol, port, token }: Loss): boolean {
  const [epoch, revision] = token.split('.').map(Number);
  if (epoch !== fleet.epoch || revision! > revisionOf(fleet.position)) return true;
  const granted = key.assignment(protocol, port);
  const holder = formatEndpoint(endpoint);
  for (const { version, value } of fleet.all('audit')) {
    if (version === token) return value.targets.some((target) => target.key === granted && target.of === holder);
  }
  return false;
}

export function lostFindingId(endpoint: Endpoint, protocol: string): string {
  return `lost-assignment:${protocol}:${formatEndpoint(endpoint)}`;
}

export function furtherLossesId(project: string): string {
  return `lost-assignment:further:${project}`;
}

/** The one finding for what a project lost beyond `LOSSES_MAX`. */
export function furtherLosses(fleet: Fleet, project: string, now: string): { put: Put; condition: Condition } {
  const id = furtherLossesId(project);
  const verdict = verdictOf({
    id,
    kind: 'lost-assignment',
    severity: 'error',
    summary: `The project ${project} lost more than ${LOSSES_MAX} ports, or a client of it says so; the further ones are not told one by one.`,
    remedies: [
      `portolan ls --wide --project ${project} (what it still holds)`,
      'reserve what is still needed, and release the rest',
    ],
  });
  return told(fleet, verdict, now);
}

/** The findings of further losses whose projects have fewer open losses than are told by themselves. */
export function endedFurtherLosses(fleet: Fleet): Held<'finding'>[] {
  const open = new Map<string, number>();
  for (const { value } of openLosses(fleet, () => true)) {
    const { project } = value.parties[0]!.endpoint!;
    open.set(project, (open.get(project) ?? 0) + 1);
  }
  return Array.from(fleet.all('finding')).filter(({ value: { id, state } }) => {
    const [kind, what, project] = id.split(':');
    if (kind !== 'lost-assignment' || what !== 'further' || state === 'resolved') return false;
    return (open.get(project!) ?? 0) < LOSSES_MAX;
  });
}

/** The finding that tells of a loss, to be written if it is still as the fleet shows it. */
export function lostFinding(fleet: Fleet, loss: Loss, now: string): { put: Put; condition: Condition } {
  const { endpoint, protocol, port, token, why } = loss;
  const owner = fleet.assignment(protocol, port)?.value;
  const id = lostFindingId(endpoint, protocol);
  const verdict = verdictOf({
    id,
    kind: 'lost-assignment',
    severity: 'error',
    protocol,
    port,
    parties: [endpoint, ...(owner ? [owner.endpoint] : [])].map((each) =>
      declaredParty(serviceId(each), { endpoint: each, place: null, since: null }),
    ),
    summary:
      `${formatEndpoint(endpoint)} held ${protocol} port ${port} (token ${token}) and lost it` +
      (owner ? ` to ${formatEndpoint(owner.endpoint)}` : `: ${why}`),
    remedies: [
      `portolan reserve ${argumentsFor(endpoint)} --preferred ${port}${flagOf(protocol)}`,
      `${releaseOf(endpoint)} (if it is no longer needed)`,
      `portolan who ${port}`,
    ],
  });
  return told(fleet, verdict, now);
}

/** A loss that is told again is open again, whoever had seen it: the promise was broken once more. */
function told(fleet: Fleet, verdict: Verdict, now: string): { put: Put; condition: Condition } {
  const entryKey = key.finding(verdict.id);
  const firstSeen = fleet.standing(verdict.id)?.value.firstSeen ?? now;
  return {
    put: put<'finding'>(entryKey, { ...verdict, state: 'open', firstSeen, lastChanged: now }),
    condition: { key: entryKey, version: fleet.version('finding', entryKey) },
  };
}

/** Whoever lost a port is given one again: the finding that told of it, resolved. */
export function settledLoss(fleet: Fleet, { endpoint, protocol }: Assignment): Put[] {
  const lost = fleet.standing(lostFindingId(endpoint, protocol));
  return lost ? [resolvedLoss(lost)] : [];
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
