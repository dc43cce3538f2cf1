import { PortolanError } from '@portolan/model';
import { expect, test } from 'vitest';
import { rendering } from './problem-text.ts';

const refusal = (...issues: [at: string, message: string][]) =>
  new PortolanError('invalid-request', issues.map((each) => each.join(': ')).join('; '), {
    issues: issues.map(([at, message]) => ({ at, message })),
  });

test('what a coordinator refuses is told without the paths of its interface, which nobody typed', () => {
  const error = refusal(['body.host', 'a host is wanted'], ['param.id', 'no id: of a host'], ['body', 'too much']);
  expect(rendering(error, false).text).toBe('portolan: a host is wanted; no id: of a host; too much.\n');
  expect(rendering(error, true).problem).toMatchObject({ detail: error.message });
  const own = new PortolanError('invalid-request', 'body.yaml: cannot be read');
  expect(rendering(own, false).text).toBe('portolan: body.yaml: cannot be read.\n');
});

test('a value out of bounds is told of the option that it came from, or else of the field', () => {
  const error = new PortolanError('invalid-request', 'count must be at most 1000; and 2 more', {
    issues: [{ at: 'query.count', message: 'must be at most 1000' }],
  });
  expect(rendering(error, false, ['free', '--count', '9999']).text).toBe(
    'portolan: --count must be at most 1000; and 2 more.\n',
  );
  expect(rendering(error, false, ['free', '--count=9999']).text).toContain('--count must');
  expect(rendering(error, false, ['free']).text).toBe('portolan: count must be at most 1000; and 2 more.\n');
});

test('a coordinator that does not know what is asked for is called older', () => {
  const told = /^portolan: the coordinator is older than this command, .*: update it \(.*\)\.\n$/;
  const missing = 'there is nothing at POST /v1/enrolments; /reference shows what is';
  expect(rendering(new PortolanError('not-found', missing), false)).toMatchObject({
    ...{ text: expect.stringMatching(told), exit: 3 },
  });
  expect(rendering(refusal(['body', 'Unrecognized key: "quota"']), false).text).toMatch(told);
  expect(rendering(new PortolanError('not-found', 'there is no range x'), false).text).not.toContain('older');
});
