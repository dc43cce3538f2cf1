import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** How a service of the monorepo is started, which says in which files its port stands. */
type Runs = 'compose' | 'pm2' | 'systemd' | 'vite' | 'image' | 'kubernetes';
type Language = 'ts' | 'go' | 'py' | 'rs';

interface Service {
  readonly name: string;
  readonly port: number;
  readonly runs: Runs;
  readonly language?: Language;
  readonly section: string;
  readonly text: string;
  readonly needs?: readonly string[];
  /** Prometheus asks it. */
  readonly scraped?: boolean;
  readonly internal?: boolean;
  readonly label?: string;
}

const sections = [
  { name: 'core', from: 3000, to: 3009, title: 'Core services', contiguous: true, reserved: '3006-3009' },
  { name: 'infra', from: 3010, to: 3019, title: 'Infrastructure services', contiguous: true, reserved: '3017-3019' },
  { name: 'ml', from: 3020, to: 3029, title: 'Model servers', contiguous: true, reserved: '3026-3029' },
  { name: 'servers', from: 3030, to: 3049, title: 'Application servers', contiguous: true, reserved: '3045-3049' },
  { name: 'web', from: 5030, to: 5049, title: 'Web frontends', contiguous: false },
  { name: 'data', from: 5430, to: 5439, title: 'Databases', contiguous: false },
  { name: 'cache', from: 6370, to: 6389, title: 'Caches', contiguous: false },
  { name: 'objects', from: 9000, to: 9009, title: 'Object storage', contiguous: false },
  { name: 'monitoring', from: 9080, to: 9199, title: 'Monitoring', contiguous: false },
  { name: 'edge', from: 30_000, to: 30_099, title: 'Edge', contiguous: false },
] as const;

