import type { Chart } from '../check/chart.ts';
import { rangeAt } from '../check/range.ts';

/** Every endpoint with its port, for programs. */
export function endpointList({ endpoints, manifest }: Chart): string {
  const list = endpoints.map(({ service, label, protocol, port, planned, plan, of }) => ({
    service: `${manifest.project}/${service}`,
    label,
    protocol,
    port,
    planned,
    range: (port !== null && rangeAt(manifest, port)?.[0]) || null,
    health: plan.health ?? null,
    transport: plan.transport ?? null,
    status: of.status ?? null,
    runtime: of.runtime ?? null,
    hosts: of.hosts,
    internalOnly: of.internalOnly,
    dependencies: of.dependencies,
    description: plan.purpose ?? of.description ?? null,
  }));
  return `${JSON.stringify({ project: manifest.project, endpoints: list }, null, 2)}\n`;
}
