import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { PortolanProcess } from './portolan-process.ts';
import { weaknessOf } from './start-token.ts';

test.each(['hunter2', 'correct horse battery staple', 'a'.repeat(64), 'secret'.repeat(8), '01'.repeat(20)])(
  '%s is weak',
  (token) => {
    expect(weaknessOf(token)).toBeDefined();
  },
);

test('what the ways of making tokens make is strong', () => {
  for (let i = 0; i < 1_000; i++) {
    const tokens = [
      randomBytes(32).toString('base64'),
      randomBytes(16).toString('hex'),
      randomBytes(32).toString('hex'),
    ];
    expect(tokens.map(weaknessOf)).toEqual([undefined, undefined, undefined]);
  }
});

test('no coordinator starts with a token that could be guessed from its digest, which agents hear', async () => {
  const state = mkdtempSync(join(tmpdir(), 'portolan-weak-'));
  onTestFinished(() => rmSync(state, { recursive: true }));
  writeFileSync(join(state, 'token'), 'swordfish\n', { mode: 0o600 });
  const start = (command: string, environment = {}) =>
    new PortolanProcess([command, '--port', '0', '--no-gossip'], { PORTOLAN_STATE_DIR: state, ...environment }).ended;
  const made = expect.stringMatching(/^portolan: .*may do everything.*SHA-256.*openssl rand -base64 32/);
  expect(await start('server', { PORTOLAN_TOKEN: 'hunter2' })).toEqual({ code: 2, stdout: '', stderr: made });
  expect(await start('up')).toEqual({ code: 2, stdout: '', stderr: made });
  expect((await start('up')).stderr).toContain(`The token in ${join(state, 'token')} has 9 characters`);
});
