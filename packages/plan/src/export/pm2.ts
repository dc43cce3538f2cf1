import type { Chart } from '../check/chart.ts';

/** A module with the `ports` and the environment of each service: `...require('./ports.cjs')['chat-server']`. */
export function pm2Ports({ endpoints, manifest }: Chart): string {
  const ported = endpoints.filter(({ port }) => port !== null);
  const entries = Array.from(
    Map.groupBy(ported, ({ service }) => service),
    ([service, own]) => {
      const ports = Object.fromEntries(own.map(({ label, port }) => [label, port]));
      const [first] = own;
      const env = Object.fromEntries(
        own.map(({ label, port }) => [
          own.length === 1 || label === first!.label
            ? 'PORT'
            : `${label.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}_PORT`,
          port,
        ]),
      );
      return [service, { ports, env }];
    },
  );
  return `// Ports of ${manifest.project}, by "portolan export".\nmodule.exports = ${JSON.stringify(Object.fromEntries(entries), null, 2)};\n`;
}
