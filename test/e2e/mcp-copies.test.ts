import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { connect, type PortolanClient } from '@portolan/client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { freePort } from '../support/port.ts';
import { PORTOLAN, Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 50 };
const LISTENS = `
require('node:net').createServer().listen(Number(process.env.PORT), '127.0.0.1', () => {
  console.log('listening on ' + process.env.PORT + ' as ' + process.env.PORTOLAN_ENDPOINTS);
});
`;

let bench: Workbench;
let url: string;
let fleet: PortolanClient;
const clients: Client[] = [];

beforeAll(async () => {
  bench = new Workbench();
  ({ url } = await bench.coordinator(['--data', join(bench.directory, 'fleet.sqlite')]));
  fleet = connect({ url, token: bench.token });
  writeFileSync(join(bench.directory, 'listens.cjs'), LISTENS);
});
afterAll(async () => {
  for (const client of clients) await client.close();
  await bench?.clear();
});

interface Answered {
  text: string;
  data: Record<string, unknown> & { port?: number; released?: { port: number }[]; stillHeld?: { endpoint: string }[] };
  isError: boolean;
}

interface Agent {
  name: string;
  /** With these added to the arguments. */
  call(tool: string, input?: object): Promise<Answered>;
}

interface Setup {
  name?: string;
  roots?: string[];
  era?: 'legacy' | 'auto';
  /** Of another user of this machine, who knows nothing of the numbers of the first. */
  state?: string;
}

/** An assistant in a directory, with a server of its own. */
async function agentIn(cwd: string, { name = 'assistant', roots, era = 'legacy', state = 'state' }: Setup = {}) {
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: bench.directory,
    PORTOLAN_STATE_DIR: join(bench.directory, state),
    PORTOLAN_URL: url,
    PORTOLAN_TOKEN: bench.token,
  };
  const transport = new StdioClientTransport({ command: process.execPath, args: [PORTOLAN, 'mcp'], env, cwd });
  return agentOver(transport, { name, era, ...(roots && { roots }) });
}

async function agentOver(
  transport: Parameters<Client['connect']>[0],
  { name = 'assistant', roots, era = 'legacy' }: Setup,
): Promise<Agent> {
  const client = new Client(
    { name, version: '1' },
    {
      ...(roots && { capabilities: { roots: {} } }),
      ...(era === 'auto' && { versionNegotiation: { mode: 'auto' } }),
    },
  );
  if (roots) {
    client.setRequestHandler('roots/list', () => ({ roots: roots.map((root) => ({ uri: pathToFileURL(root).href })) }));
  }
  clients.push(client);
  await client.connect(transport);
  return {
    name,
    async call(tool, input = {}) {
      const result = await client.callTool({ name: tool, arguments: { ...input } });
      const text = (result.content as { text?: string }[]).map((part) => part.text ?? '').join('\n');
      return { text, data: (result.structuredContent ?? {}) as Answered['data'], isError: result.isError === true };
    },
  };
}