/** 47 endpoints of 46 services. */
const sound: readonly Service[] = [
  at('core', 3000, 'auth', 'compose', 'ts', 'Sessions and tokens', { scraped: true, needs: ['postgres', 'redis'] }),
  at('core', 3001, 'accounts', 'compose', 'ts', 'Accounts and teams', { needs: ['auth', 'postgres'] }),
  at('core', 3002, 'billing', 'compose', 'go', 'Invoices', { scraped: true, needs: ['accounts', 'postgres'] }),
  at('core', 3003, 'credits', 'compose', 'go', 'Credit balance', { needs: ['billing'] }),
  at('core', 3004, 'profiles', 'compose', 'ts', 'Public profiles', { needs: ['accounts'] }),
  at('core', 3005, 'audit', 'compose', 'go', 'Audit trail', { internal: true, needs: ['postgres'] }),
  at('infra', 3010, 'sync', 'compose', 'go', 'Data sync', { scraped: true, needs: ['auth', 'postgres'] }),
  at('infra', 3011, 'media', 'compose', 'ts', 'Images and thumbnails', { needs: ['minio'] }),
  at('infra', 3012, 'search', 'compose', 'go', 'Search', { needs: ['postgres'] }),
  at('infra', 3013, 'notify', 'compose', 'go', 'Mail and push', { scraped: true, needs: ['redis'] }),
  at('infra', 3014, 'crawler', 'compose', 'go', 'Web crawler', { needs: ['search'] }),
  at('infra', 3015, 'gateway', 'compose', 'rs', 'Entry of all requests', { scraped: true, needs: ['auth', 'sync'] }),
  at('infra', 3016, 'scheduler', 'compose', 'py', 'Timers', { needs: ['redis', 'notify'] }),
  at('ml', 3020, 'llm', 'systemd', 'py', 'Language models', { scraped: true }),
  at('ml', 3021, 'stt', 'systemd', 'py', 'Speech to text'),
  at('ml', 3022, 'tts', 'systemd', 'py', 'Text to speech'),
  at('ml', 3023, 'image-gen', 'systemd', 'py', 'Images from text', { needs: ['llm'] }),
  at('ml', 3024, 'video-gen', 'systemd', 'py', 'Films from text', { needs: ['image-gen'] }),
  at('ml', 3025, 'voice-bot', 'systemd', 'py', 'Talks', { needs: ['stt', 'tts', 'llm'] }),
  at('servers', 3030, 'chat-server', 'pm2', 'ts', 'Chat', { scraped: true, needs: ['llm', 'sync'] }),
  at('servers', 3031, 'todo-server', 'pm2', 'ts', 'Lists', { needs: ['sync'] }),
  at('servers', 3032, 'calendar-server', 'pm2', 'ts', 'Calendars', { needs: ['sync', 'notify'] }),
  at('servers', 3033, 'contacts-server', 'pm2', 'ts', 'Contacts', { needs: ['sync'] }),
  at('servers', 3034, 'storage-server', 'pm2', 'ts', 'Files', { needs: ['minio'] }),
  at('servers', 3035, 'picture-server', 'pm2', 'ts', 'Pictures', { needs: ['image-gen'] }),
  at('servers', 3036, 'cards-server', 'pm2', 'ts', 'Flash cards', { needs: ['llm'] }),
  at('servers', 3037, 'music-server', 'pm2', 'ts', 'Music', { needs: ['media'] }),
  at('servers', 3038, 'recipes-server', 'pm2', 'ts', 'Recipes', { needs: ['search'] }),
  at('servers', 3039, 'plants-server', 'pm2', 'ts', 'Plants', { needs: ['llm'] }),
  at('servers', 3040, 'slides-server', 'pm2', 'ts', 'Slides', { needs: ['storage-server'] }),
  at('web', 5030, 'chat-web', 'vite', 'ts', 'Chat in the browser', { needs: ['chat-server'] }),
  at('web', 5031, 'todo-web', 'vite', 'ts', 'Lists in the browser', { needs: ['todo-server'] }),
  at('web', 5032, 'calendar-web', 'vite', 'ts', 'Calendars in the browser', { needs: ['calendar-server'] }),
  at('web', 5033, 'contacts-web', 'vite', 'ts', 'Contacts in the browser', { needs: ['contacts-server'] }),
  at('web', 5034, 'storage-web', 'vite', 'ts', 'Files in the browser', { needs: ['storage-server'] }),
  at('web', 5035, 'picture-web', 'vite', 'ts', 'Pictures in the browser', { needs: ['picture-server'] }),
  at('web', 5036, 'cards-web', 'vite', 'ts', 'Flash cards in the browser', { needs: ['cards-server'] }),
  at('web', 5037, 'music-web', 'vite', 'ts', 'Music in the browser', { needs: ['music-server'] }),
  at('data', 5432, 'postgres', 'image', undefined, 'Relational data'),
  at('cache', 6379, 'redis', 'image', undefined, 'Cache and queues'),
  at('objects', 9000, 'minio', 'image', undefined, 'Objects', { label: 's3' }),
  at('objects', 9001, 'minio', 'image', undefined, 'Console of the object store', { label: 'console' }),
  at('monitoring', 9090, 'prometheus', 'image', undefined, 'Metrics'),
  at('monitoring', 9093, 'alertmanager', 'image', undefined, 'Alerts', { needs: ['prometheus'] }),
  at('monitoring', 9121, 'redis-exporter', 'image', undefined, 'Metrics of the cache', {
    scraped: true,
    needs: ['redis'],
  }),
  at('monitoring', 9187, 'postgres-exporter', 'image', undefined, 'Metrics of the database', {
    scraped: true,
    needs: ['postgres'],
  }),
  at('edge', 30_080, 'edge-proxy', 'kubernetes', undefined, 'Entry of the cluster'),
];

function at(
  section: (typeof sections)[number]['name'],
  port: number,
  name: string,
  runs: Runs,
  language: Language | undefined,
  text: string,
  more: Pick<Service, 'needs' | 'scraped' | 'internal' | 'label'> = {},
): Service {
  return { name, port, runs, section, text, ...(language && { language }), ...more };
}

/** A tree of files by their paths. */
export type Tree = Map<string, string>;

/** A defect that was put into the monorepo, as the check is to name it. */
export interface Planted {
  readonly kind: string;
  /** Services that the finding has to name. */
  readonly services: readonly string[];
  /** A file and what its line holds, of which the finding has to show the place. */
  readonly where: readonly { readonly file: string; readonly line: RegExp }[];
  /** Other ports, or the right port or address in a file, mend it; else somebody has to do this. */
  readonly byPorts: boolean;
  readonly byHand?: readonly (readonly [file: string, from: string, to: string])[];
}

