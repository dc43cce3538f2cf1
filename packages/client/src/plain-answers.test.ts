import { describe, expect, test } from 'vitest';
import { checkedAnswers } from './checked-answers.ts';
import { plainAnswers } from './plain-answers.ts';

const assignment = {
  protocol: 'tcp',
  port: 3050,
  endpoint: { project: 'shop', service: 'cart', label: 'default', instance: 1 },
  lease: { id: 'l', ttl: 60 },
  grantedAt: '2026-01-01T00:00:00Z',
  token: '1.1',
  state: 'pending',
};
const reservation = {
  port: 3050,
  ports: { default: 3050 },
  assignments: [assignment],
  token: '1.1',
  lease: { id: 'l', ttl: 60 },
  created: true,
  wasInUse: false,
  obstacle: null,
  attempts: 1,
  probed: false,
  acknowledged: 'disk',
  position: '1-1',
};
const event = { op: 'put', topic: 'assignment', key: 'assignment/tcp/3050', value: assignment, version: '1.1' };
const both = [
  ['with the schemas', checkedAnswers],
  ['without them', plainAnswers],
] as const;

describe.each(both)('answers that are tested %s', (_how, answers) => {
  test('pass when they are what they should be', () => {
    const { Reservation, ServerFrame, Problem, RenewResponse } = answers;
    expect(Reservation.safeParse(reservation).success).toBe(true);
    expect(Reservation.safeParse({ ...reservation, lease: null }).success).toBe(true);
    for (const frame of [
      { type: 'snapshot', entries: [event], position: '1-1' },
      { type: 'synced', position: '1-1' },
      { type: 'changes', commits: [{ position: '1-1', events: [event] }] },
      { type: 'bookmark', position: '1-1' },
      { type: 'reset', reason: 'trimmed' },
    ]) {
      expect(ServerFrame.safeParse(frame), JSON.stringify(frame)).toEqual({ success: true, data: frame });
    }
    const problem = { type: 'x', title: 'X', status: 409, detail: 'it is taken', code: 'port-taken', port: 3050 };
    expect(Problem.safeParse(problem)).toEqual({ success: true, data: problem });
    expect(RenewResponse.safeParse({ renewed: [{ id: 'l', ttl: 60 }], lost: [] }).success).toBe(true);
  });

  test('are refused where the client would act on what they are not', () => {
    const { Reservation, ServerFrame, Problem, RenewResponse } = answers;
    for (const wrong of [
      { port: 0 },
      { port: '3050' },
      { ports: { default: 70_000 } },
      { assignments: [{ ...assignment, port: 1.5 }] },
      { assignments: {} },
      { token: 7 },
      { lease: { id: 'l', ttl: -1 } },
      { lease: { id: 'l', ttl: Number.POSITIVE_INFINITY } },
      { lease: undefined },
      { created: 'yes' },
    ]) {
      expect(Reservation.safeParse({ ...reservation, ...wrong }).success, JSON.stringify(wrong)).toBe(false);
    }
    for (const frame of [
      null,
      [],
      { type: 'toString' },
      { type: '__proto__' },
      { type: 'snapshot', entries: {}, position: '1-1' },
      { type: 'snapshot', entries: [{ ...event, op: 'run' }], position: '1-1' },
      { type: 'changes', commits: [{ position: '1-1', events: null }] },
      { type: 'synced' },
    ]) {
      expect(ServerFrame.safeParse(frame).success, JSON.stringify(frame)).toBe(false);
    }
    const problem = { type: 'x', title: 'X', status: 500, detail: 'd', code: 'internal' };
    for (const wrong of [{ code: 'constructor' }, { detail: null }, { mayHaveBeenDone: 'no' }]) {
      expect(Problem.safeParse({ ...problem, ...wrong }).success, JSON.stringify(wrong)).toBe(false);
    }
    expect(RenewResponse.safeParse({ renewed: [{}], lost: [] }).success).toBe(false);
    expect(RenewResponse.safeParse('ok').success).toBe(false);
  });
});

test('without the schemas an answer of an older coordinator has what it left out', () => {
  expect(plainAnswers.Status.safeParse({ position: '1-1' })).toMatchObject({ data: { lowered: null } });
});
