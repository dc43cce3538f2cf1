import type { HostListener } from '@portolan/model';
import { describe, expect, test } from 'vitest';
import { check } from './check.ts';
import type { PlanFinding } from './finding.ts';
import type { Live } from './live.ts';
import { subjectOfTree } from './tree-subject.ts';

const idsOf = (findings: readonly PlanFinding[]) => findings.filter(({ doubt }) => !doubt).map(({ id }) => id);
const checked = (files: Record<string, string>, live?: Live) => check(subjectOfTree(files, live));

const plan = `project: shop
ranges:
  shop: { ports: 4000-4099, owner: shop }
services:
  cart:
    status: required
    endpoints: { default: { port: 4001 } }
  pay:
    internalOnly: true
    endpoints: { default: { port: 4002 } }
`;

describe('without a plan, what may be in order is in doubt and counts for nothing', () => {
  test('defaults of sources that one stronger than they overrides, or that are inside of containers', () => {
    const files = {
      'compose.yaml':
        'services:\n  cart:\n    build: ./cart\n    ports: ["4001:3000"]\n  pay:\n    build: ./pay\n    ports: ["4002:3000"]\n',
      'cart/package.json': '{"name":"cart"}',
      'cart/index.js': 'app.listen(process.env.PORT || 3000);\n',
      'pay/package.json': '{"name":"pay"}',
      'pay/index.js': 'app.listen(process.env.PORT || 3000);\n',
    };
    expect(checked(files)).toEqual([]);
  });

  test('examples beside one another that use the same port', () => {
    const compose = (name: string) => `services:\n  ${name}:\n    build: .\n    ports: ["8080:8080"]\n`;
    const findings = checked({ 'one/compose.yaml': compose('one'), 'two/compose.yaml': compose('two') });
    expect(idsOf(findings)).toEqual([]);
  });

  test('the same file for another environment', () => {
    const files = {
      'compose.yaml': 'services:\n  cart:\n    image: cart\n    ports: ["4001:80"]\n',
      'compose.prod.yaml': 'services:\n  cart:\n    image: cart\n    ports: ["80:80"]\n',
    };
    expect(idsOf(checked(files))).toEqual([]);
  });
});

test('services of one compose file with one port collide, those of different profiles perhaps', () => {
  const service = (name: string, more = '') => `  ${name}:\n    image: x/${name}\n    ports: ["4001:80"]\n${more}`;
  expect(idsOf(checked({ 'compose.yaml': `services:\n${service('cart')}${service('pay')}` }))).toEqual([
    'collision:tcp:4001:cart+pay',
  ]);
  const profiles = `services:\n${service('cart', '    profiles: [a]\n')}${service('pay', '    profiles: [b]\n')}`;
  expect(idsOf(checked({ 'compose.yaml': profiles }))).toEqual([]);
  const elsewhere = { 'other/compose.yaml': `services:\n${service('till')}` };
  expect(idsOf(checked({ 'compose.yaml': profiles, ...elsewhere }))).toEqual([]);
});

test('compose files that publish one service at one port are used in turn, and their other services never meet', () => {
  const file = (...names: string[]) =>
    `services:\n${names.map((name) => `  ${name}:\n    image: x/${name}\n    ports: ["${name === 'ui' ? 8080 : 7233}:80"]\n`).join('')}`;
  const files = { 'compose.yaml': file('cart', 'ui'), 'compose.full.yaml': file('pay', 'ui') };
  const written = (services: string) => ({
    'portolan.yaml': `project: shop\nservices:\n${services}`,
  });
  const one = (name: string, port: number, more = '') =>
    `  ${name}:\n    endpoints: { default: { port: ${port}${more} } }\n`;
  const plan = written(one('cart', 7233) + one('pay', 7233) + one('ui', 8080));
  expect(idsOf(checked({ ...files, ...plan }))).toEqual([]);
  const apart = { 'compose.yaml': file('cart'), 'compose.full.yaml': file('pay') };
  expect(idsOf(checked({ ...apart, ...plan }))).toEqual(['collision:tcp:7233:cart+pay']);
});

test('Prometheus in a container asks itself on localhost', () => {
  const files = {
    'compose.yaml': 'services:\n  prometheus:\n    image: prom/prometheus\n    ports: ["9091:9090"]\n',
    'prometheus.yml': "scrape_configs:\n- job_name: prometheus\n  static_configs:\n  - targets: ['localhost:9090']\n",
  };
  expect(idsOf(checked(files))).toEqual([]);
});

test('services for different environments collide perhaps, two of one environment among them do', () => {
  const compose = (name: string) => `services:\n  ${name}:\n    image: x/${name}\n    ports: ["4001:80"]\n`;
  const apart = { 'compose.dev.yaml': compose('cart'), '.devcontainer/compose.yaml': compose('pay') };
  const manifest = `project: shop\nservices:\n${['cart', 'pay', 'till'].map((name) => `  ${name}: { endpoints: { default: { port: 4001 } } }\n`).join('')}`;
  expect(idsOf(checked({ ...apart, 'portolan.yaml': manifest.replace(/.*till.*\n/, '') }))).toEqual([]);
  const both = { ...apart, 'compose.prod.yaml': compose('till'), 'deploy/compose.prod.yaml': compose('pay') };
  expect(idsOf(checked({ ...both, 'portolan.yaml': manifest }))).toEqual(['collision:tcp:4001:cart+pay+till']);
});

