import { isUnknownProject, parseServiceId, type ServiceId, sameService } from './identity.ts';
import type { Listener } from './listener.ts';

/** What evidence proves of who has a socket, weakest first; see `proofOf`. */
export const proofs = ['nothing', 'name', 'service', 'port'] as const;
export type Proof = (typeof proofs)[number];

type Identity = NonNullable<Listener['identity']>;

/**
 * What the evidence for a listener proves of the very port that it listens on: this decides whose processes are ended. It
 * is decided by the kind of evidence and never by equal names, which anybody may reserve.
 *
 * | evidence | proves | because |
 * | --- | --- | --- |
 * | `PORTOLAN_ENDPOINTS` names this port | port | the process was given this port, under this label |
 * | `PORTOLAN_ENDPOINTS` names other ports | nothing | an environment is inherited: a daemon that a job left behind has it, too |
 * | the agent's manifest names this port | port | whoever runs the agent said so |
 * | the manifest, by directory or command | service | so did they, of the service and of no port |
 * | labels of a container with a project | service | whoever started the container wrote them, and they are not inherited |
 * | name of a container, unit, PM2 app, command | name | it says nothing of a project: another one has the same tomorrow. Where it runs may name one, which is nobody's word for it |
 *
 * A process can write its own environment, so a proof by it is its own word, and may cost nobody but itself its life.
 */
export function proofOf(identity: Listener['identity']): Proof {
  if (identity === null) return 'nothing';
  const { service, label, evidence } = identity;
  if (evidence.kind === 'lease' && label === null) return 'nothing';
  if (isUnknownProject(parseServiceId(service).project)) return 'name';
  if (evidence.kind === 'lease' || evidence.kind === 'manifest') return label === null ? 'service' : 'port';
  return evidence.kind === 'container' ? 'service' : 'name';
}

export function isAtLeast(proof: Proof, wanted: Proof): boolean {
  return proofs.indexOf(proof) >= proofs.indexOf(wanted);
}

/**
 * Whether the evidence is for this service. What is known by its name alone is taken for any service of that name, for
 * whoever may end the processes of all projects.
 */
export function isEvidenceFor(identity: Identity, service: ServiceId): boolean {
  return proofOf(identity) === 'name' ? sameService(identity.service, service) : identity.service === service;
}

/** Whether a listener is a service, as far as its evidence tells. */
export type Likeness = 'same' | 'perhaps' | 'other';

/**
 * Compares what was seen with a service. A guessed project proves neither that a listener is of it nor that it is of no
 * other: a clone may be called anything. So a service of the same name in another project is perhaps this one, which
 * accuses nobody and counts for nobody.
 */
export function likeness(identity: Identity, service: ServiceId): Likeness {
  if (sameService(identity.service, service)) return 'same';
  const isNamesake = parseServiceId(identity.service).service === parseServiceId(service).service;
  return isNamesake && identity.evidence.guess ? 'perhaps' : 'other';
}

/** Who somebody is, for a sentence: `shop/cart`, or whose environment a process has on a port that was not given with it. */
export function nameByProof(identity: Identity): string {
  if (proofOf(identity) !== 'nothing') return identity.service;
  return `a process with the environment of ${identity.service}, which was not given this port`;
}
