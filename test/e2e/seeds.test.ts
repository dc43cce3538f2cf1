import { connect, type PortolanClient } from '@portolan/client';
import { PortolanError, type ProblemCode } from '@portolan/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Workbench } from '../support/workbench.ts';

let bench: Workbench;
let client: PortolanClient;
let url: string;

beforeEach(async () => {
  bench = new Workbench();
  ({ url } = await bench.coordinator([]));
  client = connect({ url, token: bench.token });
});
afterEach(() => bench.clear());

async function refusal(promise: Promise<unknown>): Promise<{ code: ProblemCode; message: string }> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(PortolanError);
  const { code, message } = error as PortolanError;
  return { code, message };
}

/** `docs/port-management` of a system where each project owns a hundred ports. */
describe('a fleet where each project owns a block of ports', () => {
  const allocate = async (project: string, service: string, purpose: string) =>
    (await client.reserve({ project, service, purpose })).port;

  beforeEach(async () => {
    const purpose = 'ports of one project';
    await client.putRange({ name: 'shop', from: 5000, to: 5099, owner: 'shop', policy: 'allocate', purpose });
    await client.putRange({ name: 'blog', from: 5100, to: 5199, owner: 'blog', policy: 'allocate', purpose });
    await client.block({ from: 8000, to: 8099, protocol: null, reason: 'supervisor infrastructure' });
    await client.block({ from: 3000, to: 3099, protocol: null, reason: 'legacy and shared ports' });
    await client.block({ from: 3737, to: 3737, protocol: null, reason: 'old Archon system' });
    await client.block({ from: 8051, to: 8051, protocol: null, reason: 'old Archon MCP' });
  });

  test('a project is given the next free port of its block for each service', async () => {
    expect(await allocate('shop', 'postgres', 'orders')).toBe(5000);
    expect(await allocate('shop', 'redis', 'sessions')).toBe(5001);
    expect(await allocate('blog', 'postgres', 'articles')).toBe(5100);
    expect(await allocate('shop', 'api', 'REST')).toBe(5002);
    expect(await allocate('shop', 'redis', 'sessions')).toBe(5001);

    await client.release({ project: 'shop', service: 'redis' });
    expect(await allocate('shop', 'frontend', 'web')).toBe(5001);
    expect((await client.assignment('tcp', 5001)).purpose).toBe('web');
  });

  test('a full block is exhausted: the project is not given ports of another', async () => {
    const ports = await Promise.all(
      Array.from({ length: 100 }, (_, number) => allocate('shop', `service-${number}`, 'one of many')),
    );
    expect(ports.sort()).toEqual(Array.from({ length: 100 }, (_, index) => 5000 + index));
    const { code, message } = await refusal(allocate('shop', 'one-more', 'too many'));
    expect(code).toBe('range-exhausted');
    expect(message).toContain('5000-5099');
    expect(await allocate('blog', 'api', 'REST')).toBe(5100);
  });

  test.each([22, 80, 443, 3000, 3737, 8000, 8051])('port %i is given to nobody', async (port) => {
    expect((await refusal(client.reserve({ project: 'shop', service: 'api', port }))).code).toBe('port-blocked');
  });

  test('who prefers a legacy port is given the next beyond them, and told why', async () => {
    const { reservation } = await client.reserve({
      project: 'shop',
      service: 'api',
      preferred: 3000,
      maxAttempts: 101,
    });
    expect(reservation).toMatchObject({
      port: 3100,
      wasInUse: true,
      obstacle: { port: 3000, reason: 'blocked', detail: expect.stringContaining('legacy and shared ports') },
      attempts: 101,
    });
  });
});

describe('a system that gives its processes contiguous labelled ports', () => {
  beforeEach(async () => {
    const range = { owner: 'portos', policy: 'allocate' as const };
    await client.putRange({ ...range, name: 'core', from: 5554, to: 5560, purpose: 'PortOS core services' });
    await client.putRange({ ...range, name: 'apps', from: 5570, to: 5599, purpose: 'user applications' });
    await client.block({ from: 5561, to: 5569, protocol: null, reason: 'reserved for PortOS extensions' });
  });

  const table = [
    ['portos-server', { api: 5554 }, 'portos-server:5554'],
    ['portos-client', { ui: 5555 }, 'portos-client:5555'],
    ['portos-browser', { cdp: 5556, health: 5557 }, 'portos-browser (cdp:5556,health:5557)'],
    ['portos-cos', { api: 5558 }, 'portos-cos:5558'],
    ['portos-autofixer', { api: 5559 }, 'portos-autofixer:5559'],
    ['portos-autofixer-ui', { ui: 5560 }, 'portos-autofixer-ui:5560'],
  ] as const;

  test('their table comes out of asking in its order, without a gap, and is what ls shows', async () => {
    for (const [service, ports] of table) {
      const reserved = await client.reserve({ project: 'portos', service, labels: Object.keys(ports) });
      expect(reserved.ports).toEqual(ports);
    }
    const app = await client.reserve({ project: 'portos', service: 'my-app', labels: ['api', 'health'] });
    expect(app.ports).toEqual({ api: 5570, health: 5571 });

    const { stdout } = await bench.portolan(['ls', '--url', url]).ended;
    const shown = stdout.split('\n').flatMap((line) => /^portos +(\S+(?: \(\S+\))?) +pending/.exec(line)?.[1] ?? []);
    const expected = [...table.map(([, , form]) => form), 'my-app (api:5570,health:5571)'];
    expect(shown.sort()).toEqual(expected.sort());
  });

  test('a block passes over a gap that is too small for it', async () => {
    await client.reserve({ project: 'portos', service: 'portos-client', label: 'ui', port: 5555 });
    const { ports } = await client.reserve({ project: 'portos', service: 'portos-browser', labels: ['cdp', 'health'] });
    expect(ports).toEqual({ cdp: 5556, health: 5557 });
  });
});

describe('services that prefer a high port', () => {
  test('are given it, or the next, and told by whom it was taken', async () => {
    const figma = await client.reserve({ project: 'aip', service: 'figma', preferred: 65_001 });
    expect(figma.reservation).toMatchObject({ port: 65_001, wasInUse: false, obstacle: null, attempts: 1 });
    const playwright = await client.reserve({ project: 'aip', service: 'playwright', preferred: 65_001 });
    expect(playwright.reservation).toMatchObject({
      port: 65_002,
      wasInUse: true,
      obstacle: { port: 65_001, reason: 'assigned', by: 'aip/figma' },
      attempts: 2,
    });
    const second = await client.reserve({ project: 'aip', service: 'figma', instance: 2, preferred: 65_001 });
    expect(second.port).toBe(65_003);
  });

  test('who prefers the highest port goes on at the beginning of the range', async () => {
    const asked = { project: 'aip', preferred: 65_535, range: '65001-65535' };
    expect((await client.reserve({ ...asked, service: 'figma' })).port).toBe(65_535);
    expect((await client.reserve({ ...asked, service: 'playwright' })).port).toBe(65_001);
    const { code, message } = await refusal(
      client.reserve({ project: 'aip', service: 'other', preferred: 65_535, maxAttempts: 1 }),
    );
    expect(code).toBe('range-exhausted');
    expect(message).toContain('65535');
  });
});
