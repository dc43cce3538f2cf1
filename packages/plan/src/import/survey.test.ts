import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Survey, survey } from './survey.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'portolan-survey-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function tree(files: Record<string, string | Buffer>, fileTime = 60_000): Survey {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return survey([root], { project: 'mana', fileTime });
}

/** `name:label` with the port, as the manifest would have it. */
function endpoints(found: Survey): string[] {
  return found.services.flatMap(({ name, endpoints: own }) =>
    own.map(
      ({ label, port, planned }) => `${name}:${label} ${port}${planned === undefined ? '' : ` planned ${planned}`}`,
    ),
  );
}

const notes = (found: Survey, file: string) =>
  found.notes.filter(({ place }) => place.file === file).map(({ text }) => text);
const facts = (found: Survey, file: string) => found.facts.filter(({ place }) => place.file === file);

describe('one service by many names', () => {
  test('an image is built from the only folder that is called so', () => {
    const found = tree({
      'compose.yaml': 'services:\n  auth:\n    image: acme/mana-auth-server:1.2\n    ports: ["8888:8888"]\n',
      'mana-auth-server/pom.xml': '<project/>',
      'mana-auth-server/src/main/resources/application.yml': 'server.port: 8888\n',
      'cache/Dockerfile': 'FROM redis\n',
      'infra/compose.yaml': 'services:\n  store:\n    image: cache\n    ports: ["6379:6379"]\n',
    });
    expect(endpoints(found)).toEqual(['auth:default 8888', 'store:default 6379']);
  });

  test('a service that is built where another one is called so does not take its name', () => {
    const found = tree({
      '.env': 'WEB_DOCKERFILE=./src/web/Dockerfile\n',
      'compose.yaml':
        'services:\n  web:\n    build: { context: ., dockerfile: "$' + '{WEB_DOCKERFILE}" }\n    ports: ["8080:80"]\n',
      'compose.tests.yaml':
        'services:\n  webTests:\n    container_name: web-tests\n    build: { context: ., dockerfile: src/web/Dockerfile.tests }\n',
      'shop/compose.yaml': 'services:\n  api:\n    image: acme/other\n    ports: ["8081:80"]\n',
      'shop/compose.tests.yaml': 'services:\n  probe:\n    build: ./api\n',
      'src/web/Dockerfile': 'FROM node\n',
      'shop/api/Dockerfile': 'FROM node\n',
    });
    expect(endpoints(found)).toEqual(['api:default 8081', 'web:default 8080']);
    expect(found.services.map(({ name }) => name)).toEqual(['api', 'probe', 'web', 'web-tests']);
  });

  test('files of several folders that start things of their own by one name start several services', () => {
    const run = (port: number) =>
      `version: 1\napps:\n- appID: orders\n  appDirPath: ./orders/\n  appPort: ${port}\n  daprHTTPPort: ${port + 1000}\n- appDirPath: ../../x\n  appPort: 1\n`;
    const built = (port: number) => `services:\n  basket:\n    build: ./basket\n    ports: ["${port}:80"]\n`;
    const found = tree({
      'one/dapr.yaml': run(5001),
      'two/dapr.yaml': run(5002),
      'one/compose.yaml': built(8001),
      'two/compose.yaml': built(8002),
      'two/compose.prod.yaml': built(80),
    });
    expect(endpoints(found)).toEqual([
      'one-basket:default 8001',
      'one-orders:default 5001',
      'one-orders:dapr-http 6001',
      'two-basket:default 8002',
      'two-orders:default 5002',
      'two-orders:dapr-http 6002',
    ]);
  });

  test('a name that packages of several folders have, or a label of several workloads, is that of none', () => {
    const workload = (name: string) =>
      `kind: Deployment\napiVersion: apps/v1\nmetadata: { name: ${name}, labels: { app: blog } }\n---\n`;
    const service = (selector: string) =>
      `kind: Service\napiVersion: v1\nmetadata: { name: pages-external }\nspec:\n  selector: { ${selector} }\n  ports: [{ port: 80, nodePort: 30001 }]\n`;
    const found = tree({
      'one/orders/package.json': '{"name":"orders"}',
      'one/orders/index.js': 'app.listen(5001)',
      'two/orders/package.json': '{"name":"orders"}',
      'two/orders/index.js': 'app.listen(5002)',
      'k8s/blog.yaml': workload('blog-web') + workload('blog-db'),
      'k8s/pages.yaml': `kind: Deployment\napiVersion: apps/v1\nmetadata: { name: pages }\n---\n${service('app: pages')}`,
    });
    expect(found.services.map(({ name }) => name)).toEqual([
      'blog-db',
      'blog-web',
      'one-orders',
      'pages',
      'two-orders',
    ]);
    expect(endpoints(found)).toEqual(['one-orders:default 5001', 'pages:default 30001', 'two-orders:default 5002']);
  });

  test('a program is called as its settings say; a command starts what its paths lead to', () => {
    const found = tree({
      'mana-vets-service/pom.xml': '',
      'mana-vets-service/src/main/resources/application.yml': 'spring:\n  application:\n    name: vets\n',
      'run.sh': 'nohup java -jar ./mana-vets-service/target/*.jar --server.port=8083 &\nnode ../x/y.js --port 3000\n',
    });
    expect(endpoints(found)).toEqual(['mana-vets-service:default 8083']);
    expect(found.services[0]?.aliases).toContain('vets');
    expect(facts(found, 'run.sh').map(({ sure }) => sure)).toEqual(['certain', 'unsure']);
  });

  test('a name of a document that is another one but for plain words is doubted, as is one whose port several have', () => {
    const found = tree({
      'compose.yaml':
        'services:\n  grafana-server:\n    image: grafana\n    ports: ["3030:3000"]\n  temporal:\n    image: t\n    ports: ["7233:7233"]\n',
      'other.compose.yaml': 'services:\n  temporal-nginx:\n    image: nginx\n    ports: ["7233:7233"]\n',
      'README.md':
        '# Start\n\n* Grafana Dashboards - http://localhost:3000\n\nIt exposes the gRPC Frontend on port 7233.\n',
    });
    expect(found.services.map(({ name }) => name)).toEqual(['grafana-server', 'temporal', 'temporal-nginx']);
    const why = facts(found, 'README.md').map((fact) => fact.why);
    expect(why).toContain('"Grafana Dashboards" may be grafana-server, which has 3030: if it is, 3000 is wrong');
  });

  test('compose service, folder, package, container, target, unit and document are one', () => {
    const found = tree({
      'docker-compose.yml':
        'services:\n  mana_sync:\n    container_name: mana-sync-prod\n    build: ./services/mana-sync\n    ports: ["3050:3050"]\n',
      'services/mana-sync/go.mod': '',
      'services/mana-sync/main.go': 'port := getEnv("PORT", "3050")',
      'services/auth/src/index.ts': "const url = process.env.MANA_SYNC_URL || 'http://localhost:3050';",
      'services/auth/package.json': '{"name":"@mana/auth"}',
      'prometheus.yml': 'scrape_configs: [{ job_name: sync, static_configs: [{ targets: ["mana-sync:3050"] }] }]',
      'mana-sync.service': '[Service]\nEnvironment=PORT=3050\n',
      'docs/ports.md': '| Service | Port |\n|---|---|\n| Mana Sync | 3050 |\n',
    });
    expect(endpoints(found)).toEqual(['mana-sync:default 3050']);
    expect(found.services[0]).toMatchObject({ directory: 'services/mana-sync' });
    expect(found.services[0]!.reasons.join(' ')).toContain('docker-compose.yml:5');
    const own = found.facts.filter((fact) => 'port' in fact && fact.port === 3050);
    expect(own.map(({ service }) => service)).toEqual(own.map(() => 'mana-sync'));
    expect(own).toHaveLength(7);
  });

  test('an address of this host is not that of whoever has its number in a container only', () => {
    const found = tree({
      'compose.yaml':
        'services:\n  flags: { build: flags, ports: ["3307:3000"], environment: { ADDRESS: "0.0.0.0:3000" } }\n' +
        '  ui: { image: x, environment: { ORIGINS: "http://localhost:3000" } }\n',
      'flags/Cargo.toml': '[package]\nname = "flags"\n',
      'flags/src/config.rs': '#[envconfig(default = "127.0.0.1:3000")]\npub address: SocketAddr,\n',
    });
    expect(endpoints(found)).toEqual(['flags:default 3307']);
    const references = found.facts.filter(({ kind }) => kind === 'refers');
    expect(references.map(({ service }) => service)).toEqual([undefined]);
    expect(found.facts.filter(({ kind }) => kind === 'internal').map(({ service }) => service)).toEqual([
      'flags',
      'flags',
      'flags',
    ]);
  });

  test.each([
    ['capture', 'capture', 'fallback-capture'],
    ['web', 'web', 'fallback-web'],
  ])('a further stack that builds %s from the same folder has one of its own', (name, first, further) => {
    const found = tree({
      'compose.yaml': `services:\n  ${name}: { build: rust, ports: ["3307:3000"] }\n`,
      'rust/e/fallback/compose.yaml': `services:\n  ${name}: { build: ../.., ports: ["3308:3000"] }\n`,
      'rust/Dockerfile': 'FROM scratch\nEXPOSE 3000\n',
    });
    expect(endpoints(found).sort()).toEqual([`${first}:default 3307`, `${further}:default 3308`].sort());
    expect(found.services.find(({ name: own }) => own === first)).toMatchObject({ directory: 'rust' });
    expect(found.services.find(({ name: own }) => own === further)?.directory).toBeUndefined();
  });

  test('stacks of different folders have a service of one name each, unless they publish one port or are environments', () => {
    const stack = (ports: string) => `services:\n  kafka_ui: { image: x, ports: ["${ports}"] }\n`;
    const two = tree({ 'compose.yaml': stack('9093:80'), 'rust/compose.yaml': stack('8080:80') });
    expect(endpoints(two)).toEqual(['kafka-ui:default 9093', 'rust-kafka-ui:default 8080']);
    rmSync(join(root, 'rust'), { recursive: true });
    const one = tree({ 'e2e/compose.yaml': stack('9093:80'), 'deploy/prod/compose.yaml': stack('80:80') });
    expect(endpoints(one)).toEqual(['kafka-ui:default 9093']);
  });

  test('names that everybody has are two in two folders, even with one port', () => {
    const stack = 'services:\n  web: { image: nginx, ports: ["80:80"] }\n';
    const found = tree({ 'one/compose.yaml': stack, 'two/compose.yaml': stack });
    expect(endpoints(found)).toEqual(['one-web:default 80', 'two-web:default 80']);
  });

  test('a name is not that of a folder when it is built from another, and a folder for starting things speaks of the one around it', () => {
    const found = tree({
      'docker/compose.yaml':
        'services:\n  api: { build: ../api, ports: ["8080:80"] }\n  web: { image: x }\n  cron: { build: ../api, command: cron, ports: ["8081:80"] }\n',
      'api/Dockerfile': 'FROM x\n',
      'cron/Dockerfile': 'FROM x\n',
      'web/package.json': '{"name":"shop-web","scripts":{"dev":"vite --port 5173"}}',
    });
    const folders = found.services.map(({ name, directory }) => [name, directory]);
    expect(folders).toEqual([
      ['api', 'api'],
      ['cron', undefined],
      ['shop-web', 'web'],
    ]);
  });

  test('names that are only alike are two services', () => {
    const found = tree({
      'compose.yaml':
        'services:\n  sync: { ports: ["3050:1"] }\n  sync-server: { ports: ["3051:1"] }\n  mana-sync: { ports: ["3052:1"] }\n',
    });
    expect(endpoints(found)).toEqual(['mana-sync:default 3052', 'sync:default 3050', 'sync-server:default 3051']);
  });

  test('but with one port, what differs by the project or by "service" is one', () => {
    const found = tree({
      'compose.yaml': 'services:\n  mana-sync: { ports: ["3050:1"] }\n',
      'docs/ports.md': '| Service | Port |\n|---|---|\n| Sync Service | 3050 |\n',
    });
    expect(endpoints(found)).toEqual(['mana-sync:default 3050']);
  });

  test('names that everybody has are those of their own folder', () => {
    const found = tree({
      'apps/chat/compose.yaml': 'services:\n  db: { image: postgres, ports: ["5432:5432"] }\n',
      'apps/todo/compose.yaml': 'services:\n  db: { image: postgres, ports: ["5433:5432"] }\n',
      'apps/chat/web/package.json': '{"name":"@chat/web","scripts":{"dev":"vite --port 5010"}}',
      'apps/todo/web/package.json': '{"name":"@todo/web","scripts":{"dev":"vite --port 5011"}}',
    });
    expect(endpoints(found)).toEqual([
      'chat-db:default 5432',
      'chat-web:default 5010',
      'todo-db:default 5433',
      'todo-web:default 5011',
    ]);
  });

  test('two services of one image share its folder: it belongs to the one with ports', () => {
    const found = tree({
      'compose.yaml':
        'services:\n  api: { build: ./backend, ports: ["8000:8000"] }\n  jobs: { build: ./backend, command: work }\n',
      'backend/Dockerfile': 'EXPOSE 8000',
      'backend/main.py': 'uvicorn.run(app, port=8000)',
    });
    expect(endpoints(found)).toEqual(['api:default 8000']);
    expect(found.services.map(({ name }) => name)).toEqual(['api', 'jobs']);
  });

  test('a document’s own name for a port that is somebody’s is that service, or unsure', () => {
    const found = tree({
      'compose.yaml': 'services:\n  mana-auth: { ports: ["3001:1"] }\n  gateway-x: { ports: ["3002:1"] }\n',
      'docs/ports.md':
        '# Ports\n\n- Auth API: http://localhost:3001\n\n| Name | Port |\n|---|---|\n| Entrance | 3002 |\n',
    });
    expect(endpoints(found)).toEqual(['gateway-x:default 3002', 'mana-auth:default 3001']);
    expect(facts(found, 'docs/ports.md')).toMatchObject([
      { service: 'mana-auth' },
      { sure: 'unsure', why: expect.stringContaining('3002 is the port of gateway-x') },
    ]);
  });

  test('a document that has both names has two services on one port', () => {
    const found = tree({
      'compose.yaml': 'services:\n  mana-sync: { ports: ["3050:1"] }\n',
      'docs/ports.md': '| Name | Port |\n|---|---|\n| mana-sync | 3050 |\n| voice-bot | 3050 |\n',
    });
    expect(endpoints(found)).toEqual(['mana-sync:default 3050', 'voice-bot:default 3050']);
  });
});

