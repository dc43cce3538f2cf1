import { expect, test } from 'vitest';
import { adviseOnSentinels } from './redis-sentinel-advice.ts';
import type { SentinelFacts, SentinelView } from './redis-sentinel-survey.ts';
import type { RedisSurvey, ServerFacts } from './redis-survey.ts';

const OTHERS = ['10.0.0.1:26379', '10.0.0.2:26379', '10.0.0.3:26379'];

/** One of three sentinels that agree, with two replicas. */
const view: SentinelView = {
  primary: '10.0.0.5:6379',
  primaryDown: false,
  failingOver: false,
  total: 3,
  quorum: 2,
  downAfter: 5000,
  failoverTimeout: 60_000,
  others: OTHERS.slice(1).map((address) => ({ address, down: false })),
  replicas: ['10.0.0.6:6379', '10.0.0.7:6379'].map((address) => ({ address, down: false, priority: 100 })),
  untold: [],
};
const three = (...views: Partial<SentinelView>[]): SentinelFacts[] =>
  OTHERS.map((address, i) => ({ address, view: { ...view, ...views[i] } }));

function advise(sentinels: readonly SentinelFacts[], connected = ['10.0.0.6:6379', '10.0.0.7:6379']) {
  const replicas = connected.map((address) => ({ address, state: 'online', behind: 0, silentFor: 0 }));
  const server = { address: '10.0.0.5:6379', replicas } as unknown as ServerFacts;
  const survey: RedisSurvey = {
    ...{ kind: 'sentinel', fleet: 'default', server, sentinels, cluster: undefined, outOfReach: [] },
  };
  return adviseOnSentinels(survey);
}

const faults = (...args: Parameters<typeof advise>) =>
  advise(...args)
    .filter(({ level }) => level !== 'ok')
    .map(({ level, what }) => `${level}: ${what}`);
const all = (change: Partial<SentinelView>) => three(change, change, change);

test('three that agree have no faults', () => {
  expect(advise(three())).toEqual([
    {
      check: 'sentinels',
      level: 'ok',
      what: '3 of the 3 in the URL answer, of 3 in all; quorum 2; they agree on 10.0.0.5:6379',
    },
    {
      check: 'failover',
      level: 'ok',
      what: 'it begins when the primary was silent for 5 s; one that failed is tried again after 120 s',
    },
  ]);
});

test('one that is silent is a warning, all of them are a failure', () => {
  const silent = { address: OTHERS[2] as string, silent: 'connect ECONNREFUSED' };
  expect(faults([...three().slice(0, 2), silent])).toEqual([
    'warning: 10.0.0.3:26379 cannot be asked: connect ECONNREFUSED',
  ]);
  expect(faults([silent])).toContainEqual(expect.stringMatching(/^failure: none of the URL answers/));
});

test('a name that they do not know is a failure, a warning when only some do not', () => {
  const untold = [{ question: 'SENTINEL MASTER', reason: 'ERR No such master with that name', refused: false }];
  const stranger: Partial<SentinelView> = {
    ...{ primary: null, primaryDown: undefined, total: undefined, quorum: undefined, untold },
    ...{ downAfter: undefined, failoverTimeout: undefined, others: undefined, replicas: undefined },
  };
  expect(faults(three(stranger))).toEqual(['warning: no primary of the name in the URL is known to 10.0.0.1:26379']);
  expect(faults(all(stranger))).toEqual([expect.stringMatching(/^failure: no primary of the name/)]);
});

test('that they name two primaries, or take theirs for down, is told with who says so', () => {
  expect(faults(three({ primary: '10.0.0.6:6379' }))).toEqual([
    expect.stringMatching(
      /^failure: they do not agree .*10\.0\.0\.1:26379 says 10\.0\.0\.6:6379, 10\.0\.0\.2:26379 says/,
    ),
  ]);
  expect(faults(three({}, { primaryDown: true }))).toEqual(['warning: the primary does not answer 10.0.0.2:26379']);
});

