import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressesOverlap } from './address.ts';
import { Verdict } from './finding.ts';
import type { Host } from './host.ts';
import { parseServiceId, type ServiceId, sameService } from './identity.ts';
import type { HostListener } from './listener.ts';
import type { Claim, PortFacts } from './port-facts.ts';
import { type Block, LINUX_EPHEMERAL, SYSTEM_BLOCK } from './range.ts';
import { assignmentState, judgePort } from './rules.ts';

const start = '2026-11-20T08:00:00.000Z';

const hostOf = (id: string): Host => ({
  id,
  name: `host-${id}`,
  addresses: [],
  platform: 'linux',
  agentVersion: '0.1.0',
  ephemeral: null,
  blindSpots: [],
  state: 'alive',
  stateSince: start,
});

/** Knows hosts by their id alone. */
const knownHost = (id: string) => (id.startsWith('host-') ? undefined : hostOf(id));

const linuxHost = (id: string) => ({ ...hostOf(id), ephemeral: LINUX_EPHEMERAL });

let nextPid = 1;
function listener(service: ServiceId | null, host: string, parts: Partial<HostListener> = {}): HostListener {
  const pid = nextPid++;
  return {
    protocol: 'tcp',
    address: '0.0.0.0',
    port: 3050,
    netns: 'host',
    v6only: null,
    socket: String(pid),
    process: { pid, startedAt: 0, uid: 1000, user: 'dev', command: 'node', commandLine: 'node .', cwd: '/srv' },
    container: null,
    identity:
      service === null
        ? null
        : { service, label: null, instance: null, evidence: { kind: 'systemd', detail: 'a.service' } },
    since: start,
    host,
    ...parts,
  };
}

const process = (pid: number): HostListener['process'] => ({
  pid,
  startedAt: 0,
  uid: null,
  user: null,
  command: 'node',
  commandLine: 'node .',
  cwd: null,
});

function claim(service: ServiceId, host: string | null = null, since: string | null = start): Claim {
  return { endpoint: { ...parseServiceId(service), label: 'api', instance: 1 }, host, since };
}

function judge(parts: Partial<PortFacts>): Verdict[] {
  return judgePort({ protocol: 'tcp', port: 3050, claims: [], listeners: [], host: knownHost, blocks: [], ...parts });
}

const sync = 'mana/mana-sync';
const voiceBot = 'mana/mana-voice-bot';
const imageGen = 'mana/mana-image-gen';
const videoGen = 'mana/mana-video-gen';
const container = { id: 'c1', name: 'web', image: null, publishes: null };

const overlap = { kind: 'collision', severity: 'error', class: 'active', maskedBy: null };
const byAddress = { kind: 'collision', severity: 'warning', class: 'active', maskedBy: 'address' };
const byNamespace = { kind: 'collision', severity: 'warning', class: 'latent', maskedBy: 'namespace' };
const byHost = { kind: 'collision', severity: 'warning', class: 'latent', maskedBy: 'host' };
const squatting = { kind: 'squatting', severity: 'error', class: 'active', maskedBy: null };