describe('one service in several set-ups of a tree', () => {
  const names = (found: Survey) => found.services.map(({ name }) => name);

  test('a container of the project’s own image is the service of the folder that is called so', () => {
    const found = tree({
      'apps/api/package.json': '{"name":"@mana/api-service"}',
      'apps/api/src/.env.example': 'PORT=3001\n',
      'deploy/community/compose.yaml': 'services:\n  api: { image: "ghcr.io/mana/mana/api:1", ports: ["3001:3001"] }\n',
      'k8s/api.yaml':
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: api }\nspec: { template: { spec: { containers: [{ image: mana/api }] } } }\n',
      'other/compose.yaml': 'services:\n  api: { image: "someone/api", ports: ["4001:80"] }\n',
    });
    expect(endpoints(found)).toEqual(['api:default 4001', 'api-service:default 3001']);
  });

  test('folders of environments are about the folder around them', () => {
    const db = (port: number) => `services:\n  database: { image: postgres, ports: ["${port}:5432"] }\n`;
    const found = tree({
      'docker/development/compose.yml': db(54320),
      'docker/testing/compose.yml': db(54322),
      'docker/compose.yml': 'services:\n  database: { image: postgres }\n',
    });
    expect(endpoints(found)).toEqual(['database:default 54320']);
  });

  test('an image that two files build from one folder is one service, with or without the project’s name', () => {
    const found = tree({
      'compose.yaml':
        'services:\n  mana-api: { build: { context: ., dockerfile: apps/v2/Dockerfile }, ports: ["80:80"] }\n',
      'apps/v2/compose.yaml': 'services:\n  api: { build: ., ports: ["80:80"] }\n',
      'apps/v2/Dockerfile': 'EXPOSE 80',
      'apps/v2/.env.example': 'API_PORT=80\n',
    });
    expect(endpoints(found)).toEqual(['mana-api:default 80']);
  });

  test('what an editor starts, what only adds to a service, and what is only built are no services', () => {
    const found = tree({
      'compose.yaml': 'services:\n  shop: { image: shop, ports: ["4001:80"] }\n',
      'dev/override.compose.yaml': 'services:\n  db: { environment: [A=1] }\n',
      '.devcontainer/compose.yaml':
        'services:\n  app: { image: node }\n  redis: { image: redis, ports: ["6379:6379"] }\n',
      'Dockerfile.alpine': 'EXPOSE 80',
    });
    expect(names(found)).toEqual(['redis', 'shop']);
  });

  test('a site of documents is not what its pages are about', () => {
    const page =
      '| Variable | Default | Containers |\n|---|---|---|\n| `DB_PORT` | `5432` | server |\n| `MANA_PORT` | `2283` (server), `3003` (search) | |\n\n' +
      '| Service | Port |\n|---|---|\n| Direct connection | 5432 |\n';
    const found = tree({
      'docs/package.json': '{"name":"documentation","scripts":{"start":"site --port 3005"}}',
      'docs/pages/variables.md': page,
      'compose.yaml':
        'services:\n  mana-server: { build: ./server, ports: ["2283:2283"] }\n  mana-search: { build: ./search, ports: ["3003:3003"] }\n',
      'server/package.json': '{"name":"mana"}',
      'search/package.json': '{"name":"@mana/search"}',
    });
    expect(endpoints(found)).toEqual(['docs:default 3005', 'mana-search:default 3003', 'mana-server:default 2283']);
  });

  test('a name of a document for a port that several have is not known', () => {
    const found = tree({
      'web/package.json': '{"name":"shop-web","scripts":{"dev":"next dev -p 3000"}}',
      'compose.yaml': 'services:\n  mana: { image: mana/mana, ports: ["3000:3000"] }\n',
      'README.md': 'Ports:\n\n- App: http://localhost:3000\n',
    });
    expect(names(found)).toEqual(['mana', 'shop-web']);
    expect(facts(found, 'README.md')).toMatchObject([
      { sure: 'unsure', why: expect.stringContaining('3000 is the port of mana and shop-web') },
    ]);
  });
});