const git = (cwd: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.net', ...args], { cwd, stdio: 'ignore' });

function repository(place: string, name: string): string {
  const root = join(realpathSync(bench.directory), place, name);
  mkdirSync(join(root, 'deep'), { recursive: true });
  git(root, 'init', '--quiet');
  git(root, 'commit', '--quiet', '--allow-empty', '-m', 'begin');
  return root;
}

function worktree(main: string, name: string): string {
  const root = join(main, '..', name);
  git(main, 'worktree', 'add', '--quiet', root);
  return root;
}

/** `portolan run` of a service that listens. */
async function running(directory: string, service: string) {
  const program = bench.portolan(['run', service, '--', process.execPath, join(bench.directory, 'listens.cjs')], {
    directory,
    environment: { PORTOLAN_URL: url },
  });
  const [, port, endpoint] = await program.says(/listening on (\d+) as (\S+)=/);
  return { port: Number(port), endpoint, program, stop: () => program.end('SIGTERM') };
}

const holders = async (project: string) => {
  const { items } = await fleet.assignments({ project });
  return Object.fromEntries(items.map(({ port, holder }) => [port, holder]));
};

test('two assistants in two worktrees get a port each, which portolan run has there too, and each gives back its own', async () => {
  const main = repository('one', 'mana');
  const feature = worktree(main, 'mana-feature');
  const [a, b] = [await agentIn(main, { name: 'claude-code' }), await agentIn(feature, { name: 'Cursor @ work:1' })];
  const auth = { projectName: 'mana', serviceName: 'auth' };
  const first = await a.call('allocate_port', auth);
  const second = await b.call('allocate_port', { ...auth, purpose: 'log in' });
  expect(first.data).toMatchObject({ endpoint: 'mana/auth:default', instance: 1, workspace: main, created: true });
  expect(second.data).toMatchObject({
    endpoint: 'mana/auth:default#2',
    instance: 2,
    workspace: feature,
    created: true,
  });
  const [one, two] = [first.data.port!, second.data.port!];
  expect(two).not.toBe(one);
  expect(second.text).toContain(`It is for the working copy "${feature}", which is instance 2.`);
  expect(await holders('mana')).toEqual({
    [one]: `claude-code@${hostname()}:${main}`,
    [two]: `Cursor-work-1@${hostname()}:${feature}`,
  });
  expect((await a.call('who_uses_port', { port: two })).text).toContain(`held by "Cursor-work-1@${hostname()}:`);

  // What is asked for again is told, whether it is written down or not.
  const again = await b.call('allocate_port', { ...auth, purpose: 'log out' });
  expect(again).toMatchObject({ data: { port: two, created: false, purpose: 'log out' } });
  expect(again.text).toContain('Its purpose is now "log out".');

  for (const [tree, port] of [
    [main, one],
    [feature, two],
  ] as const) {
    const run = await running(tree, 'mana/auth');
    expect(run.port).toBe(port);
    await run.stop();
  }
  expect(await holders('mana'), 'a run of the same copy takes nothing').toMatchObject({
    [two]: `Cursor-work-1@${hostname()}:${feature}`,
  });

  const released = await a.call('release_port', auth);
  expect(released.data).toMatchObject({ released: [{ port: one }], stillHeld: [{ endpoint: 'mana/auth:default#2' }] });
  expect(released.text).toContain(`tcp port ${two} of mana/auth:default#2 stays (instance 2, held by "Cursor-work-1@`);
  expect(Object.keys(await holders('mana'))).toEqual([`${two}`]);
  const nothing = await a.call('release_port', auth);
  expect(nothing).toMatchObject({ isError: true });
  expect(nothing.text).toMatch(
    /^Instance 1 holds no port of mana\/auth; nothing was released\. tcp port \d+ .* stays .*all: true\.\n\(not-found\)$/,
  );
  expect((await b.call('release_port', auth)).data).toMatchObject({ released: [{ port: two }], stillHeld: [] });

  const trail = (await fleet.audit({ project: 'mana' })).items.map(
    ({ action, holder }) => `${action} ${holder?.split('@')[0]}`,
  );
  expect(trail.toReversed()).toEqual([
    'reserve claude-code',
    'reserve Cursor-work-1',
    'reserve Cursor-work-1',
    'release claude-code',
    'release Cursor-work-1',
  ]);
});

test('ten assistants at once on ten worktrees get ten ports, and their ten releases give back each its own', async () => {
  const main = repository('two', 'par');
  const trees = Array.from({ length: 10 }, (_, i) => worktree(main, `par-${i}`));
  const agents = await Promise.all(trees.map((tree) => agentIn(tree)));
  const api = { projectName: 'par', serviceName: 'api' };
  const given = await Promise.all(agents.map((agent) => agent.call('allocate_port', api)));
  expect(given.map(({ isError }) => isError)).not.toContain(true);
  const ports = given.map(({ data }) => data.port!);
  expect(new Set(ports).size).toBe(10);
  expect(new Set(given.map(({ data }) => data.instance)).size).toBe(10);
  const released = await Promise.all(agents.map((agent) => agent.call('release_port', api)));
  expect(released.map(({ data }) => data.released?.map(({ port }) => port))).toEqual(ports.map((port) => [port]));
  expect(await holders('par')).toEqual({});
});

test('two clones, and worktrees of users who know nothing of each other, share no port, whichever way they ask', async () => {
  const clones = [repository('three', 'store'), repository('four', 'store')];
  const trees = [worktree(clones[0]!, 'store-a'), worktree(clones[1]!, 'store-b')];
  const api = { projectName: 'store', serviceName: 'api' };
  const agents = [
    await agentIn(clones[0]!),
    await agentIn(clones[1]!),
    await agentIn(trees[0]!, { state: 'ann' }),
    await agentIn(trees[1]!, { state: 'bob' }),
  ];
  const given = [];
  for (const agent of agents) given.push((await agent.call('allocate_port', api)).data);
  expect(new Set(given.map(({ port }) => port)).size).toBe(4);
  const second = await running(clones[1]!, 'store/api');
  expect(second.port).toBe(given[1]!.port);
  await second.stop();

  // With its instance named, what another copy holds is given as it stands.
  const named = await agents[1]!.call('allocate_port', { ...api, instance: 1, purpose: 'mine' });
  expect(named.data).toMatchObject({ port: given[0]!.port, created: false, holder: given[0]!.holder });
  expect(named.text).toContain(`It is held by "assistant@${hostname()}:${clones[0]}", who keeps it.`);
  expect(named.text).toContain('Your purpose was not written down: it stays without one.');

  // A clone that was moved takes its port along.
  rmSync(clones[0]!, { recursive: true });
  const moved = await agentIn(repository('five', 'store'));
  expect((await moved.call('allocate_port', api)).data).toMatchObject({ port: given[0]!.port, instance: 1 });
});

test('a lease under portolan run in one clone is not made permanent from another', async () => {
  const clones = [repository('six', 'bank'), repository('seven', 'bank')];
  const run = await running(clones[0]!, 'bank/api');
  const api = { projectName: 'bank', serviceName: 'api' };
  const other = await (await agentIn(clones[1]!)).call('allocate_port', api);
  expect(other.data).toMatchObject({ instance: 2, permanent: true });
  expect((await fleet.assignment('tcp', run.port)).lease).toMatchObject({ ttl: 60 });
  const own = await (await agentIn(clones[0]!)).call('allocate_port', api);
  expect(own.data).toMatchObject({ port: run.port, permanent: true, created: false });
  await run.stop();
  expect(await holders('bank')).toMatchObject({ [run.port]: `assistant@${hostname()}:${clones[0]}` });
});

describe.each(['legacy', 'auto'] as const)('which working copy it is, protocol %s', (era) => {
  const at = (name: string) => ({ projectName: `where-${era}`, serviceName: name });

  test('is told by the argument, else by the client’s roots, else by the directory of the server', async () => {
    const main = repository(`where-${era}`, `where-${era}`);
    const [blue, red] = [worktree(main, 'blue'), worktree(main, 'red')];
    const workspaceOf = async (agent: Agent, input: object) =>
      (await agent.call('allocate_port', { ...at('web'), ...input })).data.workspace;
    const plain = await agentIn(blue, { era });
    expect(await workspaceOf(plain, {})).toBe(blue);
    expect(await workspaceOf(plain, { workspace: join(main, 'deep') })).toBe(main);
    const rooted = await agentIn(blue, { era, roots: [red, '/nowhere-at-all'] });
    expect(await workspaceOf(rooted, {})).toBe(red);
    expect(await workspaceOf(rooted, { workspace: main })).toBe(main);
    expect((await rooted.call('release_port', at('web'))).text).toContain('is released');
    const elsewhere = await agentIn(bench.directory, { era });
    const outside = await elsewhere.call('allocate_port', at('outside'));
    expect(outside.data).toMatchObject({ instance: 1, holder: `assistant@${hostname()}` });
    for (const workspace of ['deep', '/nowhere-at-all']) {
      expect(await plain.call('allocate_port', { ...at('web'), workspace })).toMatchObject({
        isError: true,
        text: `workspace: "${workspace}" is not the absolute path of a directory on this machine.\n(invalid-request)`,
      });
    }
  });

  test('of several roots is the one of the project, or has to be said', async () => {
    const main = repository(`several-${era}`, `several-${era}`);
    const other = repository(`several-${era}`, 'other');
    const project = { projectName: `several-${era}`, serviceName: 'web' };
    const agent = await agentIn(other, { era, roots: [other, main] });
    const taken = await agent.call('allocate_port', project);
    expect(taken.data.workspace).toBe(main);
    expect(taken.text).toContain(`Of the client's roots, "${main}" was taken.`);
    const unclear = await agent.call('allocate_port', { projectName: `third-${era}`, serviceName: 'web' });
    expect(unclear).toMatchObject({ isError: true });
    expect(unclear.text).toContain(`The client has several working copies open: "${other}", "${main}". Say which`);
    const said = await agent.call('allocate_port', {
      projectName: `third-${era}`,
      serviceName: 'web',
      workspace: other,
    });
    expect(said.data.workspace).toBe(other);
  });
});

test('a client that offers roots and does not tell them is taken to be where its server was started', async () => {
  const main = repository('eight', 'shy');
  const client = new Client({ name: 'shy', version: '1' }, { capabilities: { roots: {} } });
  client.setRequestHandler('roots/list', () => {
    throw new Error('not now');
  });
  clients.push(client);
  const env = { PATH: process.env.PATH ?? '', HOME: bench.directory, PORTOLAN_URL: url, PORTOLAN_TOKEN: bench.token };
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [PORTOLAN, 'mcp'], env, cwd: main }),
  );
  const answer = await client.callTool({ name: 'allocate_port', arguments: { projectName: 'shy', serviceName: 'a' } });
  expect(answer.structuredContent).toMatchObject({ workspace: main });
});