test('too few that reach one another is a failure: nobody is elected', () => {
  const alone = view.others?.map((other) => ({ ...other, down: true })) as SentinelView['others'];
  expect(faults(all({ others: alone }))).toEqual([
    'failure: 1 of 3 reach one another, and 2 are needed to fail over',
    expect.stringMatching(/^warning: the others get no answer from 10\.0\.0\.2:26379, 10\.0\.0\.3:26379,/),
  ]);
  // A sentinel that is cut off itself does not speak for the others.
  expect(faults(three({ others: alone }))).not.toContainEqual(expect.stringContaining('failure'));
});

test('a quorum above their number is a failure, one below the majority is told', () => {
  expect(faults(all({ quorum: 4 }))).toEqual(['failure: the quorum is 4, of 3: there is never a failover']);
  expect(advise(all({ quorum: 1 }))[0]).toMatchObject({
    level: 'ok',
    what: expect.stringContaining('quorum 1; 1 of them take the primary for down, and 2 elect'),
  });
  expect(faults(three({ quorum: 3 }))).toEqual([expect.stringMatching(/^warning: their quorum differs/)]);
});

test('fewer than three, or a URL that names only one, is a warning', () => {
  const two = three({ others: view.others?.slice(0, 1), total: 2 }, { others: view.others?.slice(0, 1), total: 2 });
  expect(faults(two.slice(0, 2))).toEqual([expect.stringMatching(/^warning: there are 2: when one is lost/)]);
  expect(faults(three().slice(0, 1))).toEqual([expect.stringMatching(/^warning: the URL names one of 3/)]);
});

test('times of silence that are too short, too long or different are warnings', () => {
  expect(faults(all({ downAfter: 100 }))).toEqual([expect.stringContaining('busy for 100 ms is taken for down')]);
  expect(faults(all({ downAfter: 60_000 }))).toEqual([expect.stringContaining('only after 60 s')]);
  expect(faults(three({ downAfter: 1000 }))).toEqual([expect.stringContaining('different times: 1000, 5000 ms')]);
});

test('a right that is refused is a warning, but to learn the primary it is a failure', () => {
  const refused = (...questions: string[]) => ({
    untold: questions.map((question) => ({ question, reason: 'NOPERM', refused: true })),
  });
  expect(faults(three(refused('SENTINEL MASTER', 'SUBSCRIBE')))).toEqual([
    'warning: 10.0.0.1:26379 refuses its user SENTINEL MASTER, SUBSCRIBE',
  ]);
  expect(faults(three({ ...refused('SENTINEL get-master-addr-by-name'), primary: undefined }))).toEqual([
    'failure: 10.0.0.1:26379 refuses its user SENTINEL get-master-addr-by-name',
  ]);
});

test('replicas that they know and the primary does not, and the other way round, are warnings', () => {
  expect(faults(three(), ['10.0.0.6:6379'])).toEqual([
    'warning: the sentinels know the replica 10.0.0.7:6379, which is not connected to the primary',
  ]);
  const gone = [...(view.replicas ?? []), { address: '10.0.0.9:6379', down: true, priority: 100 }];
  const told = advise(all({ replicas: gone })).filter(({ level }) => level !== 'ok');
  expect(told).toEqual([
    expect.objectContaining({
      what: 'the sentinels know the replica 10.0.0.9:6379, which is down',
      remedy: expect.stringContaining('SENTINEL RESET'),
    }),
  ]);
  expect(faults(three(), ['10.0.0.6:6379', '10.0.0.7:6379', '10.0.0.8:6379'])).toEqual([
    'warning: no sentinel knows the replica 10.0.0.8:6379: it cannot be promoted',
  ]);
});

test('the server just promoted, still listed as a replica, is a failover under way and no replica that is missing', () => {
  const promoted = [...(view.replicas ?? []), { address: '10.0.0.5:6379', down: false, priority: 100 }];
  expect(faults(all({ replicas: promoted }), [])).toEqual([
    expect.stringMatching(/^warning: a failover is under way: 10\.0\.0\.5:6379 was promoted/),
  ]);
  expect(faults(three({ failingOver: true }))).toEqual(['warning: a failover is under way']);
});

test('replicas that may never be promoted are a warning', () => {
  const never = view.replicas?.map((each) => ({ ...each, priority: 0 })) as SentinelView['replicas'];
  expect(faults(all({ replicas: never }))).toEqual([expect.stringContaining('none is ever promoted')]);
});
