import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PlanRequest } from '@portolan/model';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { chartOf } from '../check/chart.ts';
import { subjectOfTree } from '../check/tree-subject.ts';
import { declarationOf } from './declaration.ts';
import { exportFormats } from './export.ts';

const files = {
  'portolan.yaml': `project: shop
ranges:
  shop: { ports: 4000-4099, owner: shop, reserved: [{ ports: 4090-4099, reason: later }] }
services:
  cart:
    description: '=HYPERLINK("http://x"), "quoted"'
    hosts: [alpha, 10.0.0.7]
    endpoints: { api: { port: 4001 }, dns: { port: 4003, protocol: udp } }
    dependencies: [pay]
  pay: { internalOnly: true, endpoints: { default: { port: 4002 } } }
  clock: { endpoints: { default: { port: none } } }
`,
  'compose.yaml': `services:
  cart:
    image: cart
    ports: ["127.0.0.1:4001:80", "4003:53/udp"]
  pay:
    image: pay
    expose: ["4002"]
`,
};
const chart = chartOf(subjectOfTree(files));

test('an env file has a variable for each port', () => {
  expect(exportFormats.env(chart).split('\n').slice(1)).toEqual([
    'CART_API_PORT=4001',
    'CART_DNS_PORT=4003',
    'PAY_PORT=4002',
    '',
  ]);
  const twins = subjectOfTree({
    'portolan.yaml':
      'project: p\nservices:\n  a-b: { endpoints: { default: { port: 1 } } }\n  a.b: { endpoints: { default: { port: 2 } } }\n',
  });
  expect(() => exportFormats.env(chartOf(twins))).toThrow(/would both be A_B_PORT/);
});

test('a compose override takes the place of the lists of ports, with address, inside port and protocol', () => {
  const text = exportFormats.compose(chart);
  expect(text).toContain('ports: !override');
  const value = parse(text, {
    customTags: [{ tag: '!override', collection: 'seq' as const, resolve: (items: unknown) => items }],
  });
  expect(value).toEqual({ services: { cart: { ports: ['127.0.0.1:4001:80', '4003:53/udp'] }, pay: { ports: [] } } });
});

test('the module for PM2 is one, with the ports and the environment of each service', () => {
  const directory = mkdtempSync(join(tmpdir(), 'portolan-pm2-'));
  try {
    writeFileSync(join(directory, 'ports.cjs'), exportFormats.pm2(chart));
    expect(createRequire(import.meta.url)(join(directory, 'ports.cjs'))).toEqual({
      cart: { ports: { api: 4001, dns: 4003 }, env: { PORT: 4001, DNS_PORT: 4003 } },
      pay: { ports: { default: 4002 }, env: { PORT: 4002 } },
    });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('Prometheus has the targets of TCP on their hosts', () => {
  expect(JSON.parse(exportFormats.prometheus(chart))).toEqual([
    { targets: ['alpha:4001', '10.0.0.7:4001'], labels: { project: 'shop', service: 'cart', endpoint: 'api' } },
    { targets: ['localhost:4002'], labels: { project: 'shop', service: 'pay', endpoint: 'default' } },
  ]);
});

test('CSV has a row for each endpoint, and no cell that a spreadsheet runs', () => {
  const [head, first, , third, fourth] = exportFormats.csv(chart).split('\r\n');
  expect(head).toBe('project,service,label,protocol,port,range,status,runtime,hosts,description');
  expect(first).toBe(`shop,cart,api,tcp,4001,shop,,,alpha 10.0.0.7,"'=HYPERLINK(""http://x""), ""quoted"""`);
  expect(third).toBe('shop,pay,default,tcp,4002,shop,,,,');
  expect(fourth).toBe('shop,clock,default,tcp,none,,,,,');
});

test('JSON has every endpoint', () => {
  const { project, endpoints } = JSON.parse(exportFormats.json(chart));
  expect(project).toBe('shop');
  expect(endpoints).toHaveLength(4);
  expect(endpoints[0]).toMatchObject({
    service: 'shop/cart',
    label: 'api',
    port: 4001,
    range: 'shop',
    hosts: ['alpha', '10.0.0.7'],
  });
});

test('the declaration is one that the registry takes; what is reserved is kept there', () => {
  const declared = PlanRequest.parse(declarationOf(chart.manifest));
  expect(declared.ranges[0]!.reserved).toEqual([{ from: 4090, to: 4099, reason: 'later' }]);
  expect(declared.blocks).toEqual([]);
  expect(declared.services.map(({ name, endpoints }) => [name, endpoints.length])).toEqual([
    ['cart', 2],
    ['pay', 1],
    ['clock', 1],
  ]);
  expect(declared.services[0]!.dependencies).toEqual(['shop/pay']);
});

test('nothing that files or plans say adds a line, a key or a formula to what is exported', () => {
  const hostile = 'x\\nEVIL=1\\r\\n=cmd()|A1\\n- evil: true\\u2028';
  const tree = subjectOfTree({
    'portolan.yaml': `project: shop
services:
  cart:
    description: "${hostile}"
    runtime: "${hostile}"
    hosts: ["h\\nEVIL: 1"]
    endpoints: { api: { port: 4001, purpose: "=1+1\\nEVIL=1" } }
`,
    'compose.yaml': `services:
  "cart\\nEVIL=1":
    container_name: cart
    ports: [{ target: 80, published: 4001, host_ip: "127.0.0.1\\nEVIL: 1" }]
`,
  });
  const evil = chartOf(tree);
  expect(exportFormats.env(evil)).toMatch(/^# Ports of shop.*\nCART_PORT=4001\n$/);
  const compose = exportFormats.compose(evil);
  const tags = [{ tag: '!override', collection: 'seq' as const, resolve: (items: unknown) => items }];
  expect(Object.keys(parse(compose, { customTags: tags }))).toEqual(['services']);
  expect(compose).not.toMatch(/^\s*-?\s*EVIL/m);
  expect(exportFormats.pm2(evil)).not.toMatch(/^EVIL/m);
  for (const format of ['json', 'prometheus'] as const)
    expect(() => JSON.parse(exportFormats[format](evil))).not.toThrow();
  const [, ...rows] = exportFormats.csv(evil).split('\r\n');
  // A quoted field may hold line breaks; outside of quotes each line is ours.
  const outside = rows.join('\r\n').replace(/"(?:[^"]|"")*"/g, '');
  expect(outside).not.toMatch(/EVIL|=/);
});