test('over HTTP no directory is known: the instance counts', async () => {
  const headers = { authorization: `Bearer ${bench.token}` };
  const agent = await agentOver(
    new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }),
    {},
  );
  const web = { projectName: 'far', serviceName: 'web' };
  const [one, three] = [
    await agent.call('allocate_port', web),
    await agent.call('allocate_port', { ...web, instance: 3 }),
  ];
  expect([one.data.endpoint, three.data.endpoint]).toEqual(['far/web:default', 'far/web:default#3']);
  expect((await agent.call('allocate_port', { ...web, workspace: '/srv' })).text).toMatch(
    /^allocate_port has no argument "workspace"; its arguments are projectName, /,
  );
  expect((await agent.call('release_port', web)).data).toMatchObject({ released: [{ port: one.data.port }] });
  expect((await agent.call('release_port', { ...web, all: true })).data).toMatchObject({
    released: [{ port: three.data.port }],
  });
});

test('arguments that are unknown, missing or wrong are told in plain words', async () => {
  const agent = await agentIn(bench.directory);
  const refusal = async (tool: string, input: object) => (await agent.call(tool, input)).text;
  const web = { projectName: 'words', serviceName: 'web' };
  expect(await refusal('allocate_port', { ...web, instnce: 2, 'x\ny': 1 })).toBe(
    'allocate_port has no argument "instnce", "x\\ny"; its arguments are projectName, serviceName, purpose, label, ' +
      'protocol, port, preferredPort, range, host, ttl, instance, workspace.\n(invalid-request)',
  );
  expect(await refusal('allocate_port', { serviceName: 7, port: 70_000, protocol: 'sctp', instance: 1.5 })).toBe(
    'projectName is missing; serviceName must be a string; protocol must be one of "tcp", "udp"; port: a port is a whole number from 1 to 65535; ' +
      'instance must be a whole number.\n(invalid-request)',
  );
  expect(await refusal('list_ports', { project: 'x' })).toContain('list_ports has no argument "project"');
  expect(await refusal('allocate_port', { ...web, host: 'nohost' })).toMatch(
    /^The fleet knows no host "nohost"; nothing was reserved\..*\n\(unknown-host\)$/,
  );
  expect(await holders('words')).toEqual({});
});

