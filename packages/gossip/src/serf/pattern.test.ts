import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePattern } from './pattern.ts';

describe('a pattern', () => {
  test.each([
    ['web', 'my-web-1', true],
    ['^web$', 'web', true],
    ['^web$', 'webs', false],
    ['^(web|db)-[0-9]+$', 'db-12', true],
    ['^(?:web|db)-\\d{2,3}$', 'db-1', false],
    ['^(?P<kind>web|db)$', 'web', true],
    ['a{2}', 'ba', false],
    ['^a{2,}$', 'aaaa', true],
    ['^x*?$', 'xxx', true],
    ['^[^a-c]+$', 'xyz', true],
    ['^[^a-c]+$', 'xbz', false],
    ['^[]x]$', ']', true],
    ['^[a\\]-]+$', 'a]-', true],
    ['(?i)^WEB$', 'web', true],
    ['(?i)^[A-Z]+$', 'web', true],
    ['^a.b$', 'a\nb', false],
    ['(?s)^a.b$', 'a\nb', true],
    ['\\bweb\\b', 'a web b', true],
    ['\\bweb\\b', 'cobweb', false],
    ['^\\x41\\.\\S+\\D\\W$', 'A.xx!', true],
    ['', 'anything', true],
    ['^$', '', true],
    ['a||b', 'c', true],
    ['{', '{', true],
    ['ü+', 'für üüben', true],
    ['^.$', '😀', true],
  ])('%j on %j: %j', (source, text, matches) => {
    expect(compilePattern(source).matches(text)).toBe(matches);
  });

  test.each([
    '(',
    ')',
    '[a',
    '*a',
    'a**',
    'a{3,2}',
    '\\',
    '\\q',
    '\\x4',
    '(?=a)',
    '[[:alpha:]]',
    '[z-a]',
    '(a{900}){900}',
    '('.repeat(500),
  ])('%j is refused', (source) => {
    expect(() => compilePattern(source)).toThrow();
  });

  test('agrees with the platform on random expressions', () => {
    const leaf = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\w', '^', '$');
    const { expression } = fc.letrec<{ expression: string }>((tie) => ({
      expression: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.tuple(tie('expression'), tie('expression')).map(([one, other]) => one + other),
        fc.tuple(tie('expression'), tie('expression')).map(([one, other]) => `(${one}|${other})`),
        fc
          .tuple(tie('expression'), fc.constantFrom('*', '+', '?', '{2}', '{1,2}', '*?'))
          .map(([one, times]) => `(${one})${times}`),
      ),
    }));
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '-'), maxLength: 8 });
    fc.assert(
      fc.property(expression, text, (source, subject) => {
        expect(compilePattern(source).matches(subject)).toBe(new RegExp(source).test(subject));
      }),
      { numRuns: 2_000 },
    );
  });

  test('takes no longer for expressions that are made to take long', () => {
    const began = performance.now();
    for (const source of ['^(a+)+$', '^(a|a)*$', '^(a*)*b$', '(((a?){5}){5}){5}$']) {
      compilePattern(source).matches(`${'a'.repeat(500)}!`);
    }
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
