import { type Chart, nameOf } from './chart.ts';
import type { PlanFinding } from './finding.ts';
import { witnessesOf } from './words.ts';

/** Services that a file starts on a port of the host, and that the plan does not have. */
export function unplannedServices(chart: Chart): PlanFinding[] {
  const unplanned = chart.endpoints.filter((endpoint) => endpoint.unplanned);
  return unplanned.map((endpoint) => ({
    id: `unregistered:${endpoint.service}:${endpoint.label}`,
    kind: 'unregistered',
    severity: 'warning',
    ...(chart.drafted && { doubt: 'the files do not say enough of it for a plan' }),
    port: endpoint.port,
    protocol: endpoint.protocol,
    services: [endpoint.service],
    summary: `${nameOf(endpoint)} is started on port ${endpoint.port}, and is in no plan.`,
    witnesses: witnessesOf(chart, endpoint, endpoint.port!),
    fixes: [`portolan add ${endpoint.service} --port ${endpoint.port} (writes it into portolan.yaml)`],
  }));
}