describe('two observed services on one port', () => {
  test('of different hosts collide, masked by the host: mana-sync and mana-voice-bot on 3050', () => {
    const listeners = [
      listener(voiceBot, 'b', { process: process(812), since: '2026-11-20T09:00:00.000Z' }),
      listener(sync, 'a', { process: process(4711) }),
    ];
    const [verdict, ...others] = judge({ listeners });
    expect(others).toEqual([]);
    expect(verdict).toMatchObject({ ...byHost, id: 'collision:tcp:3050', protocol: 'tcp', port: 3050 });
    expect(verdict?.summary).toBe(
      'mana/mana-sync on host-a (pid 4711) and mana/mana-voice-bot on host-b (pid 812) both use tcp port 3050; ' +
        'they do not share a host today.',
    );
    expect(verdict?.remedies).toEqual([
      'portolan reserve mana/mana-voice-bot --preferred 3051 (then restart it on the port given)',
      'portolan reserve mana/mana-sync --port 3050 (so that nobody else is given it)',
    ]);
    expect(verdict?.parties).toMatchObject([
      { service: sync, claim: 'observed', host: { id: 'a', name: 'host-a' }, pid: 4711, address: '0.0.0.0' },
      { service: voiceBot, claim: 'observed', host: { id: 'b', name: 'host-b' }, pid: 812, command: 'node' },
    ]);
  });

  test('of one host and two namespaces collide, masked by the namespace: image-gen and video-gen on 3026', () => {
    const listeners = [listener(imageGen, 'a'), listener(videoGen, 'a', { netns: 'net:[4026532281]' })];
    expect(judge({ port: 3026, listeners })).toMatchObject([{ ...byNamespace, id: 'collision:tcp:3026' }]);
  });

  test('of one host and two addresses collide, masked by the address, and the sentence names the addresses', () => {
    const listeners = [
      listener(imageGen, 'a', { address: '127.0.0.1' }),
      listener(videoGen, 'a', { address: '127.0.0.2' }),
    ];
    const [verdict] = judge({ port: 3026, listeners });
    expect(verdict).toMatchObject(byAddress);
    expect(verdict?.summary).toContain('on host-a at 127.0.0.1');
  });

  test('of one host and overlapping addresses collide in earnest', () => {
    const listeners = [listener(imageGen, 'a', { address: '::' }), listener(videoGen, 'a', { address: '127.0.0.1' })];
    expect(judge({ port: 3026, listeners })).toMatchObject([overlap]);
  });

  test('have the class of the worst place that they share', () => {
    const apart = [listener(imageGen, 'a'), listener(videoGen, 'b')];
    const twoNamespaces = [listener(imageGen, 'c'), listener(videoGen, 'c', { netns: 'net:[1]' })];
    const twoAddresses = [
      listener(imageGen, 'd', { address: '10.0.0.1' }),
      listener(videoGen, 'd', { address: '10.0.0.2' }),
    ];
    const together = [listener(imageGen, 'e'), listener(videoGen, 'e')];
    expect(judge({ listeners: apart })).toMatchObject([byHost]);
    expect(judge({ listeners: [...apart, ...twoNamespaces] })).toMatchObject([byNamespace]);
    expect(judge({ listeners: [...apart, ...twoNamespaces, ...twoAddresses] })).toMatchObject([byAddress]);
    expect(judge({ listeners: [...apart, ...twoNamespaces, ...twoAddresses, ...together] })).toMatchObject([overlap]);
  });
});

describe('no finding', () => {
  test('for one service on many hosts, or many times on one', () => {
    const listeners = [listener(sync, 'a'), listener(sync, 'b'), listener(sync, 'b')];
    expect(judge({ listeners, claims: [claim(sync)] })).toEqual([]);
  });

  test('for a port that nobody claims or uses, blocked or not', () => {
    const blocks: Block[] = [{ from: 3000, to: 3099, protocol: null, reason: 'legacy ports' }];
    expect(judge({ blocks })).toEqual([]);
  });

  test('for a container that does not publish the port; there is one when it does', () => {
    const inside = listener(voiceBot, 'a', { netns: 'net:[1]', container });
    expect(judge({ listeners: [listener(sync, 'a'), inside] })).toEqual([]);
    const published = listener(voiceBot, 'a', { container: { ...container, publishes: 80 } });
    expect(judge({ listeners: [listener(sync, 'a'), published] })).toMatchObject([overlap]);
  });

  test('for a container in the namespace of its host no exception is made', () => {
    const inHost = listener(voiceBot, 'a', { container });
    expect(judge({ listeners: [listener(sync, 'a'), inHost] })).toMatchObject([overlap]);
  });

  test('for a listener that nobody could identify', () => {
    expect(judge({ listeners: [listener(sync, 'a'), listener(null, 'a')], claims: [claim(sync)] })).toEqual([]);
  });

  test('for a service known by its command alone beside the one service of that name', () => {
    const listeners = [listener('unknown/mana-sync', 'a'), listener(sync, 'b')];
    expect(judge({ listeners })).toEqual([]);
    expect(judge({ listeners: listeners.slice(0, 1), claims: [claim(sync)] })).toEqual([]);
  });

  test('is owed to a name of unknown project that may be either of two services', () => {
    const listeners = [listener('mana/api', 'a'), listener('sv/api', 'b')];
    const [without] = judge({ listeners });
    const [withIt] = judge({ listeners: [...listeners, listener('unknown/api', 'a')] });
    expect(without).toMatchObject(byHost);
    expect(withIt).toEqual(without);
  });
});

test('two commands of unknown project and different names are two services', () => {
  expect(judge({ listeners: [listener('unknown/nginx', 'a'), listener('unknown/apache2', 'b')] })).toMatchObject([
    byHost,
  ]);
});