/** A sound monorepo: nothing is wrong with it. */
export function monorepo(): Tree {
  return treeOf(sound);
}

/** The monorepo with defects of every kind that files can have, and what they are. */
export function flawedMonorepo(): { files: Tree; planted: Planted[] } {
  const moved = new Map(defects.flatMap(({ moves }) => moves ?? []));
  const files = treeOf(sound.map((service) => ({ ...service, port: moved.get(service.name) ?? service.port })));
  const planted = defects.map(({ edits = [], moves: _, ...defect }) => {
    for (const [file, from, to] of edits) replaceIn(files, file, from, to);
    return defect;
  });
  return { files, planted };
}

export function writeTree(root: string, files: Tree): void {
  for (const [path, text] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

/** All files as they are on the disk. */
export function readTree(root: string): Tree {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name)).sort();
  return new Map(paths.map((path) => [path.slice(root.length + 1), readFileSync(path, 'utf8')]));
}

export function replaceIn(files: Tree, file: string, from: string, to: string): void {
  const text = files.get(file);
  if (text === undefined) throw new Error(`there is no ${file}`);
  const count = text.split(from).length - 1;
  if (count !== 1) throw new Error(`${file} has ${JSON.stringify(from)} ${count} times`);
  files.set(
    file,
    text.replace(from, () => to),
  );
}

interface Defect extends Planted {
  /** Services that have another port, in all of their files. */
  readonly moves?: readonly [service: string, port: number][];
  /** What is written otherwise in one file. */
  readonly edits?: readonly [file: string, from: string, to: string][];
}

