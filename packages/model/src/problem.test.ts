import { expect, test } from 'vitest';
import { PortolanError, problemStatus } from './portolan-error.ts';
import { Problem } from './problem.ts';

test('an error becomes problem details and comes back with its code, message and data', () => {
  const error = new PortolanError('port-taken', 'tcp port 3050 belongs to mana/mana-sync:api; take 3051', {
    port: 3050,
    suggestions: [3051],
  });
  const problem = error.toProblem();
  expect(problem).toEqual({
    type: 'urn:portolan:problem:port-taken',
    title: 'Port taken',
    status: 409,
    detail: 'tcp port 3050 belongs to mana/mana-sync:api; take 3051',
    code: 'port-taken',
    port: 3050,
    suggestions: [3051],
  });
  const back = PortolanError.from(Problem.parse(JSON.parse(JSON.stringify(problem))));
  expect(back).toBeInstanceOf(PortolanError);
  expect({ code: back.code, message: back.message, data: back.data }).toEqual({
    code: error.code,
    message: error.message,
    data: error.data,
  });
});

test('an error that is written down as JSON keeps its message', () => {
  const error = new PortolanError('fenced', 'the token is old', { port: 3050 });
  const written = JSON.parse(JSON.stringify({ outcome: 'lost', error }));
  const kept = { name: 'PortolanError', code: 'fenced', message: 'the token is old', data: { port: 3050 } };
  expect(written).toEqual({ outcome: 'lost', error: kept });
});

test('data cannot pass itself off as the code or the status', () => {
  const problem = new PortolanError('fenced', 'the token is old', { code: 'internal', status: 200 }).toProblem();
  expect(problem).toMatchObject({ code: 'fenced', status: 409 });
});

test('every code is answered with an error status', () => {
  for (const status of Object.values(problemStatus)) expect(status).toBeGreaterThanOrEqual(400);
});