describe('a port that a kernel may have chosen', () => {
  const port = 41_000;
  const host = linuxHost;
  const byCommand = (name: string, at: string, parts: Partial<HostListener> = {}) =>
    listener(`unknown/${name}`, at, {
      port,
      identity: {
        service: `unknown/${name}`,
        label: null,
        instance: null,
        evidence: { kind: 'command', detail: name },
      },
      ...parts,
    });
  const codeServer = byCommand('code-server', 'a');
  const sshAgent = byCommand('ssh', 'b');

  test('is no finding for two that are known by their commands alone, on other hosts, namespaces or addresses', () => {
    expect(judge({ port, host, listeners: [codeServer, sshAgent] })).toEqual([]);
    const elsewhere = byCommand('ssh', 'a', { netns: 'net:[1]' });
    expect(judge({ port, host, listeners: [codeServer, elsewhere] })).toEqual([]);
    const [here, there] = [{ address: '127.0.0.1' }, { address: '127.0.0.2' }];
    const apart = [byCommand('code-server', 'a', here), byCommand('ssh', 'a', there)];
    expect(judge({ port, host, listeners: apart })).toEqual([]);
  });

  test('is one when it lies outside the ephemeral range of one of the hosts, or that is not known', () => {
    const listeners = [codeServer, sshAgent];
    const narrow = (id: string) =>
      id === 'b' ? { ...linuxHost(id), ephemeral: { from: 50_000, to: 60_999 } } : host(id);
    expect(judge({ port, host: narrow, listeners })).toMatchObject([byHost]);
    expect(judge({ port, listeners })).toMatchObject([byHost]);
    expect(judge({ port: 3050, host, listeners: listeners.map((each) => ({ ...each, port: 3050 })) })).toMatchObject([
      byHost,
    ]);
  });

  test('is one when a service that is known by more is among them, and names all', () => {
    const [verdict] = judge({ port, host, listeners: [codeServer, sshAgent, listener(sync, 'c', { port })] });
    expect(verdict).toMatchObject(byHost);
    expect(verdict?.parties).toHaveLength(3);
  });

  test('is one when the two share an address: no kernel gives that away by chance', () => {
    const [verdict] = judge({ port, host, listeners: [codeServer, byCommand('ssh', 'a'), byCommand('mosh', 'b')] });
    expect(verdict).toMatchObject(overlap);
    expect(verdict?.parties.map(({ service }) => service)).toEqual(['unknown/code-server', 'unknown/ssh']);
  });

  test('is squatted like any other when it is assigned', () => {
    expect(judge({ port, host, claims: [claim(sync)], listeners: [codeServer] })).toMatchObject([squatting]);
  });

  test('by udp is a client, of whatever service, and accuses nobody', () => {
    const client = (service: ServiceId, at: string) => listener(service, at, { port, protocol: 'udp' });
    const facts = { protocol: 'udp', port, host } as const;
    const blocks: Block[] = [{ from: 40_000, to: 42_000, protocol: null, reason: 'kept for the lab' }];
    expect(judge({ ...facts, listeners: [client(sync, 'a'), client(voiceBot, 'b')] })).toEqual([]);
    expect(judge({ ...facts, listeners: [client(voiceBot, 'b')], claims: [claim(sync)], blocks })).toMatchObject([
      { kind: 'blocked-port', parties: [{ service: sync }] },
    ]);
    expect(assignmentState(claim(sync), [client(voiceBot, 'b')], host)).toBe('pending');
    expect(assignmentState(claim(sync), [client(sync, 'b')], host)).toBe('bound');
  });

  test('by udp is a server when the process was given it, its service claims it, or a container publishes it', () => {
    const facts = { protocol: 'udp', port, host } as const;
    const evidence = { kind: 'lease', detail: 'lease L7' } as const;
    const given = (service: ServiceId, at: string) =>
      listener(service, at, { port, protocol: 'udp', identity: { service, label: 'api', instance: 1, evidence } });
    expect(judge({ ...facts, listeners: [given(sync, 'a'), given(voiceBot, 'b')] })).toMatchObject([byHost]);
    const published = (service: ServiceId, at: string) =>
      listener(service, at, { port, protocol: 'udp', container: { ...container, publishes: 51_820 } });
    expect(judge({ ...facts, listeners: [published(sync, 'a'), published(voiceBot, 'b')] })).toMatchObject([byHost]);
    const own = listener(sync, 'a', { port, protocol: 'udp' });
    expect(judge({ ...facts, claims: [claim(sync)], listeners: [own, given(voiceBot, 'a')] })).toMatchObject([overlap]);
  });
});

