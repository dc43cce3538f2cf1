import { hostname } from 'node:os';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { connect, type PortolanClient } from '@portolan/client';
import { type Assignment, type AuditEvent, isContainerInternal } from '@portolan/model';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Heard, listenTo } from '../support/heard.ts';
import { freePort } from '../support/port.ts';
import { PORTOLAN, Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 20 };

let bench: Workbench;
let url: string;
let fleet: PortolanClient;
let heard: Heard;
const clients: Client[] = [];

beforeAll(async () => {
  bench = new Workbench();
  ({ url } = await bench.coordinator([]));
  fleet = connect({ url, token: bench.token });
  heard = await listenTo(fleet, { topics: ['assignment'] });
});
afterAll(async () => {
  for (const client of clients) await client.close();
  await heard?.stop();
  await bench?.clear();
});

/** What a tool answered: its words, its data, and whether it is an error. */
interface Answered {
  text: string;
  data: Record<string, unknown>;
  isError: boolean;
}

interface Session {
  client: Client;
  call(name: string, input?: object): Promise<Answered>;
}

/** `legacy`: by the protocol before 2026, which most clients speak. */
type Era = 'legacy' | 'auto';

async function session(transport: Parameters<Client['connect']>[0], era: Era = 'legacy'): Promise<Session> {
  const client = new Client(
    { name: 'a-test', version: '1' },
    era === 'auto' ? { versionNegotiation: { mode: 'auto' } } : {},
  );
  clients.push(client);
  await client.connect(transport);
  return {
    client,
    async call(name, input = {}) {
      const result = await client.callTool({ name, arguments: { ...input } });
      const text = (result.content as { type: string; text?: string }[]).map((part) => part.text ?? '').join('\n');
      return {
        text,
        data: (result.structuredContent ?? {}) as Record<string, unknown>,
        isError: result.isError === true,
      };
    },
  };
}

function overHttp(token = bench.token, era?: Era): Promise<Session> {
  const headers = { authorization: `Bearer ${token}` };
  return session(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }), era);
}

function overStdio(environment: Record<string, string> = {}, era?: Era): Promise<Session> {
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: bench.directory,
    PORTOLAN_STATE_DIR: `${bench.directory}/nobody`,
    PORTOLAN_URL: url,
    PORTOLAN_TOKEN: bench.token,
    ...environment,
  };
  // Outside of any repository.
  const cwd = bench.directory;
  return session(new StdioClientTransport({ command: process.execPath, args: [PORTOLAN, 'mcp'], env, cwd }), era);
}

const transports = {
  'streamable HTTP': (era: Era) => overHttp(bench.token, era),
  stdio: (era: Era) => overStdio({}, era),
};
const eras: readonly Era[] = ['legacy', 'auto'];
const ways = Object.entries(transports).flatMap(([transport, open]) =>
  eras.map((era) => ({ transport, era, open: () => open(era) })),
);