describe('the one real port', () => {
  test('a variable that compose puts into its ports is what compose makes of it, in every settings file beside it', () => {
    const found = tree({
      'docker/compose.yaml':
        'services:\n  edge: { image: x, ports: ["$' +
        '{EXPOSE_EDGE_PORT:-5432}:5432"] }\n' +
        '  sandbox: { image: x, environment: { SANDBOX_PORT: "$' +
        '{SANDBOX_PORT:-8194}" } }\n',
      'docker/middleware.env.example': 'EXPOSE_EDGE_PORT=5432\nSANDBOX_PORT=8194\n',
    });
    expect(endpoints(found)).toEqual(['edge:default 5432']);
    expect(facts(found, 'docker/middleware.env.example')).toMatchObject([
      { kind: 'binds', service: 'edge', sure: 'certain', inside: 5432 },
      { kind: 'internal', service: 'sandbox' },
    ]);
  });

  test('one variable or one anchor may be the port of several services', () => {
    const profile = (name: string) => `  ${name}: { image: x, profiles: [${name}], ports: ["$BIND:80"] }\n`;
    const found = tree({
      'compose.yaml': `services:\n${profile('proxy-full')}${profile('proxy-small')}`,
      '.env': 'BIND=9000\n',
    });
    expect(endpoints(found)).toEqual(['proxy-full:default 9000', 'proxy-small:default 9000']);
  });

  test('what compose builds and publishes nowhere has no port of a host by a default of its sources', () => {
    const files = {
      'compose.yaml': 'services:\n  cart: { build: ./cart, environment: { CART_SERVER_PORT: 9091 } }\n',
      'cart/Dockerfile': 'FROM x\n',
      'cart/server.py': 'app.run(port=os.environ.get("CART_SERVER_PORT", 9090))\n',
    };
    expect(endpoints(tree(files))).toEqual([]);
    expect(endpoints(tree({ 'cart/package.json': '{"scripts":{"dev":"vite --port 5173"}}' }))).toEqual([
      'cart:default 5173',
    ]);
  });

  test('that of a test run comes last', () => {
    const found = tree({
      'api/package.json': '{"name":"shop-api","scripts":{"start:test":"PORT=1336 node ."}}',
      'api/.env.example': 'PORT=3001\n',
    });
    expect(endpoints(found)).toEqual(['shop-api:default 3001']);
  });

  test('what a variable of its name sets for a container that publishes nothing is inside', () => {
    const found = tree({
      'docker/compose.yaml':
        'services:\n  sandbox: { image: sandbox, environment: { SANDBOX_PORT: "8194" } }\n  edge: { image: squid, ports: ["8194:8194"] }\n',
      'docker/middleware.env.example': 'SANDBOX_PORT=8194\nEXPOSE_EDGE_PORT=8194\n',
    });
    expect(endpoints(found)).toEqual(['edge:default 8194']);
    expect(facts(found, 'docker/middleware.env.example')).toMatchObject([
      { kind: 'internal', service: 'sandbox' },
      { kind: 'internal', service: 'edge' },
    ]);
  });

  test('the main one of a container is that which most files publish, and no debugger’s', () => {
    const found = tree({
      'compose.dev.yaml': 'services:\n  shop: { image: shop, ports: ["9229:9229", "8125:8125", "3001:3001"] }\n',
      'compose.yaml': 'services:\n  shop: { image: shop, ports: ["3001:3001"] }\n',
      'proxy/compose.yaml': 'services:\n  edge: { image: traefik, ports: ["80:80", "8080:80", "443:443"] }\n',
    });
    expect(endpoints(found)).toEqual([
      'edge:default 80',
      'edge:p80-8080 8080',
      'edge:p443 443',
      'shop:p9229 9229',
      'shop:p8125 8125',
      'shop:default 3001',
    ]);
  });

  test('a default in the sources of the root is that of the service which is started with it', () => {
    const found = tree({
      'package.json': '{"name":"shop"}',
      Procfile: 'web: env PORT=3000 bundle exec puma\n',
      'config/puma.rb': 'port ENV.fetch("PORT", 3000)\n',
    });
    expect(endpoints(found)).toEqual(['web:default 3000']);
    expect(facts(found, 'config/puma.rb')).toEqual([
      expect.objectContaining({ sure: 'unsure', why: expect.stringContaining('Procfile:1 starts web with 3000') }),
    ]);
  });

  test('a default that is the port of a container in a cluster is no port of a host', () => {
    const pod = 'spec: { containers: [{ name: server, ports: [{ containerPort: 8080 }] }] }';
    const found = tree({
      'k8s/mail.yaml': `apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: mail }\nspec: { template: { ${pod} } }\n`,
      'src/mail/requirements.txt': 'flask\n',
      'src/mail/server.py': 'port = os.environ.get("PORT", "8080")\n',
    });
    expect(endpoints(found)).toEqual([]);
    expect(facts(found, 'src/mail/server.py')).toEqual([expect.objectContaining({ kind: 'internal', port: 8080 })]);
  });

  test('what is bound beats what is said, and both stay', () => {
    const found = tree({
      'compose.yaml': 'services:\n  mana-sync: { ports: ["3050:80"] }\n',
      'docs/ports.md': '| Service | Port |\n|---|---|\n| mana-sync | 3051 |\n',
    });
    expect(endpoints(found)).toEqual(['mana-sync:default 3050']);
    expect(notes(found, 'compose.yaml').join()).toContain('3051 in docs/ports.md:3');
  });

  test('the source’s default is the port inside where the container publishes that one', () => {
    const found = tree({
      'compose.yaml': 'services:\n  web-x: { build: ./web-x, ports: ["8080:3000"] }\n',
      'web-x/package.json': '{}',
      'web-x/index.ts': 'app.listen(process.env.PORT || 3000)',
    });
    expect(endpoints(found)).toEqual(['web-x:default 8080']);
    expect(facts(found, 'web-x/index.ts')).toMatchObject([{ kind: 'internal', port: 3000 }]);
  });

  test('and is the real one where it is another: that is for the check to tell', () => {
    const found = tree({
      'compose.yaml': 'services:\n  web-x: { build: ./web-x, ports: ["8080:3000"] }\n',
      'web-x/package.json': '{}',
      'web-x/index.ts': 'app.listen(process.env.PORT || 3009)',
    });
    expect(facts(found, 'web-x/index.ts')).toMatchObject([
      { kind: 'binds', port: 3009, service: 'web-x', label: 'default' },
    ]);
  });

  test('a variable of the .env that compose only uses inside is no port of the host', () => {
    const found = tree({
      'compose.yaml':
        'services:\n  ad: { image: x, ports: ["$' +
        '{AD_PORT}"] }\n  proxy-x: { image: x, ports: ["$' +
        '{PROXY_PORT}:$' +
        '{PROXY_PORT}"] }\n',
      '.env': 'AD_PORT=9555\nPROXY_PORT=8080\n',
    });
    expect(endpoints(found)).toEqual(['proxy-x:default 8080']);
    expect(facts(found, '.env')).toMatchObject([
      { kind: 'internal', port: 9555, service: 'ad' },
      { kind: 'binds', port: 8080, service: 'proxy-x' },
    ]);
  });

  test('several ports of one service have labels, by what the files call them', () => {
    const found = tree({
      'compose.yaml': 'services:\n  store-x: { image: x, ports: ["9000:9000", "9001:9001"] }\n',
      'docs/ports.md': '| Service | Port |\n|---|---|\n| store-x (API) | 9000 |\n| store-x (Console) | 9001 |\n',
    });
    expect(endpoints(found)).toEqual(['store-x:api 9000', 'store-x:console 9001']);
  });

  test('a port that one compose file calls by a variable is the same where another publishes it without', () => {
    const store = (...ports: string[]) =>
      `services:\n  store:\n    image: x/store\n    ports: ${JSON.stringify(ports)}\n`;
    for (const [one, other] of [
      ['compose.dev.yml', 'compose.yml'],
      ['compose.yml', 'compose.dev.yml'],
    ] as const) {
      const found = tree({
        [one]: store(`\${STORE_PORT:-9090}:9000`, `\${STORE_CONSOLE_PORT:-9091}:9001`),
        [other]: store('127.0.0.1:9090:9000', '127.0.0.1:9091:9001'),
      });
      expect(endpoints(found)).toEqual(['store:default 9090', 'store:console 9091']);
    }
  });

  test('what is not sure gives no port its label', () => {
    const found = tree({
      'api/package.json': '{ "name": "api", "scripts": { "start": "PORT=3001 node ." } }',
      'web/package.json': '{ "name": "web" }',
      'web/vite.config.ts': 'server: {\n  hmr: { clientPort: env.VITE_HMR_CLIENT_PORT || 5200 },\n  port: 5200,\n}\n',
    });
    expect(endpoints(found)).toEqual(['api:default 3001', 'web:default 5200']);
  });

  test('a second program of a service, and examples, are not sure', () => {
    const found = tree({
      'x/package.json': '{"name":"thing"}',
      'x/src/index.ts': 'app.listen(process.env.PORT || 3001)',
      'x/src/tool.ts': 'app.listen(process.env.PORT || 3002)',
      'x/examples/demo.ts': 'app.listen(3003)',
    });
    expect(endpoints(found)).toEqual(['x:default 3001']);
    expect(facts(found, 'x/src/tool.ts')).toMatchObject([{ sure: 'unsure' }]);
    expect(facts(found, 'x/examples/demo.ts')).toMatchObject([
      { sure: 'unsure', why: expect.stringContaining('examples') },
    ]);
  });
});

