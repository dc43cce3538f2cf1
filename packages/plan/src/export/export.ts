import type { Chart } from '../check/chart.ts';
import { composeOverride } from './compose.ts';
import { csv } from './csv.ts';
import { environmentFile } from './env.ts';
import { endpointList } from './json.ts';
import { pm2Ports } from './pm2.ts';
import { prometheusTargets } from './prometheus.ts';

/** What a plan can be written as, for other programs. */
export const exportFormats = {
  env: environmentFile,
  compose: composeOverride,
  pm2: pm2Ports,
  prometheus: prometheusTargets,
  csv,
  json: endpointList,
} as const satisfies Record<string, (chart: Chart) => string>;

export type ExportFormat = keyof typeof exportFormats;
