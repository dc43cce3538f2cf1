import { PortolanError } from '@portolan/model';
import type { Chart, Charted } from '../check/chart.ts';

/**
 * `MANA_SYNC_PORT=3010`, one a line; `MINIO_CONSOLE_PORT` where a service has several.
 *
 * @throws PortolanError `invalid-request` when two endpoints would have one variable
 */
export function environmentFile({ endpoints, manifest }: Chart): string {
  const lines = new Map<string, { line: string; endpoint: Charted }>();
  for (const endpoint of endpoints) {
    if (endpoint.port === null) continue;
    const name = variableOf(endpoint);
    const other = lines.get(name)?.endpoint;
    if (other) {
      throw new PortolanError(
        'invalid-request',
        `${other.service}:${other.label} and ${endpoint.service}:${endpoint.label} would both be ${name}: rename one of them`,
        { name },
      );
    }
    lines.set(name, { line: `${name}=${endpoint.port}`, endpoint });
  }
  return [
    `# Ports of ${manifest.project}, by "portolan export".`,
    ...[...lines.values()].map(({ line }) => line),
    '',
  ].join('\n');
}

function variableOf({ service, label, of }: Charted): string {
  const parts = Object.keys(of.endpoints).length > 1 ? [service, label, 'PORT'] : [service, 'PORT'];
  const name = parts
    .join('_')
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_');
  // No shell takes a variable that begins with a digit.
  return /^\d/.test(name) ? `_${name}` : name;
}