describe('files that are not what their name says', () => {
  const object = (kind: string, spec: string) =>
    `apiVersion: v1\nkind: ${kind}\nmetadata: { name: probe }\nspec: ${spec}\n`;

  test('Kubernetes objects are read whatever the file is called', () => {
    const found = tree({
      'k8s/prometheus-service.yaml': object('Service', '{ ports: [{ port: 9090, nodePort: 30090 }] }'),
    });
    expect(endpoints(found)).toEqual(['probe:default 30090']);
  });

  test('services of compose, too, save those of a hidden file', () => {
    const text = 'services:\n  broker:\n    image: x\n    ports: ["9092:9092"]\n';
    const found = tree({ 'ci/integration-kafka.yml': text, '.pipeline.yml': text.replaceAll('9092', '9093') });
    expect(endpoints(found)).toEqual(['broker:default 9092']);
  });

  test('templates are told and not guessed at, once when they are many', () => {
    const service = object('Service', '{ ports: [{ nodePort: {{ .port }} }] }');
    const charts = Object.fromEntries(Array.from({ length: 5 }, (_, at) => [`chart/templates/s${at}.yaml`, service]));
    const rule = '{{- if .on }}\napiVersion: v1\nkind: Rule\n{{- end }}\n';
    const found = tree({ ...charts, 'chart/templates/prometheus-rule.yaml': rule });
    expect(endpoints(found)).toEqual([]);
    expect(found.notes.map(({ text }) => text)).toEqual([
      'is a template: what it becomes is only known when it is rendered (as are 5 more files)',
    ]);
  });

  test('braces in a block of text make no template', () => {
    const found = tree({
      'compose.yaml':
        'services:\n  vector:\n    image: x\n    ports: ["8686:80"]\n    command: |\n      {{ range services }}\n      x\n      {{ end }}\n',
    });
    expect(endpoints(found)).toEqual(['vector:default 8686']);
    expect(found.notes).toEqual([]);
  });
});