describe('a port that stands for a role', () => {
  test('may be filled by another service on each host, but by one on each', () => {
    const at = (service: ServiceId, host: string, parts = {}) => listener(service, host, { port: 80, ...parts });
    const apart = [at('unknown/nginx', 'a'), at('mana/web', 'b')];
    expect(judge({ port: 80, listeners: apart })).toEqual([]);
    const [verdict] = judge({ port: 80, listeners: [...apart, at('unknown/apache2', 'a')] });
    expect(verdict).toMatchObject(overlap);
    expect(verdict?.parties.map(({ service }) => service)).toEqual(['unknown/apache2', 'unknown/nginx']);
    const inside = at('unknown/apache2', 'a', { netns: 'net:[1]' });
    expect(judge({ port: 80, listeners: [...apart, inside] })).toMatchObject([byNamespace]);
  });

  test('of discovery by multicast is shared by design', () => {
    const listeners = [listener('unknown/avahi-daemon', 'a'), listener('unknown/chrome', 'a')];
    const on = (protocol: 'udp' | 'tcp') => listeners.map((each) => ({ ...each, protocol, port: 5353 }));
    expect(judge({ protocol: 'udp', port: 5353, listeners: on('udp') })).toEqual([]);
    expect(judge({ protocol: 'tcp', port: 5353, listeners: on('tcp') })).toMatchObject([overlap]);
  });
});

describe('two declared services', () => {
  test('collide in earnest when no host is named, one is not, or both name the same one', () => {
    expect(judge({ claims: [claim(sync), claim(voiceBot)] })).toMatchObject([overlap]);
    expect(judge({ claims: [claim(sync, 'a'), claim(voiceBot)] })).toMatchObject([overlap]);
    expect(judge({ claims: [claim(sync, 'a'), claim(voiceBot, 'a')] })).toMatchObject([overlap]);
  });

  test('collide, masked by the host, when they name different ones', () => {
    expect(judge({ claims: [claim(sync, 'a'), claim(voiceBot, 'b')] })).toMatchObject([byHost]);
  });

  test('name one host, be it by its id or by its name', () => {
    expect(judge({ claims: [claim(sync, 'a'), claim(voiceBot, 'host-a')] })).toMatchObject([overlap]);
    expect(judge({ claims: [claim(sync, 'host-a')], listeners: [listener(voiceBot, 'a')] })).toMatchObject([squatting]);
  });

  test('mean the host with the lowest id where several have the name, whichever comes first', () => {
    const twins = (id: string) => (id === 'twins' ? undefined : { ...hostOf(id), name: 'twins' });
    const listeners = [listener(voiceBot, 'b'), listener(voiceBot, 'a')];
    const verdicts = judge({ claims: [claim(sync, 'twins')], listeners, host: twins });
    expect(verdicts[0]?.parties[0]?.host).toEqual({ id: 'a', name: 'twins' });
    expect(judge({ claims: [claim(sync, 'twins')], listeners: listeners.reverse(), host: twins })).toEqual(verdicts);
  });

  test('are told to release before they move', () => {
    const [verdict] = judge({ claims: [claim(sync), claim(voiceBot)] });
    expect(verdict?.summary).toBe(
      'mana/mana-sync:api (declared) and mana/mana-voice-bot:api (declared) both claim tcp port 3050; ' +
        'only one of them can have it.',
    );
    expect(verdict?.remedies).toEqual([
      'portolan reserve mana/mana-voice-bot --preferred 3051 (release its old port first; then configure the port given)',
    ]);
  });
});