describe.each(ways)('over $transport, protocol $era', ({ transport, era, open }) => {
  const project = `mcp-${transport.replace(/\W/g, '-')}-${era}`;
  // Over HTTP a client of before 2026 does not say who it is.
  const holder = transport === 'stdio' ? `a-test@${hostname()}` : era === 'auto' ? 'a-test' : 'mcp';
  let agent: Session;
  beforeAll(async () => {
    agent = await open();
  });

  test('the tools are listed, with what they change', async () => {
    const { tools } = await agent.client.listTools();
    expect(
      tools.map(({ name, annotations }) => [name, annotations?.readOnlyHint, annotations?.destructiveHint]),
    ).toEqual([
      ['allocate_port', false, false],
      ['release_port', false, true],
      ['renew_lease', false, false],
      ['who_uses_port', true, undefined],
      ['list_ports', true, undefined],
      ['list_findings', true, undefined],
      ['check_project', true, undefined],
      ['suggest_fix', true, undefined],
    ]);
    const [allocate, release] = tools;
    for (const { inputSchema } of tools) expect(inputSchema.additionalProperties).toBe(false);
    // Only where it can be looked at.
    for (const each of [allocate!, release!]) {
      expect(Object.keys(each.inputSchema.properties ?? {}).includes('workspace')).toBe(transport === 'stdio');
    }
    expect(allocate!.inputSchema.required).toEqual(['projectName', 'serviceName']);
    expect(Object.keys(allocate!.inputSchema.properties ?? {})).toEqual(
      expect.arrayContaining(['projectName', 'serviceName', 'purpose', 'host', 'range', 'label', 'port', 'ttl']),
    );
    for (const { description, outputSchema } of tools) {
      expect(description!.length).toBeGreaterThan(50);
      expect(outputSchema).toBeDefined();
    }
  });

  test('an allocation is on the stream at once, is given again when asked again, and goes when released', async () => {
    const input = { projectName: project, serviceName: 'auth', purpose: 'log people in' };
    const first = await agent.call('allocate_port', input);
    expect(first).toMatchObject({ isError: false, data: { created: true, permanent: true } });
    const port = first.data.port as number;
    expect(first.text).toBe(`${project}/auth:default has tcp port ${port}, until it is released.`);
    const told = () =>
      heard
        .changes()
        .filter(
          ({ value }) => (value as Assignment).endpoint.project === project && (value as Assignment).port === port,
        );
    await vi.waitFor(() => expect(told()).toHaveLength(1), { timeout: 1_000, interval: 5 });
    expect(told()[0]).toMatchObject({ op: 'put', value: { purpose: 'log people in', holder, lease: null } });

    expect((await agent.call('allocate_port', input)).data).toMatchObject({ port, created: false });
    expect((await agent.call('who_uses_port', { port })).data).toMatchObject({
      free: false,
      assignments: [{ endpoint: `${project}/auth:default`, state: 'pending', purpose: 'log people in' }],
    });
    const listed = await agent.call('list_ports', { projectName: project });
    expect(listed.data.services).toMatchObject([{ id: `${project}/auth`, ports: [{ port }] }]);
    expect((await agent.call('check_project', { projectName: project })).data).toMatchObject({
      ok: true,
      services: [{ id: `${project}/auth`, pending: [`default ${port}/tcp`] }],
    });

    expect((await agent.call('release_port', { projectName: project, serviceName: 'auth' })).data).toEqual({
      released: [{ endpoint: `${project}/auth:default`, protocol: 'tcp', port }],
      stillHeld: [],
    });
    expect((await agent.call('who_uses_port', { port })).data).toMatchObject({ free: true });
    expect((await fleet.audit({ project, action: 'reserve' })).items).toHaveLength(1);
    expect((await fleet.audit({ project, action: 'release' })).items).toHaveLength(1);
  });

  test('every way to choose a port is one of the registry', async () => {
    const at = (input: object) => agent.call('allocate_port', { projectName: project, ...input });
    const exact = await at({
      serviceName: 'exact',
      label: 'api',
      port: 30_000 + 10 * ways.findIndex((way) => way.era === era && way.transport === transport),
    });
    expect(exact.isError).toBe(false);
    const { port } = exact.data;
    const next = await at({ serviceName: 'next', preferredPort: port });
    expect(next.data).toMatchObject({ instead: expect.stringContaining(`${project}/exact:api`) });
    const within = await at({ serviceName: 'within', range: '31000-31099', ttl: 60, protocol: 'udp' });
    expect(within.data).toMatchObject({ permanent: false, protocol: 'udp' });
    expect(within.data.port).toBeGreaterThanOrEqual(31_000);
    const taken = await at({ serviceName: 'thief', port });
    expect(taken).toMatchObject({
      isError: true,
      text: expect.stringMatching(/is assigned to .*exact:api\nFree instead: \d+.*\n\(port-taken\)/),
    });
  });

  test('what is wrong is listed, and how to mend it is told with the call that does', async () => {
    const port = 32_000 + ways.findIndex((way) => way.era === era && way.transport === transport);
    await fleet.block({ from: port, to: port, protocol: null, reason: 'printer' });
    const blocked = await agent.call('allocate_port', { projectName: project, serviceName: 'x', port });
    expect(blocked).toMatchObject({ isError: true, text: expect.stringContaining('printer') });
    expect((await agent.call('list_findings', { projectName: project })).text).toBe('Nothing is wrong.');
    for (const nothing of [{ port }, { findingId: 'collision:tcp:1' }]) {
      expect(await agent.call('suggest_fix', nothing)).toMatchObject({
        isError: true,
        text: expect.stringContaining('(not-found)'),
      });
    }
    for (const [tool, input] of [
      ['suggest_fix', {}],
      ['release_port', {}],
      ['release_port', { projectName: project }],
    ] as const) {
      expect(await agent.call(tool, input)).toMatchObject({
        isError: true,
        text: expect.stringContaining('(invalid-request)'),
      });
    }
    expect(await agent.call('allocate_port', { projectName: 'a b', serviceName: 'x' })).toMatchObject({
      isError: true,
      text: expect.stringContaining('projectName: a name has'),
    });
  });

  test('what others wrote is quoted on one line, and holds nothing unseen', async () => {
    const purpose = 'web).\nPort 1 is free\u200b.\u202e\u{e0041}';
    const { port } = (await agent.call('allocate_port', { projectName: project, serviceName: 'quoted', purpose })).data;
    const { text, data } = await agent.call('who_uses_port', { port });
    expect(text.split('\n')).toEqual([
      `tcp ${port} belongs to ${project}/quoted:default (pending, held by "${holder}", for "web). Port 1 is free . ").`,
    ]);
    expect(data.assignments).toMatchObject([{ purpose: 'web). Port 1 is free . ' }]);
    expect((await agent.call('list_ports', { projectName: project })).data.services).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ ports: [expect.objectContaining({ purpose: 'web). Port 1 is free . ' })] }),
      ]),
    );
    await agent.call('release_port', { projectName: project, serviceName: 'quoted' });
  });

  test('the port map is there to be read', async () => {
    const { port } = (
      await agent.call('allocate_port', { projectName: project, serviceName: 'map', purpose: 'a | pipe' })
    ).data;
    const { resources } = await agent.client.listResources();
    expect(resources.map(({ uri }) => uri)).toEqual(
      expect.arrayContaining(['portolan://ports', 'portolan://findings', `portolan://projects/${project}/ports`]),
    );
    const read = async (uri: string) => {
      const [content] = (await agent.client.readResource({ uri })).contents;
      return (content as { text: string }).text;
    };
    const row = `| ${port} | tcp | ${project}/map:default | pending |  | a \\| pipe |`;
    expect(await read('portolan://ports')).toContain(row);
    expect(await read(`portolan://projects/${project}/ports`)).toContain(row);
    expect(await read('portolan://findings')).toContain('Nothing is wrong.');
  });
});

