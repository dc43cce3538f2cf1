import type { Chart } from '../check/chart.ts';

/** Target groups for `file_sd_configs`, one for each endpoint of TCP. Services without hosts are looked for on localhost. */
export function prometheusTargets({ endpoints, manifest }: Chart): string {
  const groups = endpoints
    .filter(({ port, protocol }) => port !== null && protocol === 'tcp')
    .map(({ service, label, port, of }) => ({
      targets: (of.hosts.length > 0 ? of.hosts : ['localhost']).map(
        (host) => `${host.includes(':') ? `[${host}]` : host}:${port}`,
      ),
      labels: { project: manifest.project, service, endpoint: label },
    }));
  return `${JSON.stringify(groups, null, 2)}\n`;
}
