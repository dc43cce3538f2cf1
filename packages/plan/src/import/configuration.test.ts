import { describe, expect, test } from 'vitest';
import { said } from './reading.fixture.ts';

describe('Dockerfile', () => {
  test('all of its ports are inside the container', () => {
    const text =
      'FROM node\nARG PORT=3001\nENV HEALTH_PORT=3002 X=1\nENV METRICS_PORT 3003\n# EXPOSE 9\nEXPOSE 3001/tcp 5353/udp $' +
      '{PORT}\nHEALTHCHECK CMD curl -f http://localhost:3001/health\nCMD ["node", "server.js", \\\n  "--port", "3004"]\n';
    expect(said('services/x/Dockerfile', text)).toEqual([
      'internal 3001 services/x',
      'internal 3002 health services/x',
      'internal 3003 metrics services/x',
      'internal 3001 services/x',
      'internal 5353 udp services/x',
      'refers 3001 localhost/network health services/x',
      'internal 3004 services/x',
    ]);
  });
});

describe('package.json and Procfile', () => {
  test('a script starts the service of its folder, unless it goes elsewhere', () => {
    const scripts = {
      dev: 'vite --port 5173',
      start: 'PORT=3001 node .',
      go: 'next dev --dir src/pages -p 5174',
      'dev:api': 'cd ../api && PORT=3002 npm start',
      test: 'vite --port 9999',
    };
    const text = JSON.stringify({ name: '@x/web', scripts });
    expect(said('apps/web/package.json', text)).toEqual([
      'binds 5173 dev apps/web+@x/web',
      'binds 3001 apps/web+@x/web',
      'binds 5174 dev apps/web+@x/web likely',
      'binds 3002 dev apps/api',
    ]);
  });

  test('in the package of a workspace the script has to say whom it starts', () => {
    const text = JSON.stringify({
      name: 'all',
      workspaces: ['*'],
      scripts: { 'dev:chat': 'vite --port 5173', docs: 'vite --port 6000' },
    });
    expect(said('package.json', text)).toEqual(['binds 5173 dev chat', 'binds 6000 dev unsure']);
  });

  test('Procfile entries are services of their own', () => {
    expect(said('Procfile', 'web: bundle exec puma --port 3000\nsync: cd services/sync && PORT=3050 ./run\n')).toEqual([
      'binds 3000 web',
      'binds 3050 sync+services/sync',
    ]);
  });
});

describe('prometheus.yml', () => {
  test('a target is the service of its host name, else of its job', () => {
    const text = `scrape_configs:
  - job_name: mana-sync
    static_configs: [{ targets: ['mana-sync:3050'] }]
  - job_name: llm
    static_configs:
      - targets: ["host.docker.internal:3025"]
  - job_name: nodes
    static_configs: [{ targets: ["localhost:9100", "localhost:9187"] }]
  - job_name: probe
    static_configs: [{ targets: ["http://localhost:3001/health"] }]
alerting:
  alertmanagers: [{ static_configs: [{ targets: [alertmanager:9093] }] }]
`;
    expect(said('docker/prometheus/prometheus.yml', text)).toEqual([
      'refers 3050 mana-sync/network mana-sync+mana-sync',
      'refers 3025 host.docker.internal/host llm',
      'refers 9100 localhost/host',
      'refers 9187 localhost/host',
      'refers 3001 localhost/host health probe',
      'refers 9093 alertmanager/network alertmanager',
    ]);
  });

  test('lists of targets in JSON', () => {
    expect(said('targets.json', '[{"targets": ["10.0.0.1:9100"], "labels": {"service": "node-exporter"}}]')).toEqual([
      'refers 9100 10.0.0.1/unknown node-exporter',
    ]);
  });
});

