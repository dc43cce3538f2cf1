import { expect, test } from 'vitest';
import { areOfTwoCopies, workingCopyOf } from './working-copy.ts';

test('a holder names its working copy by machine and directory', () => {
  expect(workingCopyOf('ann@vm:/srv/shop')).toEqual({ host: 'vm', root: '/srv/shop' });
  expect(workingCopyOf('ann@corp@vm:/srv/a@b:/c')).toEqual({ host: 'vm', root: '/srv/a@b:/c' });
  expect(workingCopyOf('ann@pc:C:\\shop')).toEqual({ host: 'pc', root: 'C:\\shop' });
  for (const none of [undefined, '', 'ci-17', 'ann@vm', 'ann@vm:shop', ':/srv/shop']) {
    expect(workingCopyOf(none)).toBeUndefined();
  }
});

test('two holders are of two copies where the directory or the machine differs, not where the program does', () => {
  expect(areOfTwoCopies('ann@vm:/srv/shop', 'claude-code@vm:/srv/shop')).toBe(false);
  expect(areOfTwoCopies('ann@vm:/srv/shop', 'ann@vm:/srv/shop-blue')).toBe(true);
  expect(areOfTwoCopies('ann@vm:/srv/shop', 'ann@build:/srv/shop')).toBe(true);
  expect(areOfTwoCopies('ann@vm:/srv/shop', 'ann@vm')).toBe(false);
});