describe('a declared service and another that is observed', () => {
  test('is squatting when the declared one is seen nowhere', () => {
    const [verdict, ...others] = judge({
      claims: [claim(sync)],
      listeners: [listener(voiceBot, 'b', { process: process(812) })],
    });
    expect(others).toEqual([]);
    expect(verdict).toMatchObject({ ...squatting, id: 'squatting:tcp:3050' });
    expect(verdict?.summary).toBe(
      'tcp port 3050 belongs to mana/mana-sync:api (declared), but only mana/mana-voice-bot on host-b (pid 812) listens there.',
    );
    expect(verdict?.remedies).toEqual([
      'portolan reserve mana/mana-voice-bot --preferred 3051 (then restart it on the port given)',
      'portolan release mana/mana-sync:api --instance 1 (if it no longer needs the port)',
    ]);
    expect(verdict?.parties).toMatchObject([
      { service: sync, claim: 'declared', endpoint: { label: 'api' }, host: null },
      { service: voiceBot, claim: 'observed' },
    ]);
  });

  test('collides in earnest when the declared one listens somewhere too', () => {
    const listeners = [listener(sync, 'a'), listener(voiceBot, 'b')];
    expect(judge({ claims: [claim(sync)], listeners })).toMatchObject([overlap]);
  });

  test('is the one that keeps the port, though the other was there first', () => {
    const listeners = [listener(sync, 'a'), listener(voiceBot, 'b', { since: '2026-11-20T09:00:00.000Z' })];
    const [verdict] = judge({ claims: [claim(voiceBot, null, '2026-11-20T09:00:00.000Z')], listeners });
    expect(verdict?.remedies).toEqual([
      'portolan reserve mana/mana-sync --preferred 3051 (then restart it on the port given)',
    ]);
  });

  test('collides, masked by the host, when it is declared for a host where the other is not', () => {
    expect(judge({ claims: [claim(sync, 'a')], listeners: [listener(voiceBot, 'b')] })).toMatchObject([byHost]);
  });

  test('collides rather than squats when the other one has a claim too', () => {
    const claims = [claim(sync), claim(voiceBot)];
    expect(judge({ claims, listeners: [listener(voiceBot, 'b')] })).toMatchObject([overlap]);
  });

  test('is squatting on its host, and a collision with a third elsewhere', () => {
    const verdicts = judge({
      claims: [claim(sync, 'a')],
      listeners: [listener(voiceBot, 'a'), listener(imageGen, 'b')],
    });
    expect(verdicts).toMatchObject([byHost, squatting]);
    expect(verdicts[1]?.parties.map(({ service }) => service)).toEqual([sync, voiceBot]);
  });
});

describe('a blocked port', () => {
  const blocks: Block[] = [{ from: 3000, to: 3099, protocol: null, reason: 'legacy ports, avoid' }];

  test('is an error when it is claimed', () => {
    const [verdict] = judge({ blocks, claims: [claim(sync)] });
    expect(verdict).toMatchObject({
      id: 'blocked-port:tcp:3050',
      kind: 'blocked-port',
      severity: 'error',
      class: null,
    });
    expect(verdict?.summary).toBe(
      'mana/mana-sync:api (declared) claims tcp port 3050, which is blocked: legacy ports, avoid.',
    );
    expect(verdict?.remedies[0]).toBe('portolan release mana/mana-sync:api --instance 1');
  });

  test('is a warning when somebody merely listens there, even somebody unknown', () => {
    const [verdict] = judge({ blocks, listeners: [listener(null, 'a', { process: null })] });
    expect(verdict).toMatchObject({ severity: 'warning', parties: [{ service: null, host: { id: 'a' }, pid: null }] });
    expect(verdict?.summary).toMatch(/^an unidentified process on host-a uses tcp port 3050/);
  });

  test('gives the reason of the narrowest block', () => {
    const narrow: Block = { from: 3050, to: 3050, protocol: 'tcp', reason: 'kept for the demo' };
    const [verdict] = judge({ blocks: [...blocks, narrow], claims: [claim(sync)] });
    expect(verdict?.summary).toContain('kept for the demo');
  });

  test('does not concern what a container keeps to itself', () => {
    expect(judge({ blocks, listeners: [listener(sync, 'a', { netns: 'net:[1]', container })] })).toEqual([]);
  });

  test('stands beside a collision on it', () => {
    const listeners = [listener(sync, 'a'), listener(voiceBot, 'b')];
    expect(judge({ blocks, listeners }).map(({ kind }) => kind)).toEqual(['collision', 'blocked-port']);
  });
});