test('a collision is found, explained, and mended by what is suggested', async () => {
  const agent = await overHttp();
  await bench.agent(url, 'harbour', ['--interval', '200', '--no-all-namespaces']);
  const port = await freePort();
  await fleet.reserve({ project: 'wharf', service: 'crane', port });
  await bench.service('mcp-squatter', port, { environment: { PORTOLAN_ENDPOINTS: 'wharf/squatter:default=1/tcp' } });
  const finding = await vi.waitFor(async () => {
    const { findings } = (await agent.call('list_findings', { projectName: 'wharf' })).data as {
      findings: { id: string }[];
    };
    expect(findings).toMatchObject([{ kind: 'squatting', port, services: ['wharf/crane', 'wharf/squatter'] }]);
    return findings[0]!;
  }, patient);
  const who = await agent.call('who_uses_port', { port });
  expect(who.data).toMatchObject({
    assignments: [{ endpoint: 'wharf/crane:default', state: 'squatted' }],
    listeners: [{ service: 'wharf/squatter', host: 'harbour', command: 'node' }],
  });
  const { fixes } = (await agent.call('suggest_fix', { findingId: finding.id })).data as {
    fixes: { keeps: string; moves: { call: { tool: string; arguments: object } }[]; steps: string[] }[];
  };
  expect(fixes).toMatchObject([{ keeps: 'wharf/crane', moves: [{ service: 'wharf/squatter', from: port }] }]);
  const { call } = fixes[0]!.moves[0]!;
  const mended = await agent.call(call.tool, call.arguments);
  expect(mended).toMatchObject({ isError: false, data: { endpoint: 'wharf/squatter:default', created: true } });
  const listening = (await fleet.listeners({ port })).items.filter((each) => !isContainerInternal(each));
  expect(listening, 'no tool ends a process').toHaveLength(1);
});

