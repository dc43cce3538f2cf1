import { Name, parseGivenPorts, ServiceId } from '@portolan/model';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Checkout } from './checkout.ts';
import type { ContainerFacts } from './containers.ts';
import { cleanName, identify, type Manifest, type Sighting } from './identity.ts';
import { NO_ENVIRONMENT, type ProcessFacts } from './process-facts.ts';

interface Seen {
  command?: string;
  cwd?: string | null;
  unit?: string;
  packageDirectory?: string;
  checkout?: Checkout;
  environment?: Partial<ProcessFacts['environment']>;
}

function seen(
  argv: string[],
  { command, cwd = '/', unit, packageDirectory, checkout, environment }: Seen = {},
): ProcessFacts {
  const called = command ?? argv[0]?.split('/').at(-1) ?? '';
  return {
    process: { pid: 7, startedAt: 1, uid: 0, user: 'ada', command: called, commandLine: argv.join(' '), cwd },
    argv,
    containerId: null,
    unit: unit ?? null,
    environment: { ...NO_ENVIRONMENT, ...environment },
    packageDirectory: packageDirectory ?? null,
    checkout: checkout ?? null,
  };
}

function container(labels: Record<string, string>, name: string | null = 'mana-api-1'): ContainerFacts {
  return { id: 'c'.repeat(64), name, image: 'mana/api:3', labels, published: [] };
}

function identityOf(sighting: Partial<Sighting>, manifests?: readonly Manifest[]) {
  return identify({ protocol: 'tcp', port: 3050, process: null, container: null, ...sighting }, manifests);
}

