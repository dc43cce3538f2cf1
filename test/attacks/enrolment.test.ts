import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type PortolanClient } from '@portolan/client';
import { type EnrolmentMade, formatToken, TokenMade } from '@portolan/model';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Workbench } from '../support/workbench.ts';

let bench: Workbench;
let admin: PortolanClient;
let url: string;

beforeAll(async () => {
  bench = new Workbench();
  ({ url } = await bench.coordinator(['--no-gossip']));
  admin = connect({ url, token: bench.token });
});
afterAll(() => bench?.clear());

const info = { addresses: [], platform: 'linux', agentVersion: '1', ephemeral: null, blindSpots: [] };
const newToken = () => {
  const id = randomBytes(6).toString('hex');
  const text = formatToken(id, randomBytes(32).toString('base64url'));
  return { text, shown: { id, digest: createHash('sha256').update(text).digest('base64url') } };
};
/** Whoever has the code and nothing else. */
const thief = (token = 'anything') => connect({ url, token, patience: 0 });

test('the code on each node gives no more than an agent of a host that is new, so many times, and leaves a trace', async () => {
  const { code, id }: EnrolmentMade = await admin.createEnrolment({ name: 'nodes', hosts: 2 });
  await admin.join('known', { name: 'known', ...info });
  await admin.createToken({ role: 'agent', name: 'awaited', projects: null, host: 'awaited' });
  const own = newToken();
  await thief().enrol({ code, host: 'new-1', token: own.shown });
  // Its answer was lost: the same again, and no place less.
  await thief().enrol({ code, host: 'new-1', token: own.shown });
  expect((await admin.enrolments()).items).toEqual([expect.objectContaining({ id, left: 1 })]);
  expect(JSON.stringify((await admin.enrolments()).items)).not.toContain('digest');
  expect(await connect({ url, token: own.text }).self()).toMatchObject({ role: 'agent', host: 'new-1' });

  for (const host of ['known', 'awaited', 'new-1']) {
    await expect(thief().enrol({ code, host, token: newToken().shown })).rejects.toMatchObject({ code: 'forbidden' });
  }
  // The id of a token that is there is nobody's to take.
  await expect(
    thief().enrol({ code, host: 'new-9', token: { ...newToken().shown, id: own.shown.id } }),
  ).rejects.toMatchObject({ code: 'forbidden' });
  const many = Array.from({ length: 20 }, (_, n) =>
    thief().enrol({ code, host: `many-${n}`, token: newToken().shown }),
  );
  const outcomes = await Promise.allSettled(many);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);

  await expect(thief(code).hosts()).rejects.toMatchObject({ code: 'unauthorized' });
  await expect(thief(code).createLogin()).rejects.toMatchObject({ code: 'unauthorized' });
  await vi.waitFor(async () => {
    const { items } = await admin.audit({ actor: 'nodes' });
    expect(items.filter(({ action }) => action === 'enrol')).toHaveLength(2);
    expect(items.filter(({ action }) => action === 'refused').length).toBeGreaterThan(0);
  });
  await admin.revokeEnrolment(id);
  await expect(thief().enrol({ code, host: 'late', token: newToken().shown })).rejects.toMatchObject({
    code: 'unauthorized',
  });
});

test('who takes the id of a revoked token gives nobody its rights back, by no login and no link', async () => {
  const { code } = await admin.createEnrolment({ name: 'heir', hosts: 10 });
  for (let n = 0; n < 3; n++) {
    const { id, token } = await admin.createToken({ role: 'admin', name: `gone-${n}` });
    const gone = connect({ url, token });
    const redeem = async (link: string) => {
      const body = JSON.stringify({ code: link });
      const headers = { 'content-type': 'application/json' };
      return await fetch(`${url}/v1/logins/redeem`, { method: 'POST', headers, body });
    };
    const { token: login } = TokenMade.parse(await (await redeem((await gone.createLogin()).code)).json());
    const { code: link } = await gone.createLogin();
    expect(await connect({ url, token: login }).self()).toMatchObject({ role: 'admin' });

    await admin.revokeToken(id);
    // At once, before anything has swept the logins.
    await thief().enrol({ code, host: `heir-${n}`, token: { ...newToken().shown, id } });
    await expect(connect({ url, token: login, patience: 0 }).self()).rejects.toMatchObject({ code: 'unauthorized' });
    expect((await redeem(link)).status).toBe(401);
  }
});

test('two that ask for one host at once do not both get it', async () => {
  const { code } = await admin.createEnrolment({ name: 'race', hosts: 100 });
  const both = Array.from({ length: 8 }, () => thief().enrol({ code, host: 'contested', token: newToken().shown }));
  const outcomes = await Promise.allSettled(both);
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('an agent without a token makes its own by a code, keeps it for itself alone, and needs the code no more', async () => {
  const { code } = await admin.createEnrolment({ name: 'one', hosts: 1 });
  const file = join(bench.directory, 'code');
  writeFileSync(file, `${code}\n`);
  const without = { environment: { PORTOLAN_TOKEN: '' } };
  const args = ['--no-gossip', '--no-local-api', '--enrolment', file];
  const agent = await bench.agent(url, 'quay', args, without);
  const kept = join(bench.directory, 'quay', 'token');
  expect(statSync(kept).mode & 0o777).toBe(0o600);
  expect(existsSync(join(bench.directory, 'quay', 'token.enrolling'))).toBe(false);
  const token = readFileSync(kept, 'utf8').trim();
  expect(await connect({ url, token }).self()).toMatchObject({ role: 'agent', host: 'quay' });
  await agent.end();
  writeFileSync(file, 'used up');
  await bench.agent(url, 'quay', args, without);
  const { code: exit, stderr } = await bench.portolan(['agent', '--url', url, '--host-id', 'another', ...args], {
    environment: { PORTOLAN_TOKEN: '', PORTOLAN_STATE_DIR: join(bench.directory, 'another') },
  }).ended;
  expect({ exit, stderr }).toEqual({ exit: 2, stderr: expect.stringContaining('not the code of an enrolment') });
});