describe('proxies', () => {
  test('nginx', () => {
    const text =
      'upstream sync {\n  server mana-sync:3050;\n}\nserver {\n  listen 8080;\n  location / { proxy_pass http://sync; }\n' +
      '  location /auth { proxy_pass http://127.0.0.1:3001/; }\n  # proxy_pass http://old:1234;\n  location /g { grpc_pass chat:4000; }\n}\n';
    expect(said('infra/nginx.conf', text)).toEqual([
      'refers 3050 mana-sync/network mana-sync+sync',
      'binds 8080 unsure',
      'refers 3001 127.0.0.1/host',
      'refers 4000 chat/network chat',
    ]);
  });

  test('what compose mounts is in a container', () => {
    const mounted = (volume: string) => ({
      'compose.yaml': `services:\n  proxy:\n    image: nginx\n    volumes:\n      - ./infra-old:/x\n      - ${volume}\n`,
    });
    const listens = (volume: string) => said('infra/nginx/a.conf', 'server {\n  listen 8080;\n}\n', mounted(volume));
    expect(listens('./infra/nginx/a.conf:/etc/nginx/nginx.conf:ro')).toEqual(['internal 8080']);
    expect(listens('"./infra:/etc"')).toEqual(['internal 8080']);
    expect(listens('./infra-other:/etc')).toEqual(['binds 8080 unsure']);
    const caddy = said('deploy/Caddyfile', ':8080 {\n}\n', {
      'deploy/x/compose.yml': '- ../Caddyfile:/etc/caddy/Caddyfile',
    });
    expect(caddy).toEqual(['internal 8080']);
  });

  test('Caddy', () => {
    const text =
      'auth.example.net {\n  reverse_proxy localhost:3001 backup:3002\n}\nchat.example.net {\n  handle /api/* {\n    reverse_proxy chat-server:3030\n  }\n}\n:8080 {\n  respond "x"\n}\n';
    expect(said('Caddyfile', text)).toEqual([
      'refers 3001 localhost/host auth',
      'refers 3002 backup/network backup',
      'refers 3030 chat-server/network chat-server',
      'binds 8080 unsure',
    ]);
  });

  test('cloudflared', () => {
    const text =
      'ingress:\n  - hostname: sync.example.net\n    service: http://localhost:3050\n  - service: http_status:404\n';
    expect(said('cloudflared/config.yml', text)).toEqual(['refers 3050 localhost/host sync']);
  });
});

describe('systemd', () => {
  test('services and sockets', () => {
    const text =
      '[Service]\nWorkingDirectory=/opt/app/services/llm\nEnvironment=PORT=3025 "HEALTH_PORT=3026"\nExecStart=/usr/bin/python app.py --port 3027\n';
    expect(said('units/llm.service', text, { 'services/llm/package.json': '{}' })).toEqual([
      'binds 3025 llm+services/llm',
      'binds 3026 health llm+services/llm',
      'binds 3027 llm+services/llm',
    ]);
    expect(
      said('x.socket', '[Socket]\nListenStream=127.0.0.1:8080\nListenDatagram=5353\nListenStream=/run/x.sock\n'),
    ).toEqual(['binds 8080 127.0.0.1 x', 'binds 5353 udp x']);
  });
});

describe('Kubernetes', () => {
  test('only nodePort, hostPort and the network of the host are ports of hosts', () => {
    const text = `apiVersion: v1
kind: Service
metadata: { name: auth }
spec: { ports: [{ name: http, port: 80, targetPort: 3001, nodePort: 30001 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: sync }
spec:
  replicas: 2
  template:
    spec:
      containers:
        - name: sync
          ports: [{ containerPort: 3050, hostPort: 3055, name: api }]
          env: [{ name: PORT, value: "3050" }, { name: AUTH_URL, value: "http://auth:80" }]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: exporter }
spec: { template: { spec: { hostNetwork: true, containers: [{ ports: [{ containerPort: 9100 }] }] } } }
`;
    expect(said('k8s/all.yaml', text)).toEqual([
      'internal 80 auth',
      'internal 3001 auth',
      'binds 30001 <3001 kubernetes auth',
      'internal 3050 api sync',
      'binds 3055 api <3050 kubernetes sync',
      'internal 3050 sync',
      'refers 80 auth/network auth+auth',
      'binds 9100 kubernetes exporter',
    ]);
  });
});

