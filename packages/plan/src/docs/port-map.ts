import { formatInterval } from '@portolan/model';
import { type Chart, type Charted, nameOf } from '../check/chart.ts';
import { type PlanFinding, sourceOf } from '../check/finding.ts';
import { blocksOf, rangeAt } from '../check/range.ts';
import { dependencyGraph } from './graph.ts';
import { cell, table } from './markdown.ts';

/**
 * The plan as Markdown: ports by range, what depends on what, health checks, what is blocked, what is wrong. The same
 * for the same plan, so that it can be compared.
 *
 * @param level of its headings, 1..5
 */
export function portMap(chart: Chart, findings: readonly PlanFinding[], level: number): string {
  const heading = (text: string, below = 0) => `${'#'.repeat(level + below)} ${text}`;
  const sections: [title: string, body: string][] = [
    ['Ports', byRange(chart, (text) => heading(text, 1))],
    ['Without a port', portless(chart)],
    ['Dependencies', graph(chart)],
    ['Health checks', healthChecks(chart)],
    ['Blocked ports', blockedPorts(chart)],
    ['Findings', findingList(findings)],
  ];
  return sections
    .filter(([, body]) => body !== '')
    .map(([title, body]) => `${heading(title)}\n\n${body}`)
    .join('\n\n');
}

function byRange(chart: Chart, heading: (text: string) => string): string {
  const { manifest } = chart;
  const ported = chart.endpoints.filter(({ port }) => port !== null);
  const groups = Map.groupBy(ported, ({ port }) => rangeAt(manifest, port!)?.[0]);
  const ranges = Object.entries(manifest.ranges).toSorted(([, a], [, b]) => a.ports.from - b.ports.from);
  const parts = ranges.map(([name, { ports, purpose, owner, reserved }]) => {
    const rows = (groups.get(name) ?? []).map((endpoint) => ({ at: endpoint.port!, row: rowOf(endpoint) }));
    for (const kept of reserved) {
      rows.push({ at: kept.ports.from, row: [formatInterval(kept.ports), '(reserved)', '', '', cell(kept.reason)] });
    }
    const whose = owner !== null && owner !== manifest.project ? ` (${cell(owner)})` : '';
    const title = heading(`${formatInterval(ports)}: ${cell(purpose || name)}${whose}`);
    const sorted = rows.sort((a, b) => a.at - b.at).map(({ row }) => row);
    return `${title}\n\n${sorted.length > 0 ? table(columns, sorted) : 'Nobody is placed here.'}`;
  });
  const others = (groups.get(undefined) ?? []).sort((a, b) => a.port! - b.port!).map(rowOf);
  if (others.length > 0) {
    const body = table(columns, others);
    parts.push(ranges.length > 0 ? `${heading('Other ports')}\n\n${body}` : body);
  }
  return parts.join('\n\n');
}

const columns = ['Port', 'Service', 'Runtime', 'Status', 'Description'];

function rowOf(endpoint: Charted): string[] {
  const { port, protocol, of, plan } = endpoint;
  const number = protocol === 'tcp' ? `${port}` : `${port}/${protocol}`;
  const text = [plan.purpose ?? of.description ?? '', of.internalOnly ? 'internal only' : '']
    .filter(Boolean)
    .join('; ');
  return [number, cell(nameOf(endpoint)), cell(of.runtime ?? ''), of.status ?? '', cell(text)];
}

function portless({ endpoints }: Chart): string {
  const rows = endpoints
    .filter(({ plan }) => plan.port === 'none')
    .map((endpoint) => [
      cell(nameOf(endpoint)),
      cell(endpoint.plan.transport ?? ''),
      cell(endpoint.of.description ?? ''),
    ]);
  return table(['Service', 'Spoken to by', 'Description'], rows);
}

function graph({ manifest }: Chart): string {
  const text = dependencyGraph(manifest);
  return text === null ? '' : `\`\`\`mermaid\n${text}\n\`\`\``;
}

function healthChecks({ endpoints }: Chart): string {
  const rows = endpoints
    .filter(({ plan, port }) => plan.health !== undefined && port !== null)
    .map((endpoint) => [cell(nameOf(endpoint)), healthOf(endpoint)]);
  return table(['Service', 'Health check'], rows);
}

function healthOf({ plan: { health = '' }, port, of }: Charted): string {
  if (health === 'tcp') return `TCP connection to port ${port}`;
  const url = health.startsWith('/') ? `http://${of.hosts[0] ?? 'localhost'}:${port}${health}` : health;
  // Between angle brackets only these need to be written otherwise.
  return `<${url.replace(/[<>|\s\\]/g, (character) => encodeURIComponent(character))}>`;
}

function blockedPorts({ manifest }: Chart): string {
  const rows = blocksOf(manifest)
    .toSorted((a, b) => a.ports.from - b.ports.from)
    .map(({ ports, protocol, reason }) => [
      protocol === null ? formatInterval(ports) : `${formatInterval(ports)}/${protocol}`,
      cell(reason),
    ]);
  return table(['Port', 'Reason'], rows);
}

function findingList(findings: readonly PlanFinding[]): string {
  const sure = findings.filter(({ doubt }) => doubt === undefined);
  if (sure.length === 0) return 'None.';
  return sure
    .map(({ severity, kind, summary, witnesses, fixes }) => {
      const where = [...new Set(witnesses.filter(({ place }) => place).map(sourceOf))].slice(0, 4).map(cell).join(', ');
      return `- **${severity}, ${kind}:** ${cell(summary)}${where ? ` (${where})` : ''} ${cell(`Fix: ${fixes[0] ?? ''}.`)}`;
    })
    .join('\n');
}
