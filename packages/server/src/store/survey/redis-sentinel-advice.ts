import { fail, fine, type RedisAdvice, remedyOf, warn } from './redis-advice-level.ts';
import type { SentinelFacts, SentinelReplica, SentinelView } from './redis-sentinel-survey.ts';
import type { RedisSurvey } from './redis-survey.ts';

/** With fewer, none can be lost. */
const SENTINELS_MIN = 3;
/** A busy Redis may be silent for so long, ms. */
const DOWN_AFTER_MIN = 500;
/** Redis's own default, ms: writes are refused for so long before a failover so much as begins. */
const DOWN_AFTER_MAX = 30_000;

/** Whether sentinels find, elect and tell a new primary. */
export function adviseOnSentinels(survey: RedisSurvey): RedisAdvice[] {
  const { sentinels } = survey;
  const silent = sentinels.flatMap(({ address, silent }) => (silent === undefined ? [] : [{ address, silent }]));
  const advice = silent.map(({ address, silent }) =>
    warn('sentinels', `${address} cannot be asked: ${silent}`, remedyOf(silent)),
  );
  const views = sentinels.flatMap(({ address, view }) => (view ? [{ address, ...view }] : []));
  if (views.length === 0) {
    return [
      ...advice,
      fail(
        'sentinels',
        'none of the URL answers: coordinators cannot find the primary',
        'start them, or correct the URL',
      ),
    ];
  }
  const about = [adviseOnPrimary(views), adviseOnMajority(views, sentinels), adviseOnRights(views)].flat();
  const settled = [...advice, ...about].every(({ level }) => level === 'ok');
  return [
    ...advice,
    ...(settled ? [fine('sentinels', summary(views, sentinels))] : about),
    ...adviseOnTimes(views),
    ...adviseOnCandidates(views, survey),
  ];
}

type View = SentinelView & { readonly address: string };

function summary(views: readonly View[], sentinels: readonly SentinelFacts[]): string {
  const { total, majority, quorum } = electorate(views);
  const primary = views.find((view) => view.primary)?.primary;
  const few = quorum < majority ? `; ${quorum} of them take the primary for down, and ${majority} elect` : '';
  return `${views.length} of the ${sentinels.length} in the URL answer, of ${total} in all; quorum ${quorum}${few}; they agree on ${primary}`;
}

/** The counts that decide on a failover, from the sentinel that reaches the most others. */
function electorate(views: readonly View[]) {
  const total = Math.max(...views.map((view) => view.total ?? 1));
  const usable = Math.max(...views.map(({ others }) => 1 + (others ?? []).filter(({ down }) => !down).length));
  const quorum = Math.max(...views.map((view) => view.quorum ?? 1));
  return { total, usable, quorum, majority: Math.floor(total / 2) + 1 };
}

function adviseOnPrimary(views: readonly View[]): RedisAdvice[] {
  const advice: RedisAdvice[] = [];
  const strangers = views.filter(({ primary }) => primary === null).map(({ address }) => address);
  const primaries = new Set(views.flatMap(({ primary }) => primary ?? []));
  if (strangers.length > 0) {
    const level = primaries.size === 0 ? fail : warn;
    advice.push(
      level(
        'sentinels',
        `no primary of the name in the URL is known to ${strangers.join(', ')}`,
        'write the name that "sentinel monitor" gives',
      ),
    );
  }
  if (primaries.size > 1) {
    const told = views.map(({ address, primary }) => `${address} says ${primary ?? 'nothing'}`).join(', ');
    advice.push(
      fail(
        'sentinels',
        `they do not agree on the primary: ${told}`,
        'wait for a failover to end; else see whether they reach one another, and monitor the same server',
      ),
    );
  }
  const accusers = views.filter(({ primaryDown }) => primaryDown).map(({ address }) => address);
  if (accusers.length > 0) {
    advice.push(
      warn(
        'sentinels',
        `the primary does not answer ${accusers.join(', ')}`,
        'see whether they reach it, by the address they tell',
      ),
    );
  }
  return advice;
}

function adviseOnMajority(views: readonly View[], sentinels: readonly SentinelFacts[]): RedisAdvice[] {
  const advice: RedisAdvice[] = [];
  const { total, usable, quorum, majority } = electorate(views);
  if (views.every((view) => view.total === undefined)) return [];
  const down = new Set(
    views.flatMap(({ others }) => others?.filter((each) => each.down) ?? []).map((each) => each.address),
  );
  if (usable < majority) {
    advice.push(
      fail(
        'sentinels',
        `${usable} of ${total} reach one another, and ${majority} are needed to fail over`,
        'start the others; SENTINEL RESET forgets those that are gone for good',
      ),
    );
  } else if (usable < quorum && quorum <= total) {
    advice.push(
      fail('sentinels', `${usable} of ${total} reach one another, and the quorum is ${quorum}`, 'start the others'),
    );
  }
  if (quorum > total) {
    advice.push(
      fail(
        'sentinels',
        `the quorum is ${quorum}, of ${total}: there is never a failover`,
        'sentinel set NAME quorum, on each',
      ),
    );
  }
  if (down.size > 0) {
    advice.push(
      warn(
        'sentinels',
        `the others get no answer from ${[...down].join(', ')}, still counted for the majority of ${majority}`,
        'start them; SENTINEL RESET on each of the others, one after the other, if they are gone for good',
      ),
    );
  }
  if (total < SENTINELS_MIN) {
    advice.push(
      warn(
        'sentinels',
        `there ${total === 1 ? 'is one' : `are ${total}`}: when one is lost, nobody can fail over`,
        'run three, on three machines',
      ),
    );
  }
  if (sentinels.length === 1 && total > 1) {
    advice.push(
      warn(
        'sentinels',
        `the URL names one of ${total}: without it, no coordinator finds the primary`,
        'name the others, too',
      ),
    );
  }
  if (new Set(views.flatMap((view) => view.quorum ?? [])).size > 1) {
    const told = views.map(({ address, quorum }) => `${address} has ${quorum}`).join(', ');
    advice.push(warn('sentinels', `their quorum differs: ${told}`, 'sentinel set NAME quorum, on each'));
  }
  return advice;
}

