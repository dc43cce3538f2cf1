import { type McpServer, ResourceTemplate } from '@modelcontextprotocol/server';
import { type AssignmentQuery, allItems } from '@portolan/client';
import {
  type AssignmentView,
  contains,
  formatEndpoint,
  formatInterval,
  PortolanError,
  parseServiceId,
  type Range,
  severities,
} from '@portolan/model';
import { plain, quoted } from './plain.ts';
import type { OpenRegistry, Registry } from './registry.ts';

/** Rows of one map; beyond that a model reads on by project. */
const ROWS_MAX = 2_000;
const MARKDOWN = 'text/markdown';

/** What can be read rather than asked: the port map of the fleet and of each project, and what is wrong. */
export function addResources(server: McpServer, open: OpenRegistry): void {
  const answer = async (uri: URL, make: (registry: Registry) => Promise<string>) => ({
    contents: [{ uri: uri.href, mimeType: MARKDOWN, text: await told(open, make) }],
  });
  server.registerResource(
    'port-map',
    'portolan://ports',
    { title: 'Port map', description: 'Every assigned port of the fleet, by range.', mimeType: MARKDOWN },
    (uri) => answer(uri, (registry) => portMap(registry)),
  );
  server.registerResource(
    'findings',
    'portolan://findings',
    { title: 'Findings', description: 'What is wrong in the fleet, worst first.', mimeType: MARKDOWN },
    (uri) => answer(uri, findingList),
  );
  server.registerResource(
    'project-port-map',
    new ResourceTemplate('portolan://projects/{project}/ports', {
      list: async () => ({
        resources: (await projects(open)).map((project) => ({
          name: `ports of ${project}`,
          uri: `portolan://projects/${project}/ports`,
          mimeType: MARKDOWN,
        })),
      }),
      complete: {
        project: async (begun) => (await projects(open)).filter((project) => project.startsWith(begun)),
      },
    }),
    { title: 'Port map of a project', description: 'Every assigned port of one project.', mimeType: MARKDOWN },
    (uri, { project }) => answer(uri, (registry) => portMap(registry, String(project))),
  );
}

/** A resource has no way to say that it failed but a protocol error, which clients show badly: so its text says it. */
async function told(open: OpenRegistry, make: (registry: Registry) => Promise<string>): Promise<string> {
  try {
    return await make(await open());
  } catch (error) {
    if (!(error instanceof PortolanError)) throw error;
    return `This cannot be read now: ${plain(error.message)} (${error.code})\n`;
  }
}

async function projects(open: OpenRegistry): Promise<string[]> {
  try {
    const registry = await open();
    const items = await allItems((query: AssignmentQuery) => registry.assignments(query), { limit: 10_000 });
    return [...new Set(items.map(({ endpoint }) => endpoint.project))].sort();
  } catch (error) {
    if (!(error instanceof PortolanError)) throw error;
    return [];
  }
}

async function portMap(registry: Registry, project?: string): Promise<string> {
  const assignments = await allItems(
    (query: AssignmentQuery) => registry.assignments(query),
    project ? { project } : {},
  );
  const ranges = await allItems((query) => registry.ranges(query), {});
  const blocks = await allItems((query) => registry.blocks(query), {});
  const sorted = assignments.toSorted((a, b) => a.port - b.port);
  const shown = sorted.slice(0, ROWS_MAX);
  const within = (range: Range) => shown.filter(({ port }) => contains(range, port));
  const placed = ranges
    .toSorted((a, b) => a.from - b.from)
    .filter((range) => !project || range.owner === project || within(range).length > 0);
  const outside = shown.filter(({ port }) => !placed.some((range) => contains(range, port)));
  const sections = [
    ...placed.map((range) =>
      section(`${plain(range.name)} (${formatInterval(range)})`, quoted(range.purpose), within(range)),
    ),
    ...(outside.length > 0 ? [section(placed.length > 0 ? 'Elsewhere' : 'Ports', '', outside)] : []),
  ];
  const more =
    sorted.length > shown.length ? [`${sorted.length - shown.length} more are not shown: read them by project.`] : [];
  const shut = blocks.map(
    (block) => `- ${formatInterval(block)}${block.protocol ? ` ${block.protocol}` : ''}: ${quoted(block.reason)}`,
  );
  const title = project ? `# Ports of ${project}` : '# Ports of the fleet';
  const body = sections.length > 0 ? sections : ['No port is assigned.'];
  return [title, ...body, ...more, ...(shut.length > 0 && !project ? ['## Blocked', shut.join('\n')] : [])]
    .join('\n\n')
    .concat('\n');
}

function section(title: string, purpose: string, rows: readonly AssignmentView[]): string {
  const table = rows.map(
    ({ port, protocol, endpoint, state, host, purpose }) =>
      `| ${port} | ${protocol} | ${formatEndpoint(endpoint)} | ${state} | ${cell(host)} | ${cell(purpose)} |`,
  );
  const head = ['| port | protocol | endpoint | state | host | purpose |', '| --- | --- | --- | --- | --- | --- |'];
  return [`## ${title}`, purpose, rows.length > 0 ? [...head, ...table].join('\n') : 'No port of it is assigned.']
    .filter((part) => part !== '')
    .join('\n\n');
}

function cell(text: string | undefined): string {
  return plain(text ?? '').replaceAll('|', '\\|');
}

async function findingList(registry: Registry): Promise<string> {
  const items = await allItems((query) => registry.findings(query), {});
  const worst = items.toSorted((a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity));
  const lines = worst.slice(0, ROWS_MAX).map(({ id, severity, kind, summary, parties }) => {
    const names = [...new Set(parties.flatMap(({ service }) => service ?? []))];
    const projects = [...new Set(names.map((name) => parseServiceId(name).project))].join(', ');
    return `- **${severity} ${kind}** ${quoted(summary)} (\`${id}\`${projects ? `, of ${projects}` : ''})`;
  });
  return ['# Findings', lines.length > 0 ? lines.join('\n') : 'Nothing is wrong.'].join('\n\n').concat('\n');
}