describe('by its command', () => {
  test.each<[string[], Seen, string]>([
    [['nginx: master process /usr/sbin/nginx -g daemon off;'], { command: 'nginx' }, 'nginx'],
    [['/usr/sbin/sshd', '-D'], {}, 'sshd'],
    [['sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups'], { command: 'sshd' }, 'sshd'],
    [['redis-server *:6379'], { command: 'redis-server' }, 'redis-server'],
    [['/usr/lib/postgresql/15/bin/postgres', '-D', '/var/lib/postgresql/15/main'], {}, 'postgres'],
    [['node', '/srv/mana/sync-worker.js'], {}, 'sync-worker'],
    [['node', '--inspect=9229', '--max-old-space-size=4096', '-r', 'dotenv/config', '/srv/sync.mjs'], {}, 'sync'],
    [['node', '--import', 'tsx', 'src/gateway.ts'], { cwd: '/srv/mana' }, 'gateway'],
    [['node', 'server.js'], { cwd: '/srv/mana/mana-sync' }, 'mana-sync'],
    [['node', 'dist/index.js'], { cwd: '/srv/mana-voice-bot' }, 'mana-voice-bot'],
    [['node', '/srv/mana/apps/image-gen/dist/main.js'], { packageDirectory: '/srv/mana/apps/image-gen' }, 'image-gen'],
    [
      ['node', '/home/ada/mana/web/node_modules/.bin/vite', '--port', '5173'],
      { cwd: '/home/ada/mana/web', packageDirectory: '/home/ada/mana/web' },
      'web',
    ],
    [['node', '/srv/shop/node_modules/astro/astro.js', 'dev'], { cwd: '/srv/shop' }, 'shop'],
    [
      ['node', '/srv/chart/node_modules/.bin/../../packages/cli/bin/portolan.js', 'up'],
      { cwd: '/srv/chart' },
      'portolan',
    ],
    [['next-server (v15.1.0)'], { command: 'node', cwd: '/srv/portal' }, 'portal'],
    [['PM2 v5.3.0: God Daemon (/root/.pm2)'], { command: 'node' }, 'PM2'],
    [['node', '-e', 'require("net").createServer().listen(1)'], { cwd: '/srv/probe' }, 'probe'],
    [['/usr/bin/node'], { command: 'node', cwd: null }, 'node'],
    [['bun', 'run', '--hot', 'src/relay.ts'], { cwd: '/srv/x' }, 'relay'],
    [['deno', 'run', '--allow-net', '-c', 'deno.json', 'bridge.ts'], { cwd: '/srv/x' }, 'bridge'],
    [['tsx', 'watch', 'src/index.ts'], { cwd: '/srv/hub' }, 'hub'],
    [['python3', '-m', 'http.server', '8000'], { command: 'python3.11', cwd: '/srv/site-files' }, 'site-files'],
    [['python3', '-u', '-W', 'ignore', '/srv/jobs/harvest.py'], { command: 'python3.11' }, 'harvest'],
    [['python', 'manage.py', 'runserver'], { cwd: '/srv/journal' }, 'journal'],
    [
      ['/srv/api/.venv/bin/python', '/srv/api/.venv/bin/uvicorn', 'app.main:app'],
      { packageDirectory: '/srv/api' },
      'api',
    ],
    [['gunicorn: master [app:app]'], { command: 'python3.11', packageDirectory: '/srv/ledger' }, 'ledger'],
    [['python3', '-c', 'import socket'], { command: 'python3.11', cwd: '/srv/tryout' }, 'tryout'],
    [['ruby', 'bin/rails', 'server'], { cwd: '/srv/forum' }, 'forum'],
    [['ruby', '-I', 'lib', 'poller.rb'], { cwd: '/srv/x' }, 'poller'],
    [['java', '-Xmx1g', '-cp', 'a.jar:b.jar', 'org.example.orders.OrderService'], {}, 'OrderService'],
    [['java', '-Dserver.port=8080', '-jar', '/opt/billing-2.1.jar'], {}, 'billing-2.1'],
    [['php', '-S', 'localhost:8000', '-t', 'public'], { cwd: '/srv/blog' }, 'blog'],
    [['php', 'artisan', 'serve'], { cwd: '/srv/crm' }, 'crm'],
    [['perl', '-I', 'lib', 'starman.pl'], { cwd: '/srv/x' }, 'starman'],
    [['dotnet', '/srv/orders/Orders.Api.dll'], {}, 'Orders.Api'],
    [['/bin/sh', '/usr/local/bin/entry-proxy.sh'], { command: 'dash' }, 'entry-proxy'],
    [['/tmp/go-build1/b001/exe/main'], { cwd: '/srv/mana/auth', packageDirectory: '/srv/mana/auth' }, 'auth'],
    [['target/debug/tide'], { cwd: '/srv/x' }, 'tide'],
    [['node.exe'], { cwd: null }, 'node'],
    [['./server'], { cwd: '/home/ada' }, 'server'],
  ])('%j is recognised', (argv, facts, name) => {
    const identity = identityOf({ process: seen(argv, facts) });
    expect(identity).toMatchObject({ service: `unknown/${name}`, label: null, evidence: { kind: 'command' } });
  });

  test('no secret of the command line gets into the evidence', () => {
    const identity = identityOf({
      process: seen(['app', '--token', 'hunter2', 'postgres://u:hunter2@db']),
    });
    expect(JSON.stringify(identity)).not.toContain('hunter2');
  });
});