describe('hostile input', () => {
  const object = 'apiVersion: v1\nkind: Service\n';

  test('a YAML bomb, aliases without end and deep nesting end in a note, quickly', () => {
    const letters = 'abcdefghij'.split('');
    const bomb = letters
      .map(
        (name, i) =>
          `${name}: &${name} [${
            i === 0
              ? '"x"'
              : Array(9)
                  .fill(`*${letters[i - 1]}`)
                  .join(', ')
          }]`,
      )
      .join('\n');
    const merges = Array.from({ length: 40 }, (_, i) => `m${i + 1}: &m${i + 1} { <<: [*m${i}, *m${i}, *m${i}] }`).join(
      '\n',
    );
    const start = performance.now();
    const found = tree({
      'a/compose.yaml': `${bomb}\nservices:\n  web-x:\n    ports: *j\n    environment: *j\n`,
      'b/compose.yaml': `m0: &m0 { ports: ["1:1"] }\n${merges}\nservices:\n  web-x: *m40\n`,
      'c/compose.yaml': `services: ${'['.repeat(200_000)}`,
    });
    expect(performance.now() - start).toBeLessThan(20_000);
    expect(endpoints(found)).toEqual([]);
    expect(notes(found, 'b/compose.yaml').join()).toContain('more than 10000 aliases');
    expect(notes(found, 'c/compose.yaml').join()).toContain('nested too deep');
  });

  test('a parser that takes too long is ended', () => {
    const found = tree(
      { 'k8s.yaml': `${object}${'&a '.repeat(300_000)}`, 'ok.md': 'mana-auth runs on port 3001.' },
      500,
    );
    expect(notes(found, 'k8s.yaml')).toEqual([expect.stringContaining('took more than 0.5 s')]);
    expect(endpoints(found)).toEqual(['mana-auth:default 3001']);
  });

  test('many slow files do not add up: those after the first ones have less time', () => {
    const slow = `${object}${'&a '.repeat(600_000)}`;
    const start = performance.now();
    const found = tree(Object.fromEntries(Array.from({ length: 6 }, (_, at) => [`${at}/k8s.yaml`, slow])), 15_000);
    // Six times 10 s, if each had its full time.
    expect(performance.now() - start).toBeLessThan(45_000);
    expect(notes(found, '5/k8s.yaml')).toEqual([expect.stringContaining('took more than 0.5 s')]);
  });

  test('a table of 100 MB is told and not read', () => {
    writeFileSync(join(root, 'huge.md'), '| Port | Service |\n|---|---|\n');
    truncateSync(join(root, 'huge.md'), 100 << 20);
    const before = process.memoryUsage().rss;
    const found = tree({});
    expect(notes(found, 'huge.md')).toEqual([
      expect.stringMatching(/^is passed over: 100 MiB is more than the 1 MiB .* Split it/),
    ]);
    expect(process.memoryUsage().rss - before).toBeLessThan(60 << 20);
  });

  test('of a tree that is too large so much is read as fits, and what is left out is told', () => {
    const lines = (count: number) => Array.from({ length: count }, (_, i) => `S${i}_PORT=${3000 + i}\n`).join('');
    const files = Object.fromEntries(
      Array.from({ length: 20 }, (_, at) => [`s${String(at).padStart(2, '0')}/.env`, lines(50)]),
    );
    tree({ ...files, 'small/.env': 'API_PORT=4000\n' });
    const bytes = lines(50).length;
    const cut = survey([root], { limits: { bytes: 4 * bytes + 100, facts: 10_000, time: 60_000 } });
    // One that is small may still fit.
    expect([...new Set(cut.facts.map(({ place }) => place.file))].sort()).toEqual([
      ...Array.from({ length: 4 }, (_, at) => `s0${at}/.env`),
      'small/.env',
    ]);
    expect(cut.notes).toContainEqual({
      place: { file: 's04/.env' },
      text: expect.stringMatching(/^and s05\/.env, s06\/.env, s07\/.env, s08\/.env and 11 more are left out/),
    });
    const few = survey([root], { limits: { bytes: 1e9, facts: 60, time: 60_000 } });
    expect(few.facts).toHaveLength(60);
    expect(survey([root], { limits: { bytes: 1e9, facts: 1e9, time: 0 } }).facts).toEqual([]);
  });

  test('a note is short, however much there is to say', () => {
    const ports = Array.from({ length: 2_000 }, (_, i) => `PORT=${3000 + i} node a.js --port ${3000 + i} &\n`).join('');
    for (const { text } of tree({ 'run.sh': ports }).notes) expect(text.length).toBeLessThanOrEqual(1_000);
  });

  test('a table of 10,000 rows is read', () => {
    const rows = Array.from({ length: 10_000 }, (_, i) => `| ${10_000 + i} | svc-${i} |\n`).join('');
    const found = tree({ 'ports.md': `| Port | Service |\n|---|---|\n${rows}` });
    expect(found.services).toHaveLength(10_000);
  });

  test('binary files are passed over, one that was named is told', () => {
    const binary = Buffer.concat([Buffer.from('port 3001\n'), Buffer.alloc(3), Buffer.from('port 3002')]);
    expect(tree({ 'a.md': binary }).facts).toEqual([]);
    expect(survey([join(root, 'a.md')]).notes).toMatchObject([{ text: expect.stringContaining('NUL') }]);
  });

  test('links that lead in circles or out of the tree are not followed', () => {
    tree({ 'a/a.md': '| Port | Service |\n|---|---|\n| 3001 | api-x |\n' });
    symlinkSync('..', join(root, 'a/loop'));
    symlinkSync('/etc', join(root, 'a/etc'));
    writeFileSync(
      join(root, 'compose.yaml'),
      'services:\n  x1: { extends: { file: ../../../etc/passwd, service: a } }\n',
    );
    expect(endpoints(survey([root]))).toEqual(['api-x:default 3001']);
  });

  test('an ecosystem file that would run code is parsed', () => {
    const mark = join(root, 'ran');
    const code = `require('node:fs').writeFileSync(${JSON.stringify(mark)}, ''); for (;;);`;
    const found = tree({
      'ecosystem.config.cjs': `${code}\nmodule.exports = { apps: [{ name: 'a1', env: { PORT: 3001 } }] };`,
    });
    expect(endpoints(found)).toEqual(['a1:default 3001']);
    expect(existsSync(mark)).toBe(false);
  });

  test('names and texts with control characters, __proto__ and the like stay data', () => {
    const found = tree({
      'compose.yaml':
        'services:\n  __proto__: { ports: ["3001:1"] }\n  constructor: { ports: ["3002:1"] }\n  "a\\e[2J": { ports: ["3003:1"] }\n',
    });
    expect(
      endpoints(found)
        .map((line) => line.split(' ')[1])
        .sort(),
    ).toEqual(['3001', '3002', '3003']);
  });
});