const defects: readonly Defect[] = [
  {
    kind: 'collision',
    services: ['video-gen', 'voice-bot'],
    where: [
      { file: 'deploy/systemd/video-gen.service', line: /--port 3024/ },
      { file: 'deploy/systemd/voice-bot.service', line: /--port 3024/ },
    ],
    byPorts: true,
    moves: [['voice-bot', 3024]],
  },
  {
    kind: 'collision',
    services: ['alertmanager', 'prometheus'],
    where: [{ file: 'compose.infra.yaml', line: /9090:9093/ }],
    byPorts: true,
    moves: [['alertmanager', 9090]],
  },
  {
    kind: 'drift',
    services: ['accounts'],
    where: [{ file: 'services/accounts/.env.example', line: /PORT=3101/ }],
    byPorts: true,
    edits: [['services/accounts/.env.example', 'PORT=3001', 'PORT=3101']],
  },
  {
    kind: 'drift',
    services: ['llm'],
    where: [{ file: 'services/llm/app/main.py', line: /"3200"/ }],
    byPorts: true,
    edits: [['services/llm/app/main.py', '"3020"', '"3200"']],
  },
  {
    kind: 'drift',
    services: ['credits'],
    where: [{ file: 'services/credits/main.go', line: /"3033"/ }],
    byPorts: true,
    edits: [['services/credits/main.go', '"3003"', '"3033"']],
  },
  {
    kind: 'drift',
    services: ['billing'],
    where: [{ file: 'docs/betrieb.md', line: /3092/ }],
    byPorts: true,
    edits: [['docs/betrieb.md', '| billing | `3002` |', '| billing | `3092` |']],
  },
  {
    kind: 'drift',
    services: ['sync'],
    where: [{ file: 'docs/PORTS.md', line: /3110\/health/ }],
    byPorts: true,
    edits: [['docs/PORTS.md', 'localhost:3010/health', 'localhost:3110/health']],
  },
  {
    kind: 'drift',
    services: ['stt'],
    where: [{ file: 'docs/architecture.md', line: /stt 3121/ }],
    byPorts: true,
    edits: [['docs/architecture.md', 'stt 3021', 'stt 3121']],
  },
  {
    kind: 'drift',
    services: ['cards-server'],
    where: [{ file: 'ecosystem.config.cjs', line: /api: 3046/ }],
    byPorts: true,
    edits: [['ecosystem.config.cjs', 'ports: { api: 3036 }', 'ports: { api: 3046 }']],
  },
  {
    kind: 'stale-mention',
    services: ['gateway'],
    where: [{ file: 'deploy/prometheus/prometheus.yml', line: /gateway:3115/ }],
    byPorts: true,
    edits: [['deploy/prometheus/prometheus.yml', 'gateway:3015', 'gateway:3115']],
  },
  {
    kind: 'stale-mention',
    services: ['todo-web'],
    where: [{ file: 'deploy/nginx/nginx.conf', line: /127\.0\.0\.1:5131/ }],
    byPorts: true,
    edits: [['deploy/nginx/nginx.conf', '127.0.0.1:5031', '127.0.0.1:5131']],
  },
  {
    kind: 'stale-mention',
    services: ['contacts-web'],
    where: [{ file: 'apps/contacts-web/.env.example', line: /localhost:3043/ }],
    byPorts: true,
    edits: [['apps/contacts-web/.env.example', 'localhost:3033', 'localhost:3043']],
  },
  {
    kind: 'out-of-range',
    services: ['redis-exporter'],
    where: [{ file: 'compose.infra.yaml', line: /9221:9121/ }],
    byPorts: true,
    moves: [['redis-exporter', 9221]],
  },
  {
    kind: 'wrong-block',
    services: ['postgres-exporter'],
    where: [{ file: 'compose.infra.yaml', line: /6010:9187/ }],
    byPorts: true,
    moves: [['postgres-exporter', 6010]],
  },
  {
    kind: 'blocked-port',
    services: ['redis'],
    where: [{ file: 'compose.infra.yaml', line: /6380:6379/ }],
    byPorts: true,
    moves: [['redis', 6380]],
  },
  {
    kind: 'gap',
    services: ['slides-server'],
    where: [{ file: 'ecosystem.config.cjs', line: /api: 3042/ }],
    byPorts: true,
    moves: [['slides-server', 3042]],
  },
  {
    kind: 'pairing',
    services: ['music-server', 'music-web'],
    where: [{ file: 'apps/music-web/package.json', line: /--port 5038/ }],
    byPorts: true,
    moves: [['music-web', 5038]],
  },
  {
    kind: 'exposed',
    services: ['audit'],
    where: [{ file: 'compose.yaml', line: /"3005:3005"/ }],
    byPorts: true,
    edits: [['compose.yaml', '    expose:\n      - "3005"', '    ports:\n      - "3005:3005"']],
  },
  {
    kind: 'unknown-dependency',
    services: ['profiles'],
    where: [{ file: 'portolan.yaml', line: /acounts/ }],
    byPorts: false,
    edits: [['portolan.yaml', 'dependencies: [accounts]\n  audit', 'dependencies: [acounts]\n  audit']],
    byHand: [['portolan.yaml', '[acounts]', '[accounts]']],
  },
  {
    kind: 'unknown-dependency',
    services: ['crawler'],
    where: [{ file: 'compose.yaml', line: /- serach/ }],
    byPorts: false,
    edits: [['compose.yaml', '      - search\n', '      - serach\n']],
    byHand: [['compose.yaml', '- serach', '- search']],
  },
];

function treeOf(services: readonly Service[]): Tree {
  const files: Tree = new Map();
  const add = (path: string, text: string) => files.set(path, text);
  add('portolan.yaml', manifest(services));
  add('compose.yaml', composeOfServices(services));
  add('compose.infra.yaml', composeOfImages(services));
  add('ecosystem.config.cjs', ecosystem(services));
  add('deploy/prometheus/prometheus.yml', prometheus(services));
  add('deploy/nginx/nginx.conf', nginx(services));
  add('deploy/kubernetes/edge-proxy.yaml', kubernetes(services));
  add('docs/PORTS.md', portTables(services));
  add('docs/betrieb.md', germanTables(services));
  add('docs/architecture.md', architecture(services));
  add('.gitignore', 'node_modules/\ndist/\n.env\n');
  add('README.md', readme(services));
  for (const service of services) for (const [path, text] of sourcesOf(service, services)) add(path, text);
  return files;
}