/** What coordinators ask of sentinels. */
function adviseOnRights(views: readonly View[]): RedisAdvice[] {
  return views.flatMap(({ address, untold }) => {
    // One that does not know the name was told of already.
    const names = untold.filter(({ reason }) => !/No such master/i.test(reason));
    if (names.length === 0) return [];
    if (names.every(({ reason }) => /unknown command/i.test(reason))) {
      return [fail('sentinels', `${address} is no sentinel`, 'correct the URL: the port of sentinels is mostly 26379')];
    }
    const told = names.map(({ question }) => question).join(', ');
    const level = names.some(({ question }) => question.endsWith('get-master-addr-by-name')) ? fail : warn;
    const refused = names.every((each) => each.refused);
    const what = refused
      ? `${address} refuses its user ${told}`
      : `${address} does not answer ${told}: ${names[0]?.reason}`;
    return [level('sentinels', what, 'give the user the rights of docs/redis.md, on each sentinel')];
  });
}

function adviseOnTimes(views: readonly View[]): RedisAdvice[] {
  const [downAfter, retry] = [times(views, 'downAfter'), times(views, 'failoverTimeout')];
  const [first] = downAfter;
  if (first === undefined) return [];
  const remedy = 'sentinel set NAME down-after-milliseconds 5000, on each';
  if (downAfter.length > 1) {
    return [warn('failover', `the sentinels wait for different times: ${downAfter.join(', ')} ms`, remedy)];
  }
  if (first < DOWN_AFTER_MIN) {
    return [warn('failover', `a Redis that is busy for ${first} ms is taken for down`, remedy)];
  }
  const seconds = first / 1000;
  if (first > DOWN_AFTER_MAX) return [warn('failover', `a primary is taken for down only after ${seconds} s`, remedy)];
  const again =
    retry.length === 1 ? `; one that failed is tried again after ${(2 * (retry[0] as number)) / 1000} s` : '';
  return [fine('failover', `it begins when the primary was silent for ${seconds} s${again}`)];
}

function times(views: readonly View[], name: 'downAfter' | 'failoverTimeout'): number[] {
  return [...new Set(views.flatMap((view) => view[name] ?? []))];
}

/** Whom the sentinels would promote, held against who is connected to the primary. */
function adviseOnCandidates(views: readonly View[], { server }: RedisSurvey): RedisAdvice[] {
  const advice: RedisAdvice[] = [];
  const known = new Map<string, SentinelReplica>();
  for (const replica of views.flatMap(({ replicas }) => replicas ?? [])) {
    if (!known.get(replica.address)?.down) known.set(replica.address, replica);
  }
  const connected = server.unreachable === undefined ? server.replicas?.map(({ address }) => address) : undefined;
  // The one just promoted stays on the list of replicas until the failover is over.
  const promoted = server.address !== undefined && known.delete(server.address);
  if (promoted || views.some(({ failingOver }) => failingOver)) {
    const who = promoted ? `: ${server.address} was promoted, and the others are still to follow it` : '';
    advice.push(warn('failover', `a failover is under way${who}`, 'ask again in some seconds'));
    return advice;
  }
  for (const { address, down } of known.values()) {
    if (!down && (!connected || connected.includes(address))) continue;
    advice.push(
      warn(
        'failover',
        `the sentinels know the replica ${address}, which is ${down ? 'down' : 'not connected to the primary'}`,
        'start it; SENTINEL RESET on each sentinel if it is gone for good: until then it is remembered',
      ),
    );
  }
  const seesReplicas = views.some(({ replicas }) => replicas);
  for (const address of seesReplicas ? (connected ?? []) : []) {
    if (known.has(address)) continue;
    advice.push(
      warn(
        'failover',
        `no sentinel knows the replica ${address}: it cannot be promoted`,
        'ask again in 10 s; else it announces another address (replica-announce-ip) or replica-announced is no',
      ),
    );
  }
  const able = [...known.values()].filter(({ down }) => !down);
  if (able.length > 0 && able.every(({ priority }) => priority === 0)) {
    advice.push(
      warn(
        'failover',
        'all replicas have replica-priority 0: none is ever promoted',
        'replica-priority 100 on those that may be',
      ),
    );
  }
  return advice;
}
