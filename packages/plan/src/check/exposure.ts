import { isLoopback } from '@portolan/model';
import { type Chart, type Charted, nameOf } from './chart.ts';
import type { PlanFinding } from './finding.ts';
import { claimed, evidenceOf } from './words.ts';

/** Services for other services alone, that a file publishes to whoever reaches the host. */
export function exposures(chart: Chart): PlanFinding[] {
  return chart.endpoints.filter(({ of }) => of.internalOnly).flatMap((endpoint) => exposed(chart, endpoint));
}

function exposed(chart: Chart, endpoint: Charted): PlanFinding[] {
  const published = endpoint.binds.filter(
    ({ by, inside, address }) =>
      (by === 'kubernetes' || (by === 'compose' && inside !== undefined)) &&
      !(address !== undefined && isLoopback(address)),
  );
  const [first] = published;
  if (!first) return [];
  const place = chart.written(['services', endpoint.service, 'internalOnly']);
  const name = nameOf(endpoint);
  const told = chart.facts.find(
    (fact) => fact.service === endpoint.service && fact.kind === 'describes' && fact.what === 'internal-only',
  );
  const narrows = published.flatMap(({ addressPlace: at, address = '' }) =>
    at && !address.includes('$') ? [{ place: at, address }] : [],
  );
  return [
    {
      id: `exposed:${endpoint.service}:${endpoint.label}`,
      kind: 'exposed',
      severity: 'error',
      port: first.port,
      protocol: endpoint.protocol,
      services: [endpoint.service],
      summary: `${name} is internal only, but ${first.place.file} publishes it at port ${first.port}.`,
      witnesses: [
        ...published.map((fact) => evidenceOf(fact, claimed(endpoint, fact))),
        ...(place ? [{ place, says: 'internalOnly: true' }] : []),
        ...(told ? [evidenceOf(told, `${name} is internal only`)] : []),
      ],
      ...(narrows.length === published.length ? { narrows } : {}),
      fixes:
        first.by === 'compose'
          ? [
              `write "expose" instead of "ports" in ${first.place.file}:${first.place.line}: the other containers still reach it`,
              `or publish it to this machine alone: "127.0.0.1:${first.port}:${first.inside}" (portolan plan --write does)`,
            ]
          : [
              `make it a Service of type ClusterIP, without nodePort and hostPort (${first.place.file}:${first.place.line})`,
            ],
    },
  ];
}