function manifest(services: readonly Service[]): string {
  const lines = [
    '# The ports of the lagoon. Ask the platform team before you add a range.',
    'project: lagoon',
    '',
    'ranges:',
    ...sections.flatMap((section) => [
      `  ${section.name}:`,
      `    ports: ${section.from}-${section.to}`,
      `    purpose: ${section.title}`,
      '    owner: lagoon',
      ...(section.contiguous ? ['    contiguous: true'] : []),
      ...('reserved' in section ? ['    reserved:', `      - ports: ${section.reserved}`] : []),
    ]),
    '  atlas:',
    '    ports: 6000-6099',
    '    purpose: the maps team',
    '    owner: atlas',
    '',
    'blocked:',
    '  - ports: 8080',
    '    reason: common development servers',
    '  - ports: 6380',
    '    reason: the encrypted port of redis, kept for the day when it is switched on',
    '  - ports: 3737',
    '    reason: the old dashboard still runs there',
    '',
    'pairings:',
    '  # chat-server and chat-web share their last digit',
    '  - first: 3030-3049',
    '    second: 5030-5049',
    '    digits: 2',
    '',
    'services:',
  ];
  for (const [name, ports] of Map.groupBy(services, (service) => service.name)) {
    const [{ text, needs, internal, section, runs }] = ports as [Service];
    lines.push(`  ${name}:`, `    description: ${text}`);
    if (runs !== 'image') lines.push('    status: required');
    if (runs !== 'image' && runs !== 'kubernetes') lines.push(`    directory: ${directoryOf(ports[0]!)}`);
    if (internal) lines.push('    internalOnly: true # holds personal data');
    lines.push('    endpoints:');
    for (const { label, port, language } of ports) {
      lines.push(`      ${label ?? 'default'}:`, `        port: ${port}`, `        range: ${section}`);
      if (language && runs !== 'vite') lines.push('        health: /health');
    }
    if (needs) lines.push(`    dependencies: [${needs.join(', ')}]`);
  }
  return `${lines.join('\n')}\n`;
}

function composeOfServices(services: readonly Service[]): string {
  const lines = ['# The services that we build ourselves.', 'services:'];
  for (const { name, port, needs, internal, language } of runBy(services, 'compose')) {
    lines.push(`  ${name}:`, `    build: ./services/${name}`, '    restart: unless-stopped');
    lines.push('    environment:', `      PORT: ${port}`);
    if (language === 'go') lines.push('      GOMAXPROCS: 2');
    // Only the other containers reach what is internal.
    if (internal) lines.push('    expose:', `      - "${port}"`);
    else if (port % 2 === 0) lines.push('    ports:', `      - "${port}:${port}"`);
    else lines.push('    ports:', `      - target: ${port}`, `        published: ${port}`, '        protocol: tcp');
    lines.push('    healthcheck:', `      test: ["CMD", "wget", "-qO-", "http://localhost:${port}/health"]`);
    const here = needs?.filter((need) => services.some((each) => each.name === need && each.runs === 'compose'));
    if (here?.length) lines.push('    depends_on:', ...here.map((need) => `      - ${need}`));
  }
  return `${lines.join('\n')}\n`;
}

const images: Record<string, { image: string; inside: readonly number[] }> = {
  postgres: { image: 'postgres:17', inside: [5432] },
  redis: { image: 'redis:7', inside: [6379] },
  minio: { image: 'minio/minio', inside: [9000, 9001] },
  prometheus: { image: 'prom/prometheus', inside: [9090] },
  alertmanager: { image: 'prom/alertmanager', inside: [9093] },
  'redis-exporter': { image: 'oliver006/redis_exporter', inside: [9121] },
  'postgres-exporter': { image: 'prometheuscommunity/postgres-exporter', inside: [9187] },
};

function composeOfImages(services: readonly Service[]): string {
  const lines = ['x-restart: &restart', '  restart: unless-stopped', '', 'services:'];
  for (const [name, ports] of Map.groupBy(runBy(services, 'image'), (service) => service.name)) {
    const { image, inside } = images[name]!;
    lines.push(
      `  ${name}:`,
      '    <<: *restart',
      `    image: ${image}`,
      `    container_name: lagoon-${name}`,
      '    ports:',
    );
    for (const [index, { port }] of ports.entries()) lines.push(`      - "127.0.0.1:${port}:${inside[index]}"`);
  }
  return `${lines.join('\n')}\n`;
}