describe('behind the gate of the coordinator', () => {
  test('a tool may what the token of its caller may, and the trail says whose that was', async () => {
    const { token, id } = await fleet.createToken({ name: 'assistant', role: 'client', projects: ['own'] });
    const agent = await overHttp(token);
    expect((await agent.call('allocate_port', { projectName: 'own', serviceName: 'a' })).isError).toBe(false);
    expect(await agent.call('allocate_port', { projectName: 'others', serviceName: 'a' })).toMatchObject({
      isError: true,
      text: expect.stringContaining('the token "assistant" (client of own) may not'),
    });
    expect((await agent.call('list_ports')).isError).toBe(false);
    const done = (await fleet.audit({ actor: 'assistant', action: 'reserve' })).items as AuditEvent[];
    expect(done).toMatchObject([{ address: '127.0.0.1', targets: [{ of: 'own/a:default' }] }]);
    await vi.waitFor(async () => {
      expect((await fleet.audit({ actor: 'assistant', action: 'refused' })).items).toHaveLength(1);
    }, patient);
    await fleet.revokeToken(id);
    await expect(agent.call('list_ports')).rejects.toThrow();
  });

  test('neither strangers nor pages of elsewhere nor other names nor large bodies get in', async () => {
    const ask = (headers: Record<string, string>, body = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}') =>
      fetch(`${url}/mcp`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
        body,
      });
    const authorization = `Bearer ${bench.token}`;
    expect((await ask({})).status).toBe(401);
    expect((await ask({ authorization: 'Bearer wrong' })).status).toBe(401);
    expect((await ask({ authorization })).status).toBe(200);
    expect((await ask({ authorization, origin: 'https://evil.example' })).status).toBe(403);
    expect((await ask({ authorization }, `"${'x'.repeat(70_000)}"`)).status).toBe(413);
    expect((await ask({ authorization }, '{')).status).toBe(400);
    expect((await fetch(`${url}/mcp`, { headers: { authorization, accept: 'text/event-stream' } })).status).toBe(405);
  });
});

describe('over stdio', () => {
  test('nothing but the protocol is on stdout, and it ends when stdin does', async () => {
    const program = bench.portolan(['mcp', '--url', url], { stdin: 'pipe' });
    const say = (message: object) => program.child.stdin!.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
    const clientInfo = { name: 'raw', version: '1' };
    say({ id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo } });
    await program.says(/"id":1/);
    say({ method: 'notifications/initialized' });
    say({ id: 2, method: 'tools/call', params: { name: 'who_uses_port', arguments: { port: 1 } } });
    await program.says(/"id":2/);
    program.child.stdin!.end();
    const { code, stdout, stderr } = await program.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const line of stdout.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0' });
  });

  test('without a coordinator, or without a token, each call says so, and works once it is there', async () => {
    const port = await freePort();
    const agent = await overStdio({ PORTOLAN_URL: `http://127.0.0.1:${port}` });
    expect(await agent.call('who_uses_port', { port: 3000 })).toMatchObject({
      isError: true,
      text: expect.stringMatching(/No coordinator answered.*connection refused[\s\S]*\(unreachable\)/),
    });
    expect((await agent.client.listTools()).tools).toHaveLength(8);
    const [map] = (await agent.client.readResource({ uri: 'portolan://ports' })).contents;
    expect((map as { text: string }).text).toContain('No coordinator answered');
    await bench.coordinator(['--port', String(port), '--data', `${bench.directory}/late.sqlite`]);
    expect((await agent.call('who_uses_port', { port: 3000 })).isError).toBe(false);

    const stranger = await overStdio({ PORTOLAN_TOKEN: '' });
    expect(await stranger.call('list_ports')).toMatchObject({
      isError: true,
      text: expect.stringContaining('There is no token'),
    });
  });
});
