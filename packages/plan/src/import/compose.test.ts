import { describe, expect, test } from 'vitest';
import { read, said } from './reading.fixture.ts';

const service = (lines: string) => `services:\n  web:\n${lines.replace(/^/gm, '    ')}\n`;
const binds = (text: string, others = {}) =>
  said('compose.yaml', text, others).filter((line) => line.startsWith('binds'));

describe('the short form', () => {
  test.each([
    ['"8080:80"', ['binds 8080 <80 web']],
    ['8080:80', ['binds 8080 <80 web']],
    ['"127.0.0.1:8080:80"', ['binds 8080 <80 127.0.0.1 web']],
    ['"[::1]:8080:80/udp"', ['binds 8080 udp <80 [::1] web']],
    ['"6060:6060/udp"', ['binds 6060 udp <6060 web']],
    ['"3000"', []],
    ['"127.0.0.1::80"', []],
    ['"3000-3002:4000-4002"', ['binds 3000 <4000 web', 'binds 3001 <4001 web', 'binds 3002 <4002 web']],
    ['"$' + '{PORT:-3001}:80"', ['binds 3001 <80 web']],
    ['"$' + '{A:-$' + '{B:-3002}}:80"', ['binds 3002 <80 web']],
    ['"$' + '{ADDRESS:-127.0.0.1}:3003:80"', ['binds 3003 <80 $' + '{ADDRESS:-127.0.0.1} web']],
  ])('%s', (entry, wanted) => {
    expect(binds(service(`ports:\n  - ${entry}`))).toEqual(wanted);
  });
});

test('the long form has labels, protocols and addresses', () => {
  const text = service(
    'ports:\n  - target: 9090\n    published: "9464"\n    protocol: udp\n    host_ip: 10.0.0.1\n    name: metrics',
  );
  expect(binds(text)).toEqual(['binds 9464 udp metrics <9090 10.0.0.1 web']);
});

test('a variable is that of the .env beside it, and the default holds where it is not set', () => {
  const text = service('ports: ["$' + '{API_PORT:-3001}:80"]');
  expect(binds(text, { '.env': 'X=1\nAPI_PORT=4001\n' })).toEqual([
    'binds 4001 <80 web',
    'binds 3001 <80 fallback web',
  ]);
  const [fact] = read('compose.yaml', text, { '.env': 'X=1\nAPI_PORT=4001\n' }).facts.filter(
    ({ kind }) => kind === 'binds',
  );
  expect(fact).toMatchObject({ variable: 'API_PORT', place: { file: '.env', line: 2, column: 10 } });
  expect(binds(text, { '.env.example': 'API_PORT=5001' })[0]).toBe('binds 5001 <80 web likely');
});

test('a variable that nobody sets is told, not guessed', () => {
  const { facts, notes } = read('compose.yaml', service('ports: ["$' + '{API_PORT}:80"]'));
  expect(facts.filter(({ kind }) => kind === 'binds')).toEqual([]);
  expect(notes).toMatchObject([{ text: expect.stringContaining('API_PORT'), place: { line: 3 } }]);
});

test('ports inside the container are no ports of the host', () => {
  const text = service(
    'expose: [6379, "7000/udp"]\nenvironment:\n  PORT: 3000\n  HEALTH_PORT: 3001\ncommand: server --port 4000',
  );
  expect(said('compose.yaml', text)).toEqual([
    'internal 6379 web',
    'internal 7000 udp web',
    'internal 3000 web',
    'internal 3001 health web',
    'internal 4000 web',
  ]);
});

test('a port variable that is named for its own service is the port of that', () => {
  const text =
    'services:\n  flower: { environment: { FLOWER_PORT: 5555, AUTH_PORT: 3001 } }\n  redis-node-1: { network_mode: host, environment: { REDIS_PORT_NUMBER: 6371, DB_PORT: 5432 } }\n';
  expect(said('compose.yaml', text)).toEqual(['internal 5555 flower', 'binds 6371 redis-node-1']);
});

test('with the network of the host they are', () => {
  const text = service('network_mode: host\nenvironment: ["PORT=3000"]');
  expect(said('compose.yaml', text)).toEqual(['binds 3000 web']);
});