describe('a plan that was drafted from the very files has what a maintainer would agree with', () => {
  const planOf = (ports: Record<string, number>) =>
    `project: shop\nservices:\n${Object.entries(ports)
      .map(([name, port]) => `  ${name}: { endpoints: { default: { port: ${port} } } }\n`)
      .join('')}`;

  test('the databases of two set-ups are one or the other', () => {
    const compose = (name: string, image: string) =>
      `services:\n  ${name}: { image: ${image}, ports: ["5432:5432"] }\n`;
    const files = (image: string) => ({
      'compose.yaml': compose('cart-db', 'postgres:16'),
      'pay/compose.yaml': compose('pay-db', image),
      'portolan.yaml': planOf({ 'cart-db': 5432, 'pay-db': 5432 }),
    });
    expect(idsOf(checked(files('postgres:15')))).toEqual([]);
    expect(idsOf(checked(files('mysql')))).toEqual(['collision:tcp:5432:cart-db+pay-db']);
  });

  test('compose files of two folders are two set-ups, each with ports of its own', () => {
    const compose = (first: number, second: number) =>
      `services:\n  cart: { image: cart, ports: ["${first}:80"] }\n  pay: { image: pay, ports: ["${second}:90"] }\n`;
    const files = {
      'compose.yaml': compose(4001, 4002),
      'hosting/compose.yaml': compose(4011, 4001),
      'portolan.yaml': planOf({ cart: 4001, pay: 4002 }),
    };
    expect(idsOf(checked(files))).toEqual([]);
    expect(idsOf(checked({ ...files, 'compose.yaml': compose(4001, 4001) }))).toContain('collision:tcp:4001:cart+pay');
  });

  test('a dev server, a script beside a container and a default beside one may have ports of their own', () => {
    const files = {
      'compose.yaml': 'services:\n  cart: { build: ./cart, ports: ["4001:4001"] }\n',
      'cart/package.json': '{"name":"cart","scripts":{"start":"serve -p 4011","docker:start":"serve -p 80"}}',
      'cart/vite.config.ts': 'export default defineConfig({ server: { port: 4012 } })',
      'pay/package.json': '{"name":"pay"}',
      'pay/index.ts': 'app.listen(process.env.PORT || 4001);',
      'portolan.yaml': planOf({ cart: 4001, pay: 4001 }),
    };
    expect(idsOf(checked(files))).toEqual([]);
  });

  test('a container of the whole tree may publish what is in a folder of it, one of another folder does not', () => {
    const files = (build: string) => ({
      'compose.yaml': `services:\n  all: { build: ${build}, ports: ["4001:4001", "4002:4002"] }\n`,
      Dockerfile: 'FROM node\n',
      'pay/Dockerfile': 'FROM node\n',
      'cart/package.json': '{"name":"cart","scripts":{"start":"serve -p 4002"}}',
      'portolan.yaml':
        'project: shop\nservices:\n  all: { endpoints: { default: { port: 4001 }, p4002: { port: 4002 } } }\n  cart: { endpoints: { default: { port: 4002 } } }\n',
    });
    expect(idsOf(checked(files('.')))).not.toContainEqual(expect.stringContaining('collision'));
    expect(idsOf(checked(files('./pay')))).toContainEqual(expect.stringContaining('collision:tcp:4002'));
  });

  test('where a variable says what is published, another file may set it', () => {
    const port = '$' + '{CART_PORT:-80}';
    const files = {
      'compose.yaml': `services:\n  cart: { build: ./cart, ports: ["${port}:${port}"] }\n`,
      'cart/package.json': '{"name":"cart"}',
      'cart/env.ts': 'const port = getEnv("CART_PORT", "4001");',
      'portolan.yaml': planOf({ cart: 80 }),
    };
    expect(idsOf(checked(files))).toEqual([]);
  });

  test('inside of networks somebody may listen where nothing is published', () => {
    const files = {
      'compose.yaml':
        'services:\n  cart: { build: ./cart, ports: ["4001:4001"], environment: { MAIL_URL: "smtp://mail:1025", PAY_URL: "http://pay:3000" } }\n' +
        '  mail: { image: mailer, ports: ["4080:1080"] }\n  pay: { image: shop/pay }\n',
      'compose.dev.yaml': 'services:\n  pay: { build: ./pay, ports: ["4002:4002"] }\n',
      'cart/package.json': '{"name":"cart"}',
      'pay/package.json': '{"name":"pay"}',
      'prometheus.yml': 'scrape_configs: [{ job_name: a, static_configs: [{ targets: ["cart:9464", "cart:4005"] }] }]',
      'portolan.yaml': planOf({ cart: 4001, mail: 4080, pay: 4002 }),
    };
    expect(idsOf(checked(files))).toEqual(['stale-mention:cart:4005']);
  });

  test('an address in a variable may lead to whoever has its port', () => {
    const files = {
      'web/package.json': '{"name":"web","scripts":{"start":"serve -p 4001"}}',
      'cart/package.json': '{"name":"cart","scripts":{"start":"serve -p 4002"}}',
      'web/.env': 'CART_URL=http://localhost:4001/api\n',
      'portolan.yaml': planOf({ web: 4001, cart: 4002 }),
    };
    expect(idsOf(checked(files))).toEqual([]);
    expect(idsOf(checked({ ...files, 'web/.env': 'CART_URL=http://localhost:4009\n' }))).toEqual([
      'stale-mention:cart:4009',
    ]);
  });
});

