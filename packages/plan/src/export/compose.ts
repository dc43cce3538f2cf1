import { Document, isSeq, type Scalar, type YAMLMap } from 'yaml';
import type { Chart, Charted } from '../check/chart.ts';

/**
 * An override file that publishes each service at the port of the plan: `docker compose -f compose.yaml -f ports.yaml up`.
 * Its lists take the place of those of the other files (`!override`, Compose 2.24.4 and later). Services that no compose
 * file has are left out, unless none has any.
 */
export function composeOverride(chart: Chart): string {
  const ported = chart.endpoints.filter(({ port }) => port !== null);
  const composed = ported.filter((endpoint) => composeName(chart, endpoint) !== undefined);
  const chosen = composed.length > 0 ? composed : ported;
  const byName = Map.groupBy(chosen, (endpoint) => composeName(chart, endpoint) ?? endpoint.service);
  const services = Object.fromEntries(
    Array.from(byName, ([name, endpoints]) => {
      const isInternal = endpoints[0]!.of.internalOnly;
      return [name, isInternal ? { ports: [] } : { ports: endpoints.map((endpoint) => published(endpoint)) }];
    }),
  );
  const document = new Document({ services });
  document.commentBefore = ` Ports of ${chart.manifest.project}, by "portolan export". Goes after the other compose files.`;
  for (const { value } of (document.get('services') as YAMLMap<Scalar, YAMLMap>).items) {
    const ports = value?.get('ports', true);
    if (!isSeq(ports)) continue;
    ports.tag = '!override';
    // Unquoted, YAML 1.1 takes 22:22 for a number of base sixty.
    for (const item of ports.items) (item as Scalar).type = 'QUOTE_DOUBLE';
  }
  return document.toString();
}

function composeName({ facts }: Chart, { service }: Charted): string | undefined {
  for (const fact of facts) {
    if (fact.service !== service || fact.importer !== 'compose') continue;
    // References of other services stand in compose files, too.
    if (fact.kind !== 'binds' && fact.kind !== 'internal') continue;
    const name = fact.names.find(({ from }) => from === 'compose')?.name;
    if (name !== undefined) return name;
  }
  return undefined;
}

function published({ port, protocol, binds, internals }: Charted): string {
  const here = binds.find(({ by, inside }) => by === 'compose' && inside !== undefined);
  const inside = here?.inside ?? internals[0]?.port ?? port;
  const address = here?.address ? `${here.address}:` : '';
  return `${address}${port}:${inside}${protocol === 'udp' ? '/udp' : ''}`;
}
