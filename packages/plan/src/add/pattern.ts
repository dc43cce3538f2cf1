import type { Chart, Charted } from '../check/chart.ts';
import type { Place } from '../fact.ts';

/** A service after whose manner a new one is written down. */
export interface Pattern {
  readonly endpoint: Charted;
  /** Where its port stands, in files that tell of several services. */
  readonly shared: readonly { readonly place: Place; readonly importer: string }[];
  /** Where it stands in files of its own. */
  readonly own: readonly { readonly place: Place; readonly importer: string }[];
  /** Where files define it: the keys of compose services. */
  readonly named: readonly Place[];
}

/** The service before the new one in its range, or the one that it is said to be like. */
export function patternFor(
  chart: Chart,
  port: number,
  range: string | null,
  like: string | undefined,
): Pattern | undefined {
  const single = chart.endpoints.filter(
    (each) => !each.unplanned && each.port !== null && chart.ofService(each.service).length === 1,
  );
  const around = single.filter(({ plan, port: own }) => {
    const ports = range === null ? undefined : chart.manifest.ranges[range]?.ports;
    return ports ? own! >= ports.from && own! <= ports.to : plan.range === undefined;
  });
  const before = around.filter((each) => each.port! < port).sort((a, b) => b.port! - a.port!);
  const after = around.filter((each) => each.port! > port).sort((a, b) => a.port! - b.port!);
  const endpoint = like === undefined ? (before[0] ?? after[0]) : single.find(({ service }) => service === like);
  return endpoint && patternOf(chart, endpoint);
}

function patternOf(chart: Chart, endpoint: Charted): Pattern {
  const servicesIn = new Map<string, Set<string>>();
  for (const { place, service } of chart.facts) {
    if (service === undefined) continue;
    const known = servicesIn.get(place.file);
    if (known) known.add(service);
    else servicesIn.set(place.file, new Set([service]));
  }
  const { binds, states, refers, internals, port, service } = endpoint;
  const facts = [...binds, ...states, ...refers, ...internals].filter(
    (fact) => fact.port === port && fact.place.length > 0,
  );
  const isShared = ({ place }: { place: Place }) => (servicesIn.get(place.file)?.size ?? 0) > 1;
  const told = ({ place, importer }: { place: Place; importer: string }) => ({ place, importer });
  return {
    endpoint,
    shared: facts.filter(isShared).map(told),
    own: facts.filter((fact) => !isShared(fact)).map(told),
    named: chart.facts
      .filter((fact) => fact.kind === 'named' && fact.service === service && isShared(fact))
      .map(({ place }) => place),
  };
}
