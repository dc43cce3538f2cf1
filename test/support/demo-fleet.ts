import type { PortolanClient } from '@portolan/client';
import type { Listener, PlanInput } from '@portolan/model';
import { ToldHost, toldListener } from './told-host.ts';

const SHOP = [
  ['web', 41_000, 'Shop front', 'node 24', ['cart', 'catalog', 'search']],
  ['cart', 41_010, 'Carts and their prices', 'node 24', ['orders', 'sessions']],
  ['catalog', 41_020, 'What is for sale', 'go 1.26', ['catalog-db', 'search']],
  ['search', 41_030, 'Full-text search', 'java 25', []],
  ['orders', 41_040, 'Orders and their states', 'node 24', ['orders-db', 'payments', 'mail']],
  ['payments', 41_050, 'Cards and refunds', 'go 1.26', ['orders-db']],
  ['mail', 41_060, 'Mails to customers', 'python 3.14', []],
  ['orders-db', 41_070, 'Postgres of the orders', 'postgres 18', []],
  ['catalog-db', 41_071, 'Postgres of the catalog', 'postgres 18', []],
  ['sessions', 41_080, 'Sessions', 'redis 8', []],
] as const;

const MANA = ['mana-sync', 'mana-voice-bot', 'mana-media', 'mana-auth', 'mana-llm', 'mana-image-gen'];

/** A fleet to look at: a few projects with plans and ranges, some hosts, and some things that are wrong. */
export async function makeDemoFleet(client: PortolanClient): Promise<ToldHost[]> {
  const interval = (name: string, from: number, to: number, purpose: string, owner: string | null = name) =>
    client.putRange({ name, from, to, purpose, owner, policy: owner === null ? 'dynamic' : 'allocate' });
  await interval('mana', 3000, 3099, 'services of mana');
  await interval('lab', 8100, 8199, 'experiments');
  await interval('games', 27_000, 27_099, 'game servers');
  await interval('scratch', 20_000, 26_999, 'ports for whoever does not care which', null);
  await client.block({ from: 6000, to: 6063, protocol: null, reason: 'X11 displays' });
  await client.block({ from: 8080, to: 8080, protocol: null, reason: 'the proxy of the office' });

  const plan: PlanInput = {
    ranges: [
      {
        name: 'shop',
        from: 41_000,
        to: 41_399,
        purpose: 'the shop and what it needs',
        owner: 'shop',
        policy: 'allocate',
      },
    ],
    services: SHOP.map(([name, port, description, runtime, needs]) => ({
      name,
      description,
      runtime,
      dependencies: needs.map((each) => `shop/${each}`),
      endpoints: [{ label: 'default', port }],
    })),
  };
  await client.declare('shop', plan);
  for (const [i, service] of MANA.entries()) {
    if (i !== 1) await client.reserve({ project: 'mana', service, port: 3010 + 10 * i, purpose: 'the API' });
  }
  for (let i = 0; i < 40; i++) {
    await client.reserve({
      project: i % 3 === 0 ? 'ci' : 'lab',
      service: `job-${i}`,
      ttl: 7200,
      holder: `runner-${i % 7}`,
      range: i % 3 === 0 ? 'scratch' : '8100-8199',
    });
  }

  const hosts = [
    'harbour-1',
    'harbour-2',
    'harbour-3',
    'mole-1',
    'mole-2',
    'lighthouse',
    'ada-laptop',
    'bob-laptop',
  ].map(
    (id, i) =>
      new ToldHost(client, id, {
        addresses: [`10.20.0.${11 + i}`],
        ...(id.endsWith('laptop') && { platform: 'darwin arm64', blindSpots: ['processes of other users (not root)'] }),
      }),
  );
  const [one, two, three, mole1, mole2, light, ada, bob] = hosts as [
    ToldHost,
    ToldHost,
    ToldHost,
    ToldHost,
    ToldHost,
    ToldHost,
    ToldHost,
    ToldHost,
  ];
  const common = () => [
    toldListener('infra/node-exporter', 9100),
    toldListener('infra/sshd', 22, { command: 'sshd' }),
    toldListener('infra/sshd', 22, { command: 'sshd', address: '::', v6only: true }),
  ];
  const shop = (names: readonly string[]) =>
    SHOP.filter(([name]) => names.includes(name)).map(([name, port]) =>
      toldListener(`shop/${name}`, port, compose('shop', name)),
    );
  const scratch = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => toldListener('lab/simulator', from + 3 * i, { command: 'sim' }));
  await one.begin([...common(), ...shop(['web', 'cart', 'catalog']), ...scratch(27_010, 12)]);
  await two.begin([
    ...common(),
    ...shop(['orders', 'payments', 'mail', 'search']),
    toldListener('infra/prometheus', 9090),
  ]);
  await three.begin([
    ...common(),
    ...shop(['orders-db', 'catalog-db', 'sessions']),
    toldListener('infra/grafana', 3300),
  ]);
  await mole1.begin([
    ...common(),
    ...MANA.filter((_, i) => i !== 1).map((name, i) => toldListener(`mana/${name}`, 3010 + 10 * (i < 1 ? i : i + 1))),
  ]);
  await mole2.begin([...common(), toldListener('mana/mana-voice-bot', 3050, { command: 'node', pid: 31_916 })]);
  await light.begin([
    ...common(),
    toldListener('infra/dns', 53, { protocol: 'udp', command: 'unbound' }),
    toldListener('infra/proxy', 8080, { command: 'haproxy' }),
  ]);
  await ada.begin([
    toldListener('shop/web', 5173, { command: 'node', address: '127.0.0.1' }),
    toldListener(null, 8102, { command: 'python3', address: '127.0.0.1' }),
    toldListener('blog/dev', 4321, { address: '127.0.0.1' }),
  ]);
  await bob.begin([toldListener('notes/dev', 4321, { command: 'node', address: '127.0.0.1', pid: 5120 })]);
  // Two services on one host and one port: one of them takes the other's traffic.
  await three.change([toldListener('infra/loki', 3300, { command: 'loki', pid: 2210 })], []);
  await bob.leave();
  return hosts;
}

function compose(project: string, service: string): Partial<Listener> {
  return {
    container: {
      id: 'a1b2c3d4e5f6',
      name: `${project}-${service}-1`,
      image: `registry.example/${project}/${service}:4.2`,
      publishes: 8080,
    },
    identity: {
      service: `${project}/${service}`,
      label: null,
      instance: null,
      evidence: { kind: 'container', detail: `com.docker.compose.service=${service}` },
    },
  };
}