test('a tree of nothing but examples is about them; tests are for nobody anywhere', () => {
  const files = {
    'samples/shop/cart/package.json': '{"name":"cart"}',
    'samples/shop/cart/index.js': 'app.listen(3003)',
    'samples/shop/cart/test/server.js': 'app.listen(3004)',
  };
  expect(endpoints(tree(files))).toEqual(['cart:default 3003']);
  expect(endpoints(tree({ 'apps/web/package.json': '{"name":"web-x"}' }))).toEqual([]);
});

test('the default of a container that publishes nothing is its port inside, when others reach it by that', () => {
  const found = tree({
    'compose.yaml':
      'services:\n  basket:\n    build: ./basket\n    expose: [3000]\n  orders:\n    build: ./orders\n  mails:\n    build: ./mails\n  proxy:\n    image: nginx\n    ports: ["80:80"]\n',
    'nginx.conf': 'server {\n  location / {\n    proxy_pass http://orders:8000;\n  }\n}\n',
    'basket/package.json': '{}',
    'basket/index.js': 'app.listen(process.env.PORT || 3000)',
    'orders/go.mod': '',
    'orders/main.go': 'http.ListenAndServe(":8000", nil)',
    'mails/package.json': '{}',
    'mails/index.js': 'app.listen(process.env.PORT || 3002)',
  });
  expect(endpoints(found)).toEqual(['mails:default 3002', 'proxy:default 80']);
});