describe('many parties', () => {
  const everywhere = Array.from({ length: 10_000 }, (_, i) => listener('infra/node-exporter', `n${i}`, { port: 9100 }));

  test('of one service are fine', () => {
    expect(judge({ port: 9100, listeners: everywhere })).toEqual([]);
  });

  test('leave room for each side, and the host where it bites is among them', () => {
    const rogue = listener('mana/rogue', 'n7777', { port: 9100 });
    const [verdict] = judge({ port: 9100, listeners: [...everywhere, rogue] });
    expect(verdict).toMatchObject(overlap);
    expect(Verdict.safeParse(verdict).error).toBeUndefined();
    const atN7777 = verdict?.parties.filter(({ host }) => host?.id === 'n7777').map(({ service }) => service);
    expect(atN7777).toEqual(['infra/node-exporter', 'mana/rogue']);
    expect(verdict?.summary).toContain(
      `infra/node-exporter on host-n7777 (pid ${everywhere[7777]?.process?.pid}, and on 9999 other hosts)`,
    );
  });

  test('of many services are counted, and the verdict keeps its bounds', () => {
    const long = 'x'.repeat(60);
    const listeners = Array.from({ length: 300 }, (_, i) => listener(`${long}${i}/${long}`, `h${i}`));
    const [verdict] = judge({ listeners, host: (id) => ({ ...hostOf(id), name: `${id}${'y'.repeat(240)}` }) });
    expect(Verdict.safeParse(verdict).error).toBeUndefined();
    expect(verdict?.parties).toHaveLength(100);
    const [short] = judge({
      listeners: listeners.map((one, i) => ({ ...one, identity: listener(`a/s${i}`, 'a').identity })),
    });
    expect(short?.summary).toContain(' and 297 more all use tcp port 3050');
  });

  test('that are sockets of one process at one address are one', () => {
    const workers = [listener(sync, 'a', { process: process(7) }), listener(sync, 'a', { process: process(7) })];
    const [verdict] = judge({ listeners: [...workers, listener(voiceBot, 'b')] });
    expect(verdict?.parties).toHaveLength(2);
  });

  test('that are sockets of one process are there since the first of them', () => {
    const later = listener(sync, 'a', { process: process(7), since: '2026-11-20T09:00:00.000Z' });
    const first = listener(sync, 'a', { process: process(7) });
    for (const listeners of [
      [later, first],
      [first, later],
    ]) {
      const [verdict] = judge({ listeners: [...listeners, listener(voiceBot, 'b')] });
      expect(verdict?.parties[0]?.since).toBe(start);
    }
  });

  test('that are declared endpoints of one service leave room too', () => {
    const endpoints = Array.from({ length: 150 }, (_, i) => {
      const one = claim(sync);
      return { ...one, endpoint: { ...one.endpoint, instance: i + 1 } };
    });
    const [verdict] = judge({ claims: [...endpoints, claim(voiceBot)] });
    expect(verdict?.parties).toHaveLength(51);
    expect(verdict?.parties.at(-1)?.service).toBe(voiceBot);
  });
});

test('a host that is no longer known is named by its id', () => {
  const [verdict] = judge({ listeners: [listener(sync, 'gone'), listener(voiceBot, 'b')], host: () => undefined });
  expect(verdict?.parties[0]?.host).toEqual({ id: 'gone', name: 'gone' });
});

test('advice for the highest port and for udp is a command that works', () => {
  const listeners = [listener(sync, 'a'), listener(voiceBot, 'b')];
  const [verdict] = judge({ protocol: 'udp', port: 65_535, listeners });
  expect(verdict?.id).toBe('collision:udp:65535');
  expect(verdict?.remedies[0]).toBe(
    'portolan reserve mana/mana-voice-bot --protocol udp (then restart it on the port given)',
  );
});