test('addresses in the environment are references by the service', () => {
  const text = service('environment:\n  AUTH_URL: http://auth:3001/v1\n  DB: postgres://u:p@localhost:5432/x');
  expect(said('compose.yaml', text)).toEqual(['refers 3001 auth/network auth+auth', 'refers 5432 localhost/host']);
});

test('anchors and merge keys give each service what it merges', () => {
  const text =
    'x-web: &web\n  environment: &env { PORT: 80 }\n  depends_on: [db]\nservices:\n  a:\n    <<: *web\n    ports: ["8001:80"]\n' +
    '  b:\n    <<: [*web]\n    environment: { <<: *env, HEALTH_PORT: 81 }\n    ports: ["8002:80"]\n';
  const { facts, notes } = read('compose.yaml', text);
  expect(notes).toEqual([]);
  expect(said('compose.yaml', text).filter((line) => / [ab]$/.test(line))).toEqual([
    'internal 80 a',
    'binds 8001 <80 a',
    'internal 80 a',
    'internal 80 b',
    'binds 8002 <80 b',
    'internal 81 health b',
    'internal 80 b',
  ]);
  expect(facts.filter(({ kind }) => kind === 'depends').map(({ names }) => names[0]!.name)).toEqual(['a', 'b']);
});

test('names, folder, profiles, replicas and hosts come along', () => {
  const text = service(
    'container_name: web-1\nbuild: { context: ., dockerfile: services/web/Dockerfile }\nprofiles: [gpu]\nports: ["1:1", "8080:80"]\n' +
      'deploy: { replicas: 3, placement: { constraints: ["node.hostname == box"] } }',
  );
  const { facts } = read('compose.yaml', text);
  expect(facts.find(({ kind }) => kind === 'named')!.names).toEqual([
    { name: 'web', from: 'compose' },
    { name: 'web-1', from: 'container' },
    { name: 'services/web', from: 'directory' },
  ]);
  expect(facts).toContainEqual(expect.objectContaining({ kind: 'describes', what: 'replicas', value: '3' }));
  expect(facts).toContainEqual(expect.objectContaining({ kind: 'describes', what: 'host', value: 'box' }));
  expect(facts).toContainEqual(expect.objectContaining({ kind: 'binds', port: 8080, profiles: ['gpu'] }));
});

test('a container that starts what is in a folder is of that folder', () => {
  const folders = (command: string) =>
    read('compose.yaml', service(`build: { context: ., dockerfile: docker/dev.Dockerfile }\ncommand: ${command}`), {
      'web/package.json': '{}',
    })
      .facts.find(({ kind }) => kind === 'named')!
      .names.slice(1);
  expect(folders('npm run --prefix web start')).toEqual([{ name: 'web', from: 'directory' }]);
  expect(folders('npm run --prefix /app/web start')).toEqual([{ name: 'docker', from: 'directory' }]);
  expect(folders('npm run --prefix none start')).toEqual([{ name: 'docker', from: 'directory' }]);
});

test('a service that extends one of another file publishes its ports, there', () => {
  const others = { 'base.yaml': 'services:\n  base:\n    ports: ["9000:90"]\n' };
  const { facts } = read('compose.yaml', service('extends: { file: base.yaml, service: base }'), others);
  expect(facts).toContainEqual(
    expect.objectContaining({
      kind: 'binds',
      port: 9000,
      place: expect.objectContaining({ file: 'base.yaml', line: 3 }),
    }),
  );
});

test('a file for one environment says so', () => {
  expect(said('docker-compose.dev.yml', service('ports: ["8080:80"]'))).toContain('binds 8080 <80 dev web');
});

test('ports that are reset are none', () => {
  expect(said('compose.override.yaml', service('ports: !reset []'))).toEqual([]);
});

test('thousands of ports at once are told, and are no plan of single ports', () => {
  const { facts, notes } = read('compose.yaml', service('ports: ["10000-20000:10000-20000/udp"]'));
  expect(facts.filter(({ kind }) => kind === 'binds')).toEqual([]);
  expect(notes[0]!.text).toContain('10001 ports');
});

test('an address of all interfaces is one that the container listens at', () => {
  const text = service('environment:\n  PROMETHEUS_ENDPOINT: 0.0.0.0:8000\n  PEER: http://peer:8001');
  expect(said('compose.yaml', text)).toEqual(['internal 8000 metrics web', 'refers 8001 peer/network peer']);
});