describe('by stronger evidence', () => {
  const everything = seen(['node', 'server.js'], {
    cwd: '/srv/mana/sync',
    unit: 'mana-sync.service',
    environment: {
      endpoints: parseGivenPorts('mana/mana-sync:api#2=3050/tcp,mana/mana-sync:gossip#2=3051/udp'),
      lease: 'L7',
      pm2Name: 'sync',
    },
  });
  const compose = container({
    'com.docker.compose.project': 'mana',
    'com.docker.compose.service': 'api',
    'com.docker.compose.container-number': '3',
  });

  test('the environment that a lease was given to says project, service and instance, and the label of each port', () => {
    const known = (protocol: 'tcp' | 'udp', port: number) =>
      identityOf({ protocol, port, process: everything, container: compose });
    expect(known('tcp', 3050)).toEqual({
      service: 'mana/mana-sync',
      label: 'api',
      instance: 2,
      lease: 'L7',
      evidence: { kind: 'lease', detail: 'lease L7 for mana/mana-sync:api#2' },
    });
    expect(known('udp', 3051)).toMatchObject({ label: 'gossip', instance: 2 });
  });

  test.each([
    ['tcp', 9229],
    ['udp', 3050],
    ['tcp', 3051],
  ] as const)('on %s port %i, which the process was not given, it is the service without a label', (protocol, port) => {
    expect(identityOf({ protocol, port, process: everything })).toEqual({
      service: 'mana/mana-sync',
      label: null,
      instance: 2,
      lease: 'L7',
      evidence: { kind: 'lease', detail: 'lease L7 for mana/mana-sync' },
    });
  });

  test('a permanent assignment is evidence without a lease', () => {
    const environment = { endpoints: parseGivenPorts('mana/mana-sync:api=3050/tcp') };
    expect(identityOf({ process: seen(['node'], { environment }) })?.evidence).toEqual({
      kind: 'lease',
      detail: 'assignment of mana/mana-sync:api',
    });
  });

  test('a lease without endpoints is no evidence', () => {
    const process = seen(['nginx'], { environment: { lease: 'L7' } });
    expect(identityOf({ process })?.evidence.kind).toBe('command');
  });

  test.each<[Record<string, string>, string, number | null]>([
    [compose.labels as Record<string, string>, 'mana/api', 3],
    [{ 'io.podman.compose.project': 'mana', 'io.podman.compose.service': 'db' }, 'mana/db', null],
    [{ 'com.docker.stack.namespace': 'mana', 'com.docker.swarm.service.name': 'mana_web' }, 'mana/web', null],
    [{ 'io.kubernetes.pod.namespace': 'prod', 'io.kubernetes.container.name': 'sync' }, 'prod/sync', null],
    [{}, 'unknown/mana-api-1', null],
  ])('container labels %j say %s', (labels, service, instance) => {
    const process = seen(['node', 'server.js'], { unit: 'mana.service' });
    const identity = identityOf({ process, container: container(labels) });
    expect(identity).toMatchObject({ service, instance, evidence: { kind: 'container' } });
  });

  test('a container without labels and name leaves the word to the process', () => {
    expect(identityOf({ process: seen(['nginx']), container: container({}, null) })?.service).toBe('unknown/nginx');
  });

  test('a systemd unit goes before the PM2 name and the command', () => {
    const process = seen(['node', 'x.js'], { unit: 'mana@3050.service', environment: { pm2Name: 'other' } });
    expect(identityOf({ process })).toMatchObject({
      service: 'unknown/mana',
      evidence: { kind: 'systemd', detail: 'mana@3050.service' },
    });
  });

  test.each(['pm2-root.service', 'ssh.service', 'docker.service', 'cron.service', 'getty@tty1.service'])(
    '%s runs what others gave it, so it names nobody',
    (unit) => {
      const process = seen(['node', '/srv/x/tide.js'], { unit, environment: { pm2Name: 'tide-pm2' } });
      expect(identityOf({ process })).toMatchObject({
        service: 'unknown/tide-pm2',
        evidence: { kind: 'pm2' },
      });
    },
  );

  test('a manifest goes before the command, and all of it must hold', () => {
    const manifests = [
      { service: 'mana/never' },
      { service: 'mana/other', cwd: '/srv/mana', command: 'other.js' },
      { service: 'mana/mana-sync', labels: { api: 3050, health: 3051 }, cwd: '/srv/mana/' },
    ];
    const process = seen(['node', 'server.js'], { cwd: '/srv/mana/sync' });
    expect(identityOf({ process }, manifests)).toMatchObject({
      service: 'mana/mana-sync',
      label: 'api',
      evidence: { kind: 'manifest', detail: 'cwd /srv/mana/sync' },
    });
    expect(identityOf({ process, port: 3051 }, manifests)?.label).toBe('health');
    expect(identityOf({ process, port: 9229 }, manifests)).toMatchObject({ service: 'mana/mana-sync', label: null });
    const elsewhere = seen(['nginx'], { cwd: '/srv/mana-other' });
    expect(identityOf({ process: elsewhere }, manifests)?.evidence.kind).toBe('command');
  });

  test('with nothing seen there is no identity', () => {
    expect(identityOf({ process: null })).toBeNull();
  });
});

test('any text becomes a name or nothing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const name = cleanName(text);
      if (/[A-Za-z0-9]/.test(text)) expect(Name.safeParse(name).success).toBe(true);
      else expect(name).toBeNull();
    }),
  );
});

test('any command line gives an identity that the wire contract takes', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.string(), fc.string(), (argv, command, cwd) => {
      const identity = identityOf({ process: seen(argv, { command, cwd }) });
      if (identity) expect(ServiceId.safeParse(identity.service).success).toBe(true);
      expect(identity?.evidence.detail.length ?? 0).toBeLessThanOrEqual(300);
    }),
  );
});