function ecosystem(services: readonly Service[]): string {
  const apps = runBy(services, 'pm2').map(
    ({ name, port, text }) => `    {
      name: '${name}', // ${text}
      cwd: './apps/${name}',
      script: 'src/server.ts',
      ports: { api: ${port} },
      env: { NODE_ENV: 'production', PORT: ${port} },
    },`,
  );
  return `// Started by pm2 on the application host.\nmodule.exports = {\n  apps: [\n${apps.join('\n')}\n  ],\n};\n`;
}

function prometheus(services: readonly Service[]): string {
  const jobs = services
    .filter(({ scraped }) => scraped)
    .map(({ name, port, runs }) => {
      const target =
        runs === 'systemd' || runs === 'pm2'
          ? `host.docker.internal:${port}`
          : `${name}:${images[name]?.inside[0] ?? port}`;
      return `  - job_name: ${name}\n    static_configs:\n      - targets: ['${target}']\n`;
    });
  return `global:\n  scrape_interval: 15s\n\nscrape_configs:\n${jobs.join('')}`;
}

function nginx(services: readonly Service[]): string {
  const upstreams = runBy(services, 'vite').map(
    ({ name, port }) => `  upstream ${name} {\n    server 127.0.0.1:${port};\n  }\n`,
  );
  const locations = runBy(services, 'vite').map(
    ({ name }) => `    location /${name.replace('-web', '')}/ {\n      proxy_pass http://${name};\n    }\n`,
  );
  return `events {}\nhttp {\n${upstreams.join('')}  server {\n    listen 443 ssl;\n${locations.join('')}  }\n}\n`;
}

function kubernetes(services: readonly Service[]): string {
  const { name, port } = runBy(services, 'kubernetes')[0]!;
  return `apiVersion: v1
kind: Service
metadata:
  name: ${name}
spec:
  type: NodePort
  selector:
    app: ${name}
  ports:
    - name: http
      port: 80
      targetPort: 8443
      nodePort: ${port}
`;
}

function portTables(services: readonly Service[]): string {
  const parts = ['# Ports\n', 'Every port of the lagoon, by range.\n'];
  for (const section of sections) {
    parts.push(`## ${section.from}-${section.to}: ${section.title}\n`);
    parts.push('| Port | Service | Runtime | Description |', '| --- | --- | --- | --- |');
    for (const { name, port, text, language, runs } of services.filter((each) => each.section === section.name)) {
      parts.push(`| ${port} | ${name} | ${runtimes[language ?? 'none']} | ${runs === 'image' ? '' : text} |`);
    }
    if ('reserved' in section) parts.push(`| ${section.reserved} | (reserved) | | |`);
    parts.push('');
  }
  parts.push('## Health checks\n', '| Service | Health check URL |', '| --- | --- |');
  for (const { name, port, language, runs, internal } of services) {
    // From outside nobody asks for the health of what is internal.
    if (language && runs !== 'vite' && !internal) parts.push(`| ${name} | http://localhost:${port}/health |`);
  }
  return `${parts.join('\n')}\n`;
}

/** What the people of operations read: the services of the first hosts, and their state. */
function germanTables(services: readonly Service[]): string {
  const rows = services
    .filter(({ section }) => section === 'core' || section === 'infra')
    .map(({ name, port, text }) => `| ${name} | \`${port}\` | Pflicht | ${text} |`);
  return `# Betrieb

Die Dienste auf dem ersten Rechner.

| Dienst | Port | Status | Beschreibung |
| ------ | ---: | ------ | ------------ |
${rows.join('\n')}

Vor einem Neustart ist die Warteschlange zu leeren.
`;
}

function architecture(services: readonly Service[]): string {
  const ml = services.filter(({ section }) => section === 'ml').map(({ name, port }) => `${name} ${port}`);
  return `# Architecture

Requests enter at the gateway and are passed to the application servers.

The model servers run on the machine with the graphics cards, at these ports: ${ml.join(', ')}.

Data sync speaks to the database alone.
`;
}

function readme(services: readonly Service[]): string {
  return `# Lagoon

A monorepo of ${new Set(services.map(({ name }) => name)).size} services.

## Start

\`\`\`sh
docker compose -f compose.yaml -f compose.infra.yaml up -d
pm2 start ecosystem.config.cjs
\`\`\`

See [the ports](docs/PORTS.md). Released in 2024, works on 1080p screens.
`;
}