describe('whatever the facts', () => {
  const service = fc.constantFrom('p/a', 'p/b', 'q/c', 'q/a', 'unknown/b', 'unknown/d', 'unknown/e', null);
  const place = fc.constantFrom('h1', 'h2', 'h3');
  const anyListener = fc
    .record({
      service,
      host: place,
      netns: fc.constantFrom('host', 'host', 'net:[1]'),
      address: fc.constantFrom('0.0.0.0', '127.0.0.1', '127.0.0.2', '::', '::1'),
      container: fc.constantFrom(null, null, container, { ...container, publishes: 80 }),
      pid: fc.integer({ min: 1, max: 3 }),
      socket: fc.integer({ min: 1, max: 1000 }).map(String),
      since: fc.constantFrom(start, '2026-11-20T09:00:00.000Z'),
      kind: fc.constantFrom('command' as const, 'command' as const, 'systemd' as const),
      label: fc.constantFrom(null, null, null, 'api'),
    })
    .map(({ service: of, host, pid, kind, label, ...parts }) => {
      const evidence = { kind, detail: 'as seen' };
      const identity = of === null ? null : { service: of, label, instance: null, evidence };
      return listener(of, host, { ...parts, process: process(pid), identity });
    });
  const anyClaim = fc
    .record({
      service: fc.constantFrom('p/a', 'p/b', 'q/c'),
      host: fc.option(
        fc.oneof(
          place,
          place.map((h) => `host-${h}`),
        ),
      ),
    })
    .map(({ service: of, host }) => claim(of, host));
  const anyFacts = fc
    .record({
      protocol: fc.constantFrom('tcp' as const, 'tcp' as const, 'udp' as const),
      port: fc.constantFrom(3050, 3050, 41_000, 41_000, 443, 5353),
      claims: fc.array(anyClaim, { maxLength: 4 }),
      listeners: fc.array(anyListener, { maxLength: 8 }),
    })
    .map(({ protocol, port, claims, listeners }) => ({
      protocol,
      port,
      claims,
      listeners: listeners.map((each) => ({ ...each, protocol, port })),
      // Two hosts whose kernels choose from the usual range, and one that does not tell.
      host: (id: string) => (id === 'h3' ? knownHost(id) : knownHost(id) && linuxHost(id)),
    }));

  test('the order in which they come changes nothing', () => {
    const shuffled = anyFacts.chain((facts) =>
      fc.record({
        facts: fc.constant(facts),
        claims: fc.shuffledSubarray(facts.claims, { minLength: facts.claims.length }),
        listeners: fc.shuffledSubarray(facts.listeners, { minLength: facts.listeners.length }),
      }),
    );
    return fc.assert(
      fc.property(shuffled, ({ facts, claims, listeners }) => {
        expect(judge({ ...facts, claims, listeners })).toEqual(judge(facts));
      }),
      { numRuns: 300 },
    );
  });

  test('verdicts are as the wire contract has them', () =>
    fc.assert(
      fc.property(anyFacts, (facts) => {
        for (const verdict of judge(facts)) expect(Verdict.parse(verdict)).toEqual(verdict);
      }),
    ));

  test('the verdict is that of the worst pair of the table', () =>
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const expected = pairByPair(facts);
        const verdicts = judge(facts);
        const found = verdicts.find(({ kind }) => kind === 'collision');
        expect(found && (found.maskedBy ?? 'nothing')).toBe(expected.collision);
        expect(new Set(found?.parties.map((party) => party.service))).toEqual(expected.colliding);
        const squat = verdicts.find(({ kind }) => kind === 'squatting');
        expect(new Set(squat?.parties.map((party) => party.service))).toEqual(expected.squatting);
      }),
      { numRuns: 5000 },
    ));

  test('without all but one service nothing collides', () =>
    fc.assert(
      fc.property(anyFacts, ({ claims, listeners, ...facts }) => {
        const left = listeners.filter(({ identity }) => identity?.service === 'p/a');
        const leftClaims = claims.filter(({ endpoint }) => endpoint.service === 'a');
        expect(judge({ ...facts, claims: leftClaims, listeners: left })).toEqual([]);
      }),
    ));

  test('one more listener of a service where it already listens changes no class', () =>
    fc.assert(
      fc.property(anyFacts, fc.nat(), ({ claims, listeners, ...facts }, pick) => {
        const again = listeners[pick % Math.max(1, listeners.length)];
        const more = again ? [...listeners, { ...again, process: process(99), socket: 'again' }] : listeners;
        const classes = (verdicts: Verdict[]) =>
          verdicts.map((verdict) => [verdict.id, verdict.class, verdict.maskedBy]);
        expect(classes(judge({ ...facts, claims, listeners: more }))).toEqual(
          classes(judge({ ...facts, claims, listeners })),
        );
      }),
    ));
});