test('a service on another host collides tomorrow, which is a warning', () => {
  const on = (host: string) => `\n    hosts: [${host}]\n    endpoints: { default: { port: 4001 } }`;
  const [finding] = checked({ 'portolan.yaml': `project: shop\nservices:\n  cart:${on('a')}\n  pay:${on('b')}\n` });
  expect(finding).toMatchObject({ kind: 'collision', severity: 'warning' });
  expect(finding!.summary).toContain('different hosts today');
});

test('a service of another project with the same port collides, and who it is is told', () => {
  const subject = subjectOfTree({ 'portolan.yaml': plan });
  const { manifest } = subjectOfTree({ 'portolan.yaml': plan.replaceAll('shop', 'bank').replace('cart', 'till') });
  const findings = check({ ...subject, others: [manifest] });
  expect(idsOf(findings)).toEqual(['collision:tcp:4001:bank/till+cart', 'collision:tcp:4002:bank/pay+pay']);
});

test('a service that files start and the plan does not have is told', () => {
  const compose = 'services:\n  extra:\n    image: x\n    ports: ["4050:80"]\n';
  expect(idsOf(checked({ 'portolan.yaml': plan, 'compose.yaml': compose }))).toEqual(['unregistered:extra:default']);
});

test('findings keep their id when lines move, so that a baseline holds', () => {
  const files = { 'portolan.yaml': plan, 'cart/.env.example': 'PORT=4011\n', 'cart/package.json': '{"name":"cart"}' };
  const before = idsOf(checked(files));
  expect(before).toEqual(['drift:cart:default:4011']);
  expect(idsOf(checked({ ...files, 'cart/.env.example': '# a comment\n\nPORT=4011\n' }))).toEqual(before);
});

describe('beside the fleet', () => {
  const host = { id: 'h1', name: 'alpha' } as Live['hosts'][number];
  const nobody: Live = { hosts: [host], listeners: [], assignments: [], health: [] };
  const listener = (service: string | null, port: number, address = '127.0.0.1') =>
    ({
      host: 'h1',
      protocol: 'tcp',
      address,
      port,
      netns: 'host',
      container: null,
      process: { pid: 77, command: 'node' },
      identity: service === null ? null : { service, label: null, evidence: { kind: 'systemd', detail: '' } },
    }) as HostListener;
  const beside = (live: Partial<Live>) => idsOf(checked({ 'portolan.yaml': plan }, { ...nobody, ...live }));

  test('a required service that listens nowhere is told, one that listens where it should is in order', () => {
    expect(beside({})).toEqual(['not-listening:cart:default']);
    expect(beside({ listeners: [listener('shop/cart', 4001), listener('unknown/pay', 4002)] })).toEqual([]);
  });

  test('a service on another port than planned has drifted', () => {
    expect(beside({ listeners: [listener('shop/cart', 4011)] })).toEqual(['drift:cart:default:observed:4011']);
  });

  test('an internal service on all addresses is exposed', () => {
    const listeners = [listener('shop/cart', 4001), listener('shop/pay', 4002, '0.0.0.0')];
    expect(beside({ listeners })).toEqual(['exposed:pay:default:observed']);
  });

  test('somebody unknown within the ranges of the project is unregistered, elsewhere not its business', () => {
    const listeners = [
      listener('shop/cart', 4001),
      listener('other/x', 4050),
      listener(null, 4051),
      listener(null, 9999),
    ];
    expect(beside({ listeners })).toEqual(['unregistered:tcp:4050', 'unregistered:tcp:4051']);
  });

  test('a health check that fails and a promise of another port are told', () => {
    const assignment = {
      protocol: 'tcp',
      port: 4005,
      endpoint: { project: 'shop', service: 'cart', label: 'default', instance: 1 },
    } as Live['assignments'][number];
    const health = {
      host: 'h1',
      service: 'shop/cart',
      label: 'default',
      state: 'failing',
      detail: 'status 500',
      since: '2026-01-01T00:00:00Z',
      check: { kind: 'http', port: 4001, path: '/health', name: null },
    } as Live['health'][number];
    const found = beside({ listeners: [listener('shop/cart', 4001)], assignments: [assignment], health: [health] });
    expect(found).toEqual(['drift:cart:default:promised:4005', 'health-failing:cart:default']);
  });
});