const runtimes = { ts: 'Node', go: 'Go', py: 'Python', rs: 'Rust', none: '' };

function directoryOf({ name, runs }: Service): string {
  return runs === 'pm2' || runs === 'vite' ? `apps/${name}` : `services/${name}`;
}

function sourcesOf(service: Service, services: readonly Service[]): [string, string][] {
  const { name, port, language, runs, needs } = service;
  if (!language) return [];
  const directory = directoryOf(service);
  const files: [string, string][] = [[`${directory}/.env.example`, envOf(service)]];
  if (runs === 'compose') files.push([`${directory}/Dockerfile`, dockerfileOf(language, port)]);
  if (runs === 'systemd') files.push([`deploy/systemd/${name}.service`, unitOf(name, port)]);
  if (runs === 'vite') {
    const scripts = { dev: `vite dev --port ${port}`, build: 'vite build' };
    files.push([`${directory}/package.json`, json({ name: `@lagoon/${name}`, private: true, scripts })]);
    const server = services.find((each) => each.name === needs?.[0])!;
    files.push([
      `${directory}/.env.example`,
      `# Where the browser finds its server.\nPUBLIC_API_URL=http://localhost:${server.port}\n`,
    ]);
  } else if (language === 'ts') {
    files.push([`${directory}/package.json`, json({ name: `@lagoon/${name}`, version: '1.4.0', type: 'module' })]);
    const source = runs === 'pm2' ? 'src/server.ts' : 'src/index.ts';
    files.push([
      `${directory}/${source}`,
      `import { serve } from './app.ts';\n\nconst port = Number(process.env.PORT ?? ${port});\nserve({ port, timeout: 30_000 });\n`,
    ]);
  } else if (language === 'go') {
    files.push([`${directory}/go.mod`, `module example.org/lagoon/${name}\n\ngo 1.24\n`]);
    files.push([`${directory}/main.go`, goMain(port)]);
  } else if (language === 'py') {
    files.push([`${directory}/pyproject.toml`, `[project]\nname = "${name}"\nversion = "0.3.0"\n`]);
    files.push([`${directory}/app/main.py`, pythonMain(port)]);
  } else {
    files.push([`${directory}/Cargo.toml`, `[package]\nname = "${name}"\nversion = "0.1.0"\nedition = "2024"\n`]);
    files.push([`${directory}/src/main.rs`, rustMain(port)]);
  }
  return files;
}

function envOf({ port, text }: Service): string {
  return `# ${text}\nPORT=${port}\nLOG_LEVEL=info\nREQUEST_TIMEOUT_MS=5000\n`;
}

function dockerfileOf(language: Language, port: number): string {
  const from = { ts: 'node:24-slim', go: 'golang:1.24', py: 'python:3.13-slim', rs: 'rust:1.90' }[language];
  return `FROM ${from}\nWORKDIR /app\nCOPY . .\nEXPOSE ${port}\nCMD ["./start"]\n`;
}

function unitOf(name: string, port: number): string {
  return `[Unit]
Description=${name}
After=network-online.target

[Service]
WorkingDirectory=/srv/lagoon/services/${name}
ExecStart=/usr/bin/python3 -m uvicorn app.main:app --host 0.0.0.0 --port ${port}
Restart=on-failure

[Install]
WantedBy=multi-user.target
`;
}

function goMain(port: number): string {
  return `package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	log.Fatal(http.ListenAndServe(":"+getenv("PORT", "${port}"), nil))
}

func getenv(key, fallback string) string {
	if value := os.Getenv(key); value != "" {
		return value
	}
	return fallback
}
`;
}

function pythonMain(port: number): string {
  return `import os

import uvicorn

from app.routes import app

PORT = int(os.environ.get("PORT", "${port}"))

if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=PORT)
`;
}

function rustMain(port: number): string {
  return `use std::env;

fn main() {
    let port: u16 = env::var("PORT").ok().and_then(|value| value.parse().ok()).unwrap_or(${port});
    serve(port);
}
`;
}

function runBy(services: readonly Service[], runs: Runs): readonly Service[] {
  return services.filter((service) => service.runs === runs);
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
