import { describe, expect, test } from 'vitest';
import type { Fact } from '../../fact.ts';
import { read, said } from '../reading.fixture.ts';

const of = (text: string, kind: Fact['kind'], path = 'docs/ports.md', others = {}) =>
  read(path, text, others).facts.filter((fact) => fact.kind === kind);

const intervals = (text: string, kind: 'range' | 'blocked' | 'reserved') =>
  of(text, kind).map((fact) => ('from' in fact ? `${fact.from}-${fact.to}` : ''));

describe('tables', () => {
  test.each([
    ['English', '| Service | Port | Description |', '| api | 3001 | x |'],
    ['German', '| Dienst | Beschreibung | Portnummer |', '| api | x | 3001 |'],
    ['Spanish', '| Puerto | Servicio |', '| 3001 | api |'],
    ['ports first', '| Port | Name |', '| `3001` | **api** |'],
    ['of a host', '| Host Port | Container |', '| 3001 | `api` |'],
    ['with a link', '| App | Port |', '| [api](../api/README.md) | 3001/tcp |'],
    ['with an address', '| App | URL |', '| api | http://localhost:3001/ |'],
  ])('%s headers', (_, head, row) => {
    const text = `# Ports\n\n${head}\n|${head
      .split('|')
      .slice(1, -1)
      .map(() => '---|')
      .join('')}\n${row}\n`;
    expect(said('docs/ports.md', text)).toEqual(['states 3001 api']);
  });

  test('headers that are not known: the column of ports is told by its cells, and is likely', () => {
    const text = '# Which ports\n\n| Was | Wo | Seit |\n|---|---|---|\n| api | 3001 | 2019 |\n| web | 3002 | 2020 |\n';
    expect(said('docs/x.md', text).map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'states 3001 api',
      'states 3002 web',
    ]);
  });

  test('tables about something else say nothing', () => {
    const text =
      '# Costs\n\n| Name | Requests | Year |\n|---|---|---|\n| api | 3001 | 2024 |\n| web | 4002 | 2025 |\n\n| Code | Meaning |\n|---|---|\n| 404 | not found |\n';
    expect(read('docs/x.md', `${text}\nThe port is free.\n`).facts).toEqual([]);
  });

  test('labels, several ports in a cell, protocols, containers’ ports', () => {
    const text =
      '| Service | Port | Health Port | Container Port |\n|---|---|---|---|\n| api | 3001 (http), 3002 (grpc) | 3003 | 80 |\n| dns | 5353/udp | | |\n';
    expect(said('docs/ports.md', text)).toEqual([
      'states 3001 http api',
      'states 3002 grpc api',
      'states 3003 health api',
      'internal 80 api',
      'states 5353 udp dns',
    ]);
  });

  test('a column of ports beside no other has no label; what a cell or a second row lists is further ports', () => {
    const text =
      '| Component | Connection port |\n|---|---|\n| consul | 8300, 8301(UDP) and 8500 |\n| chat | 8065 |\n| chat | 8443 |\n';
    expect(said('docs/ports.md', text)).toEqual([
      'states 8300 consul',
      'states 8301 udp p8301 consul',
      'states 8500 p8500 consul',
      'states 8065 chat',
      'states 8443 p8443 chat',
    ]);
  });

  test('ports to choose from are not known', () => {
    expect(said('docs/ports.md', '| Service | Port |\n|---|---|\n| pages | 80 or 443 |\n')).toEqual([
      'states 80 pages unsure',
      'states 443 pages unsure',
    ]);
  });

  test('rows that are reserved, free, struck out or without a port', () => {
    const text =
      '| Port | Service | Protocol |\n|---|---|---|\n| 3001-3004 | (reserved) | |\n| 3005 | frei | |\n| ~~3006~~ | old | |\n| N/A | stdio-tool | MCP |\n| — | daemon | |\n';
    const { facts } = read('docs/ports.md', text);
    expect(facts.map(({ kind }) => kind)).toEqual(['reserved', 'portless', 'portless']);
    expect(facts[1]).toMatchObject({ transport: 'MCP', names: [{ name: 'stdio-tool' }] });
  });

  test('a variable and its default are the port of the service that the document is in', () => {
    const text =
      '| Variable | Default |\n|---|---|\n| `PORT` | `3050` |\n| `LOG_LEVEL` | info |\n| `METRICS_PORT` | 9464 |\n';
    expect(said('services/sync/README.md', text, { 'services/sync/go.mod': '' })).toEqual([
      'states 3050 services/sync',
      'states 9464 metrics services/sync',
    ]);
    expect(said('README.md', text)).toEqual([]);
  });

  test('columns for what is planned and what is', () => {
    const text = '| Service | Current Port | Planned Port |\n|---|---|---|\n| api | 3001 | 4001 |\n';
    expect(said('docs/ports.md', text)).toEqual(['states 3001 api', 'states 4001 planned api']);
  });

  test('bars within code and pasted cells do not shift places', () => {
    expect(said('docs/ports.md', '| Port |\r\nService |\r\n| 3001 |\r\napi |\r\n| 3002 |\r\nweb |\r\n')).toEqual([
      'states 3001 api',
      'states 3002 web',
    ]);
  });
});

