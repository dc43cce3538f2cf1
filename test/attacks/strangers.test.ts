import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connect } from '@portolan/client';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { freePort } from '../support/port.ts';
import { stranger, strangersUnavailable } from '../support/stranger.ts';
import { Workbench } from '../support/workbench.ts';

const patient = { timeout: 30_000, interval: 20 };

let bench: Workbench;
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await bench.clear();
});

/** Where the commands of the workbench look for the local API. */
function agentAt(port: number): void {
  const state = join(bench.directory, 'state');
  mkdirSync(state, { recursive: true });
  writeFileSync(join(state, 'local-api.json'), JSON.stringify({ url: `http://127.0.0.1:${port}` }));
}

async function strangerAt(port: number) {
  const program = await stranger(port);
  ends.push(() => program.end('SIGKILL'));
  return program;
}

describe.skipIf(strangersUnavailable)('another user of this machine', () => {
  test('who takes the port of a coordinator that was killed is shown no token, and all go back to it when it is back', async () => {
    bench = new Workbench();
    const port = String(await freePort());
    const data = join(bench.directory, 'fleet.sqlite');
    const args = ['--data', data, '--no-gossip', '--port', port];
    const { program, url } = await bench.coordinator(args);
    await bench.agent(url, 'harbour', ['--no-gossip', '--no-local-api', '--interval', '50']);
    // Not that of an agent of another test, which knows the same token.
    agentAt(await freePort());
    const client = connect({ url, token: bench.token, patience: 0, timeout: 2_000 });
    const renewals: string[] = [];
    await using _reserved = await client.reserve(
      { project: 'shop', service: 'cart', ttl: 5 },
      { onRenewal: ({ outcome }) => renewals.push(outcome) },
    );
    const heard: string[] = [];
    const end = new AbortController();
    const watching = (async () => {
      for await (const { type } of client.watch({ topics: ['assignment'], signal: end.signal })) heard.push(type);
    })();
    ends.push(async () => {
      end.abort();
      await watching;
    });
    await vi.waitFor(() => expect(heard).toContain('synced'), patient);

    await program.end('SIGKILL');
    const thief = await strangerAt(Number(port));
    const { code, stderr } = await bench.portolan(['ls', '--url', url]).ended;
    expect({ code, stderr }).toEqual({
      code: 5,
      stderr: expect.stringContaining(`127.0.0.1:${port} is held by the user nobody (uid 65534), not by you or root`),
    });
    await vi.waitFor(() => expect(renewals).toContain('late'), patient);
    // The command, the lease, the watch, and an agent that comes again and again.
    await thief.says(/(connection\s+){8}/);
    const { stdout } = await thief.end('SIGKILL');
    expect(stdout).not.toContain('got');

    heard.length = 0;
    renewals.length = 0;
    await bench.coordinator(args);
    await vi.waitFor(() => expect(heard).toContain('synced'), patient);
    await vi.waitFor(() => expect(renewals).toContain('renewed'), patient);
    expect(renewals).not.toContain('lost');
    const fresh = await freePort();
    const server = createServer().listen(fresh, '127.0.0.1');
    ends.push(() => server.close());
    await vi.waitFor(async () => expect((await client.listeners({ port: fresh })).items).toHaveLength(1), patient);
  });

  test('who has the port of the coordinator may be its honest user: the doctor has nobody ended', async () => {
    bench = new Workbench();
    const port = await freePort();
    await strangerAt(port);
    const { stdout } = await bench.portolan(['doctor', '--json', '--url', `http://127.0.0.1:${port}`]).ended;
    const { checks } = JSON.parse(stdout) as { checks: { name: string; remedy?: string }[] };
    expect(checks.find(({ name }) => name === 'coordinator')?.remedy).toBe(
      'if that is your coordinator: export PORTOLAN_TRUST_USER=nobody; else find out who started it',
    );
    expect(checks.map(({ name }) => name)).not.toContain('port');
    expect(stdout).not.toMatch(/\bend (that|what)\b/);
  });

  test('who has the port of the local API is shown no token when no coordinator answers', async () => {
    bench = new Workbench();
    const [away, local] = [await freePort(), await freePort()];
    agentAt(local);
    const thief = await strangerAt(local);
    const asked = ['ls', 'who 3050', 'hosts', 'doctor', 'findings'].map(
      (line) => bench.portolan([...line.split(' '), '--url', `http://127.0.0.1:${away}`]).ended,
    );
    const told =
      /127\.0\.0\.1:\d+ is held by the user nobody \(uid 65534\).* If that is your agent, set PORTOLAN_TRUST_USER=nobody/;
    for (const { code, stdout, stderr } of await Promise.all(asked)) {
      expect(code).not.toBe(0);
      // It may be the agent of the machine, run by a user of its own.
      expect(stdout + stderr).toMatch(told);
    }
    await thief.says(/(connection\s+){5}/);
    expect((await thief.end('SIGKILL')).stdout).not.toContain('got');
  });
});