/** The table of `judgePort`, taken literally: every claim and listener against every other. */
function pairByPair({
  protocol,
  port,
  host,
  claims,
  listeners,
}: Pick<PortFacts, 'protocol' | 'port' | 'host'> & { claims: Claim[]; listeners: HostListener[] }) {
  const mayBeChosen = (l: HostListener) => {
    const range = host(l.host)?.ephemeral;
    return range != null && range.from <= port && port <= range.to && !l.identity?.label && !l.container?.publishes;
  };
  const claimed = (l: HostListener) =>
    claims.some(
      ({ endpoint }) => l.identity && sameService(l.identity.service, `${endpoint.project}/${endpoint.service}`),
    );
  const inSpace = listeners.filter(
    (l) =>
      (l.netns === 'host' || !l.container || l.container.publishes !== null) &&
      (protocol !== 'udp' || !mayBeChosen(l) || claimed(l)),
  );
  const names = [
    ...claims.map(({ endpoint }) => `${endpoint.project}/${endpoint.service}`),
    ...inSpace.flatMap(({ identity }) => identity?.service ?? []),
  ];
  const resolve = (id: string | undefined) => {
    if (!id?.startsWith('unknown/')) return id ?? null;
    const name = id.slice('unknown/'.length);
    const known = new Set(names.filter((other) => !other.startsWith('unknown/') && other.endsWith(`/${name}`)));
    return known.size === 0 ? id : known.size === 1 ? [...known][0]! : null;
  };
  const sides = [
    ...claims.map(({ endpoint, host }) => ({
      service: resolve(`${endpoint.project}/${endpoint.service}`),
      claim: true as const,
      host: host?.replace('host-', '') ?? null,
    })),
    ...inSpace.map((of) => ({ service: resolve(of.identity?.service), claim: false as const, host: of.host, of })),
  ].filter(({ service }) => service !== null);
  const isChance = (service: string | null) =>
    sides.every(
      (side) =>
        side.service !== service ||
        (!side.claim && side.of.identity?.evidence.kind === 'command' && mayBeChosen(side.of)),
    );
  const declares = (service: string | null) => sides.some((side) => side.claim && side.service === service);
  const listens = (service: string | null) => sides.some((side) => !side.claim && side.service === service);

  const order = ['nothing', 'address', 'namespace', 'host'];
  let worst: number = order.length;
  const colliding = new Set<string | null>();
  const squatting = new Set<string | null>();
  const collide = (mask: string, ...services: (string | null)[]) => {
    worst = Math.min(worst, order.indexOf(mask));
    for (const service of services) colliding.add(service);
  };
  for (const a of sides) {
    for (const b of sides) {
      if (a.service === b.service) continue;
      if (a.claim && b.claim) {
        collide(a.host === null || b.host === null || a.host === b.host ? 'nothing' : 'host', a.service, b.service);
      } else if (!a.claim && !b.claim) {
        const together = a.host === b.host && a.of.netns === b.of.netns;
        if (protocol === 'udp' && port === 5353 && claims.length === 0) continue;
        if (together && addressesOverlap(a.of, b.of)) collide('nothing', a.service, b.service);
        else if (isChance(a.service) && isChance(b.service)) continue;
        else if (together) collide('address', a.service, b.service);
        else if (a.host === b.host) collide('namespace', a.service, b.service);
        else if (port > SYSTEM_BLOCK.to || claims.length > 0) collide('host', a.service, b.service);
      } else if (a.claim) {
        const owners = sides.filter((side) => side.claim && side.service === a.service);
        const others = sides.filter((side) => !side.claim && side.service === b.service);
        const meet = owners.some((o) => others.some((other) => o.host === null || o.host === other.host));
        if (!meet) collide('host', a.service, b.service);
        else if (listens(a.service) || declares(b.service)) collide('nothing', a.service, b.service);
        else for (const service of [a.service, b.service]) squatting.add(service);
      }
    }
  }
  return { collision: order[worst], colliding, squatting };
}

describe('the state of an assignment', () => {
  const assignment = { endpoint: { project: 'mana', service: 'mana-sync', label: 'api', instance: 1 } };

  test('is pending while nobody listens, or only somebody whom nobody could identify', () => {
    expect(assignmentState(assignment, [])).toBe('pending');
    expect(assignmentState(assignment, [listener(null, 'a')])).toBe('pending');
  });

  test('is bound when its service listens, whoever else does', () => {
    expect(assignmentState(assignment, [listener(voiceBot, 'a'), listener(sync, 'b')])).toBe('bound');
    expect(assignmentState(assignment, [listener('unknown/mana-sync', 'b')])).toBe('bound');
  });

  test('is squatted when only others listen', () => {
    expect(assignmentState(assignment, [listener(voiceBot, 'a'), listener(null, 'b')])).toBe('squatted');
  });

  test('does not depend on what a container keeps to itself', () => {
    const inside = { netns: 'net:[1]', container };
    expect(assignmentState(assignment, [listener(voiceBot, 'a', inside)])).toBe('pending');
    expect(assignmentState(assignment, [listener(sync, 'a', inside)])).toBe('pending');
  });
});