test('a lease is renewed with what its allocation answered, and not without', async () => {
  const agent = await agentIn(bench.directory);
  const job = await agent.call('allocate_port', { projectName: 'ci', serviceName: 'job', ttl: 5 });
  const { leaseId, token, port } = job.data;
  expect(job).toMatchObject({ data: { permanent: false } });
  const until = performance.now() + 7_000;
  while (performance.now() < until) {
    expect((await agent.call('renew_lease', { leaseId, token })).data).toEqual({ leaseId, ttl: 5 });
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  expect((await fleet.assignment('tcp', port!)).lease).toMatchObject({ id: leaseId });
  expect(await agent.call('renew_lease', { leaseId, token: '0.1' })).toMatchObject({
    isError: true,
    text: expect.stringMatching(/Call allocate_port again\.\n\(fenced\)$/),
  });
  expect((await agent.call('release_port', { projectName: 'ci', serviceName: 'job' })).isError).toBe(false);
  expect((await agent.call('renew_lease', { leaseId, token })).text).toMatch(/\(not-found\)$/);
});

describe('with an agent on this machine', () => {
  beforeAll(async () => {
    // It is of the same user as the assistants, so that they find it.
    const environment = { PORTOLAN_STATE_DIR: join(bench.directory, 'state') };
    const ports = ['--local-port', String(await freePort())];
    await bench.agent(url, 'harbour', ['--interval', '200', '--no-all-namespaces', ...ports], { environment });
  });

  test('a port is tested where the assistant runs, and what another one of the tree holds or uses is not released silently', async () => {
    const main = repository('nine', 'farm');
    const agent = await agentIn(main);
    const barn = { projectName: 'farm', serviceName: 'barn' };
    const { port } = (await agent.call('allocate_port', barn)).data;
    // To be tested here ties it to no host.
    expect((await fleet.assignment('tcp', port!)).host).toBeUndefined();
    expect((await agent.call('allocate_port', { projectName: 'farm', serviceName: 'tested' })).data.tested).toBe(true);

    const run = await running(main, 'farm/barn');
    expect(run.port).toBe(port);
    await vi.waitFor(async () => expect((await fleet.assignment('tcp', port!)).state).toBe('bound'), patient);
    const pid = (await fleet.listeners({ port: port! })).items[0]!.process!.pid;
    const refused = await agent.call('release_port', barn);
    expect(refused.text).toMatch(
      new RegExp(
        `^Nothing was released\\. tcp port ${port} of farm/barn:default: pid ${pid} .*listens on it on "harbour"\\..*confirm: true\\.\n\\(not-permitted\\)$`,
      ),
    );
    expect(Object.keys(await holders('farm'))).toContain(`${port}`);
    const done = await agent.call('release_port', { ...barn, confirm: true });
    expect(done.data).toMatchObject({ released: [{ port }] });
    expect(done.text).toContain(`It is still in use: pid ${pid}`);
    await run.stop();
  });

  test('a lease whose holder lives, a plan, and what is another’s are refused by number until confirmed', async () => {
    const main = repository('ten', 'yard');
    const blue = worktree(main, 'yard-blue');
    const [agent, other] = [await agentIn(main), await agentIn(blue)];
    const run = await running(main, 'yard/api');
    const lively = await agent.call('release_port', { port: run.port });
    expect(lively.isError).toBe(true);
    expect(lively.text).toMatch(/renews its lease, so it is probably running/);
    const done = await agent.call('release_port', { port: run.port, confirm: true });
    expect(done.text).toMatch(/if it still runs, it takes the port back within seconds/);
    await run.stop();

    const own = (await other.call('allocate_port', { projectName: 'yard', serviceName: 'web' })).data;
    const foreign = await agent.call('release_port', { port: own.port });
    expect(foreign.text).toContain(`it is held by "assistant@${hostname()}:${blue}", not by you`);
    expect((await agent.call('release_port', { port: own.port, confirm: true })).data.released).toMatchObject([
      { port: own.port },
    ]);

    const { ports } = await fleet.declare('yard', {
      services: [{ name: 'gate', endpoints: [{ label: 'default', port: 'auto' }] }],
    });
    const port = ports['gate:default']!;
    const planned = await agent.call('release_port', { port });
    expect(planned.text).toContain('the plan of yard declares it');
    expect((await agent.call('release_port', { port, confirm: true })).text).toContain(
      'still declares it: take it out of the plan',
    );
  });

  test('check_project and list_ports agree on where a service listens, reserved or not, whatever its instance', async () => {
    const main = repository('eleven', 'quay');
    const blue = worktree(main, 'quay-blue');
    const agent = await agentIn(main);
    const run = await running(blue, 'quay/api');
    expect(run.endpoint).toBe('quay/api:default#2');
    await vi.waitFor(async () => {
      const bound = `default#2 ${run.port}/tcp`;
      expect((await agent.call('list_ports', { projectName: 'quay' })).text).toBe(`quay/api: ${bound} bound`);
      const checked = await agent.call('check_project', { projectName: 'quay' });
      expect(checked.text).toBe(`quay is in order.\nquay/api: listening: ${bound}`);
      expect(checked.data).toMatchObject({ ok: true, services: [{ bound: [bound], unreserved: [] }] });
    }, patient);

    const stray = await freePort();
    await bench.service('mcp-stray', stray, { environment: { PORTOLAN_ENDPOINTS: `quay/api:debug=${stray + 1}/tcp` } });
    await vi.waitFor(async () => {
      expect((await agent.call('list_ports', { projectName: 'quay' })).text).toContain(
        `${stray}/tcp observed, not reserved`,
      );
      const checked = await agent.call('check_project', { projectName: 'quay' });
      expect(checked.text).toContain('quay listens on ports that are not reserved (1 of its services).');
      expect(checked.text).toContain(`listening on what is not reserved: ${stray}/tcp`);
      expect(checked.data).toMatchObject({ ok: false, services: [{ unreserved: [`${stray}/tcp`] }] });
    }, patient);
    await run.stop();
  });
});

test('a day with two worktrees: apply, release and prune end nothing that lives, and give back the ports of nobody else', async () => {
  const main = repository('day', 'mill');
  const port = await freePort();
  writeFileSync(join(main, '.env'), `PORT=${port}\n`);
  writeFileSync(
    join(main, 'portolan.yaml'),
    `project: mill\nservices:\n  api:\n    status: required\n    endpoints:\n      default:\n        port: ${port}\n`,
  );
  git(main, 'add', '.');
  git(main, 'commit', '--quiet', '-m', 'plan');
  const blue = worktree(main, 'mill-blue');
  const agent = await bench.agent(url, 'desk', ['--no-all-namespaces', '--interval', '300']);
  const portolan = (directory: string, ...args: string[]) =>
    bench.portolan(args, { directory, environment: { PORTOLAN_URL: url } }).ended;

  const here = await running(main, 'mill/api');
  const there = await running(blue, 'mill/api');
  expect([here.port, there.endpoint]).toEqual([port, 'mill/api:default#2']);
  expect(there.port).not.toBe(port);
  const live = [here, there];
  const [a, b] = [await agentIn(main), await agentIn(blue)];
  const search = { projectName: 'mill', serviceName: 'search' };
  const given = [await a.call('allocate_port', search), await b.call('allocate_port', search)];
  expect(new Set(given.map(({ data }) => data.port)).size).toBe(2);
  await vi.waitFor(async () => {
    const { items } = await fleet.assignments({ project: 'mill', service: 'api', state: 'bound' });
    expect(items).toHaveLength(2);
  }, patient);

  /** All live, each on its port, and nobody is an orphan. */
  const isAsItWas = async () => {
    expect((await portolan(blue, 'prune', '--yes')).stdout).toBe('There are no orphans.\n');
    for (const { program } of live) expect([program.child.exitCode, program.child.signalCode]).toEqual([null, null]);
    await vi.waitFor(async () => {
      const { items } = await fleet.assignments({ project: 'mill', service: 'api', consistent: true });
      expect(items.map((each) => each.port).toSorted()).toEqual(live.map((each) => each.port).toSorted());
    }, patient);
  };
  await isAsItWas();

  expect(await portolan(main, 'apply', '--yes')).toMatchObject({ code: 0 });
  await isAsItWas();
  expect((await fleet.assignment('tcp', port)).lease).toBeNull();

  // A release in one worktree is of what that one has, whoever asks.
  expect(await b.call('release_port', { projectName: 'mill', serviceName: 'api' })).toMatchObject({ isError: true });
  const released = await portolan(blue, 'release', 'mill/api');
  expect(released).toMatchObject({ code: 0, stdout: `tcp ${there.port} released (was mill/api:default#2)\n` });
  expect(released.stderr).toContain(`mill/api:default on ${port}`);
  expect((await fleet.assignment('tcp', port)).endpoint).toMatchObject({ service: 'api', instance: 1 });
  await isAsItWas();
  expect((await b.call('release_port', search)).data).toMatchObject({ released: [{ port: given[1]!.data.port }] });
  expect((await fleet.assignments({ project: 'mill', service: 'search' })).items).toMatchObject([
    { port: given[0]!.data.port, endpoint: { instance: 1 } },
  ]);

  // What is planned is given back only when that is meant, and its service lives on.
  const planned = await a.call('release_port', { port });
  expect(planned).toMatchObject({ isError: true, text: expect.stringContaining('confirm: true') });
  expect((await a.call('release_port', { port, confirm: true })).isError).toBe(false);
  expect((await portolan(main, 'prune', '--yes')).stdout).toBe('There are no orphans.\n');
  for (const { program } of live) expect(program.child.exitCode).toBeNull();
  for (const { stop } of live) expect(await stop()).toMatchObject({ stderr: expect.not.stringContaining('Warning') });
  await agent.end();
}, 180_000);