describe('titles, bullets and sentences', () => {
  test('titles and bullets of intervals', () => {
    const text =
      '# Ports\n\n## 3000-3099: Core\n\n## Web (5000–5099)\n\n- **6000-6099**: Games\n- 6100-6109: Reserved for growth\n- System ports: 0-1023 (avoided)\n- **65003+**: later\n\n# Roadmap 2020-2024: a title\n';
    expect(intervals(text, 'range')).toEqual(['3000-3099', '5000-5099', '6000-6099', '65003-65535']);
    expect(intervals(text, 'reserved')).toEqual(['6100-6109']);
    expect(intervals(text, 'blocked')).toEqual(['1-1023']);
  });

  test('ports that are forbidden, and those that are only near such a word', () => {
    expect(intervals('Avoid well-known ports (80, 8080).', 'blocked')).toEqual(['80-80', '8080-8080']);
    expect(intervals('Nicht verwenden: Ports 3000-3010.', 'blocked')).toEqual(['3000-3010']);
    expect(intervals('Ports start from 65001, avoiding conflicts.', 'blocked')).toEqual([]);
  });

  test.each([
    ['- API: 3001', ['states 3001 API']],
    ['- **API** (port 3001)', ['states 3001 API']],
    ['- `mana-auth` → 3001', ['states 3001 mana-auth']],
    ['- 3001: API server (new)', ['states 3001 API server']],
    [
      '- mana-auth\n3001, mana-sync 3050, llm 3025',
      ['states 3001 mana-auth', 'states 3050 mana-sync', 'states 3025 llm'],
    ],
    ['mana-auth läuft auf Port 3001.', ['states 3001 mana-auth likely']],
    ['The mana-auth service listens on port 3001.', ['states 3001 mana-auth service likely']],
    ['- Web: http://localhost:5173/', ['states 5173 Web likely']],
    [
      '- Grafana\n  - Default: 3000\n  - Health: http://localhost:3000/health',
      ['states 3000 Grafana likely', 'states 3000 health Grafana likely'],
    ],
    ['See http://localhost:3001/docs for more.', ['refers 3001 localhost/host likely']],
    ['- Timeout: 3000 ms\n- Version: 3.11.2\n- Since 2026-04-08, for 100 users', []],
    ['Between 2020 and 2024 it served 5000 users, 3000 more.', []],
  ])('%j', (text, wanted) => {
    expect(said('docs/x.md', `# Ports\n\n${text}\n`)).toEqual(wanted);
  });

  test('in a service’s own document, the server is that service', () => {
    const others = { 'services/sync/go.mod': '' };
    expect(said('services/sync/README.md', 'The server listens on port 3050.', others)).toEqual([
      'states 3050 services/sync likely',
    ]);
    expect(said('services/sync/README.md', 'Runs on port 3050.', others)).toEqual(['states 3050 services/sync likely']);
  });

  test('block sizes, pairing rules and files to edit', () => {
    const text =
      '# Ports\n\n- 100 ports per project\n- Backend 30xx and frontend 50xx share the last digits where possible\n\nUpdate these files when ports change:\n\n- `docker-compose.yml`\n- services/*/.env.example\n';
    expect(of(text, 'block-size')).toMatchObject([{ size: 100 }]);
    expect(of(text, 'pairing')).toMatchObject([
      { first: { from: 3000, to: 3099 }, second: { from: 5000, to: 5099 }, digits: 2, strict: false },
    ]);
    expect(of(text, 'mentions').map((fact) => 'path' in fact && fact.path)).toEqual([
      'docker-compose.yml',
      'services/*/.env.example',
    ]);
    expect(of('Server 40xx und Web 60xx haben gleiche Endziffern.\n\nPorts.', 'pairing')).toMatchObject([
      { strict: true },
    ]);
  });
});

describe('what is planned', () => {
  const table = '| Service | Port |\n|---|---|\n| api | 4001 |\n';

  test('a document that says so of itself, except what it says is real', () => {
    const text = `# Ports\n\nThis is a proposed port layout, not yet implemented.\n\n${table}\nReal ports today:\n\n- api 3001, web 3002\n`;
    expect(said('docs/ports.md', text)).toEqual(['states 4001 planned api', 'states 3001 api', 'states 3002 web']);
  });

  test('a part of a document', () => {
    expect(said('docs/ports.md', `# Ports\n\n## Current ports\n\n${table}\n## Planned ports\n\n${table}`)).toEqual([
      'states 4001 api',
      'states 4001 planned api',
    ]);
    expect(said('docs/ports.md', `# Ports\n\n## Geplante Ports\n\n${table}`)).toEqual(['states 4001 planned api']);
  });

  test('a plan of something else is none of ports', () => {
    expect(said('docs/ports.md', `# Ports\n\nMaintenance is planned for May.\n\n${table}`)).toEqual([
      'states 4001 api',
    ]);
  });
});

describe('blocks of code', () => {
  test('are examples: their ports are nobody’s, which is told', () => {
    const text =
      '# Ports\n\n- api: 3000\n\n```yaml\nservices:\n  db:\n    ports: ["5032:5432"]\n```\n\n```\n| Port | Service |\n|---|---|\n| 3001 | api |\n```\n';
    expect(said('docs/ports.md', text)).toEqual(['states 3000 api']);
    expect(read('docs/ports.md', text).notes).toHaveLength(1);
  });

  test('an address in a command is a mention', () => {
    expect(said('docs/ports.md', '```sh\ncurl http://localhost:3001/health\n```\n')).toEqual([
      'refers 3001 localhost/host health likely',
    ]);
  });

  test('the ports and arrows of a flow chart are not', () => {
    const text =
      '# Ports\n\n```mermaid\ngraph LR\n  A["API :3001"] -->|reads| B[(Database 5432)]\n  A --> C(Cache)\n  X -.-> A\n  style A fill:#fff\n```\n\n```mermaid\nsequenceDiagram\n  A->>B: 3001\n```\n';
    expect(said('docs/ports.md', text)).toEqual(['states 3001 API', 'states 5432 Database']);
    const needs = of(text, 'depends').map((fact) => 'on' in fact && `${fact.names[0]!.name} ${fact.on[0]!.name}`);
    expect(needs).toEqual(['API Database', 'API Cache']);
  });
});
