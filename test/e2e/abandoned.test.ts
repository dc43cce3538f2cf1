import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request as httpRequest, Agent as PlainAgent } from 'node:http';
import { request as httpsRequest, Agent as TlsAgent } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect } from '@portolan/client';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Authority, certificatesUnavailable } from '../support/certificates.ts';
import { Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 50 };

let bench: Workbench;
beforeEach(() => {
  bench = new Workbench();
});
afterEach(() => bench.clear());

/** A coordinator, and calls to it on connections that are under control. */
async function coordinator(agent: PlainAgent | TlsAgent, args: readonly string[] = []) {
  const { program, url } = await bench.coordinator(['--data', join(bench.directory, 'fleet.sqlite'), ...args]);
  const request = agent instanceof TlsAgent ? httpsRequest : httpRequest;
  const send = (method: string, path: string, body?: object) => {
    const asked = request(url + path, {
      method,
      agent,
      headers: { authorization: `Bearer ${bench.token}`, ...(body && { 'content-type': 'application/json' }) },
    });
    asked.end(body && JSON.stringify(body));
    return asked;
  };
  const call = async (...of: Parameters<typeof send>) => {
    const [answer] = await once(send(...of), 'response');
    return { status: answer.statusCode as number, text: await text(answer) };
  };
  const reservation = (service: string) => ['POST', '/v1/assignments', { project: 'shop', service }] as const;
  /** How many reservations were answered with this status. */
  const answered = async (status: number) => {
    const metrics = (await call('GET', '/metrics')).text;
    const count = new RegExp(`request_duration_seconds_count\\{.*/assignments",status="${status}"\\} (\\d+)`).exec(
      metrics,
    );
    return Number(count?.[1] ?? 0);
  };
  const services = async () => {
    const { items } = JSON.parse((await call('GET', '/v1/assignments?consistent=true')).text);
    return items.map(({ endpoint }: { endpoint: { service: string } }) => endpoint.service);
  };
  return { program, url, send, call, reservation, answered, services };
}

/** Asks while the coordinator is frozen, gives up, and lets it go on. */
async function askAndLeave({ program, send, reservation }: Awaited<ReturnType<typeof coordinator>>): Promise<void> {
  program.child.kill('SIGSTOP');
  const asked = send(...reservation('nobody-waits'));
  asked.on('error', () => {});
  await once(asked, 'finish');
  const closed = new Promise((resolve) => asked.once('close', resolve));
  asked.destroy();
  await closed;
  program.child.kill('SIGCONT');
}

describe('a request that its sender gave up while the coordinator was frozen is not begun', () => {
  test.each([
    ['on a connection of its own', { keepAlive: false }],
    ['on one that was used before', { keepAlive: true, maxSockets: 1 }],
  ])('%s', { timeout: 60_000 }, async (_, options) => {
    const agent = new PlainAgent(options);
    const at = await coordinator(agent);
    // What the coordinator knows is fresh then, so that it would commit at once.
    expect((await at.call(...at.reservation('waits'))).status).toBe(201);
    await askAndLeave(at);
    await vi.waitFor(async () => expect((await at.answered(408)) + (await at.answered(201))).toBe(2), patient);
    expect(await at.services()).toEqual(['waits']);
    agent.destroy();
  });

  test('by the SDK', { timeout: 60_000 }, async () => {
    const agent = new PlainAgent();
    const at = await coordinator(agent);
    const client = connect({ url: at.url, token: bench.token, timeout: 500, patience: 0 });
    await client.reserve({ project: 'shop', service: 'waits' });
    at.program.child.kill('SIGSTOP');
    await expect(client.reserve({ project: 'shop', service: 'nobody-waits' })).rejects.toMatchObject({
      code: 'unreachable',
      data: { mayHaveBeenDone: true },
    });
    at.program.child.kill('SIGCONT');
    await vi.waitFor(async () => expect((await at.answered(408)) + (await at.answered(201))).toBe(2), patient);
    expect(await at.services()).toEqual(['waits']);
  });

  const unavailable = certificatesUnavailable();
  test.skipIf(unavailable !== undefined)('over TLS', { timeout: 60_000 }, async () => {
    const authority = new Authority(bench.directory, 'authority');
    const { cert, key } = authority.issue('server');
    const agent = new TlsAgent({ keepAlive: true, maxSockets: 1, ca: readFileSync(authority.cert) });
    const at = await coordinator(agent, ['--tls-cert', cert, '--tls-key', key]);
    expect((await at.call(...at.reservation('waits'))).status).toBe(201);
    await askAndLeave(at);
    await vi.waitFor(async () => expect((await at.answered(408)) + (await at.answered(201))).toBe(2), patient);
    expect(await at.services()).toEqual(['waits']);
    agent.destroy();
  });
});
