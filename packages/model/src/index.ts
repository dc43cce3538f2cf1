export * from './absence.ts';
export * from './access.ts';
export * from './address.ts';
export * from './alias.ts';
export * from './api.ts';
export * from './assignment.ts';
export * from './choose.ts';
export { crowdedOut } from './crowd.ts';
export { sameValue } from './difference.ts';
export * from './digest.ts';
export { drainedByHost, drainedRanges, raiseQuota } from './draining.ts';
export * from './enrolment.ts';
export * from './entry.ts';
export * from './environment.ts';
export * from './finding.ts';
export * from './finding-event.ts';
export { type Applied, Fleet, type FleetChange, type FleetPart, type Held, type Touch } from './fleet.ts';
export { type FreeRequest, freePorts, type TestBind } from './free-look.ts';
export * from './gossip.ts';
export * from './health.ts';
export * from './host.ts';
export * from './identity.ts';
export { instanceFor } from './instance.ts';
export * from './interval.ts';
export * from './ip-address.ts';
export { boundJson, type JsonBounds } from './json-bounds.ts';
export { judged, merged, portsInUse, portsOf } from './judgement.ts';
export * from './listener.ts';
export * from './listener-sheet.ts';
export * from './local-api.ts';
export * from './login.ts';
export { isCalledPortolan } from './own-process.ts';
export { Pager, type Paging } from './pager.ts';
export { declaredParty } from './party.ts';
export { issueClause, plainIssue } from './plain-issue.ts';
export * from './plan.ts';
export * from './plan-diff.ts';
export * from './plan-health.ts';
export * from './plan-judgement.ts';
export * from './plan-rules.ts';
export * from './port.ts';
export { type Claim, isClient, isContainerInternal, type PortFacts } from './port-facts.ts';
export { type Asker, type Field, fieldOf, obstacleTo, openOn, without } from './port-field.ts';
export * from './port-note.ts';
export * from './port-set.ts';
export * from './portolan-error.ts';
export * from './position.ts';
export * from './problem.ts';
export * from './process.ts';
export {
  isAtLeast,
  isEvidenceFor,
  type Likeness,
  likeness,
  nameByProof,
  type Proof,
  proofOf,
  proofs,
} from './proof.ts';
export * from './public-key.ts';
export { nameOfShare, quotaOf, type Share, sharesOf } from './quota.ts';
export * from './range.ts';
export * from './readiness.ts';
export * from './reads.ts';
export { argumentsFor, flagOf, readRemedy, releaseOf } from './remedy.ts';
export * from './rules.ts';
export { SHOWN_MAX } from './sample.ts';
export { addTo, removeFrom } from './set-index.ts';
export * from './sheet-record.ts';
export * from './task.ts';
export { hostParty, verdictOf } from './verdict.ts';
export * from './webhook.ts';
export * from './wire-values.ts';
export * from './working-copy.ts';