describe('shell scripts', () => {
  test('a script in a service is about that service, one above says whom it starts or is not sure', () => {
    const text = '#!/bin/sh\nexport PORT=$' + '{PORT:-3001}\ncurl http://localhost:3001/health\n';
    expect(said('services/x/start.sh', text, { 'services/x/package.json': '{}' })).toEqual([
      'binds 3001 services/x',
      'refers 3001 localhost/host health',
    ]);
    expect(
      said('start.sh', 'SYNC_PORT=3050 ./sync\nvite --port 5173\ndocker run --name db -p 5433:5432 postgres\n'),
    ).toEqual(['binds 3050 sync', 'binds 5173 unsure', 'binds 5433 <5432 db']);
  });
});

describe('configuration of tools', () => {
  const home = { 'apps/web/package.json': '{}' };

  test('targets of Nx that serve something, and their commands', () => {
    const targets = {
      serve: { executor: 'x', options: { port: 4200 } },
      preview: { options: { port: '4300' } },
      'storybook:serve': { options: { port: 6006 } },
      'storybook:test': { options: { port: 6006 } },
      start: { options: { commands: ['vite --port 4201', { command: 'PORT=4202 node .' }] } },
      build: { options: { port: 1 } },
    };
    expect(said('apps/web/project.json', JSON.stringify({ name: 'web', targets }), home)).toEqual([
      'binds 4200 apps/web+web',
      'binds 4300 preview apps/web+web',
      'binds 6006 storybook apps/web+web',
      'binds 4201 apps/web+web',
      'binds 4202 apps/web+web',
    ]);
  });

  test('ports that an editor forwards are mentions', () => {
    const text = '{\n  // the app\n  "forwardPorts": [3000, "db:5432"],\n  "appPort": 8080,\n}\n';
    expect(said('.devcontainer/devcontainer.json', text)).toEqual([
      'refers 3000 localhost/host',
      'refers 5432 db/network db',
      'refers 8080 localhost/host',
    ]);
  });

  test('parts of Supabase that are not switched off', () => {
    const text =
      'project_id = "x"\n[api]\nport = 54321 # the API\n[db]\nport = 54322\nshadow_port = 54320\n[db.pooler]\nenabled = false\nport = 54329\n' +
      '[inbucket]\nport = 54324\nsmtp_port = 54325\n[auth]\nport = 1\n';
    expect(said('apps/web/supabase/config.toml', text)).toEqual([
      'binds 54321 api apps/web/supabase',
      'binds 54322 db apps/web/supabase',
      'binds 54324 inbucket apps/web/supabase',
      'binds 54325 inbucket-smtp apps/web/supabase',
    ]);
  });

  test('where a worker is served while it is worked on; what it is deployed to has no ports of hosts', () => {
    expect(said('apps/web/wrangler.toml', 'name = "x"\nport = 1\n[dev]\nport = 8787\n', home)).toEqual([
      'binds 8787 dev fallback apps/web',
    ]);
    const json = '{ "name": "x", "dev": { "port": 8788, "inspector_port": 9230, }, }';
    expect(said('apps/web/wrangler.jsonc', json, home)).toEqual([
      'binds 8788 dev fallback apps/web',
      'binds 9230 debug dev fallback apps/web',
    ]);
    const fly = '[env]\nPORT = "8080"\n[http_service]\ninternal_port = 8080\n[[services.ports]]\nport = 443\n';
    expect(said('apps/web/fly.toml', fly, home)).toEqual(['internal 8080 apps/web', 'internal 8080 apps/web']);
  });
});
