import { DEFAULT_LABEL, type Protocol } from '@portolan/model';
import {
  type Binds,
  bindStrengths,
  type Fact,
  type Internal,
  isPortFact,
  type Place,
  type PortFact,
  type Refers,
  type States,
} from '../fact.ts';
import { type Manifest, type ManifestEndpoint, ManifestService } from '../manifest/schema.ts';
import type { Live } from './live.ts';

/** All that is known before the check. */
export interface Subject {
  readonly manifest: Manifest;
  /** Plans of other projects, whose ports are theirs. */
  readonly others: readonly Manifest[];
  /** Nobody wrote the manifest: it was drafted from the very facts. What only a plan could tell is then in doubt. */
  readonly drafted: boolean;
  /** Where the manifest has a value, by its path: `['services', 'auth', 'endpoints', 'default', 'port']`. */
  readonly written: (path: readonly (string | number)[]) => Place | undefined;
  /** Reconciled with the manifest. */
  readonly facts: readonly Fact[];
  readonly live?: Live | undefined;
}

/** One endpoint of the plan with all that files say of it. */
export interface Charted {
  readonly service: string;
  readonly label: string;
  readonly protocol: Protocol;
  /** The port that it has by the plan, or by the strongest file where the plan leaves it open. */
  readonly port: number | null;
  readonly planned: number | null;
  readonly plan: ManifestEndpoint;
  readonly of: ManifestService;
  readonly binds: readonly Binds[];
  readonly states: readonly States[];
  readonly refers: readonly Refers[];
  readonly internals: readonly Internal[];
  /** Files have it, and the plan has not. */
  readonly unplanned: boolean;
}

/** The subject, sorted by endpoints. */
export interface Chart extends Subject {
  readonly endpoints: readonly Charted[];
  /** Ports of facts that name a service and none of its endpoints. */
  readonly loose: readonly PortFact[];
  ofService(service: string): readonly Charted[];
  /**
   * Ports that are known inside of the containers of a service.
   *
   * @param composed as this compose file and images tell: another file makes other containers
   */
  insideOf(service: string, composed?: string): ReadonlySet<number>;
}

export function chartOf(subject: Subject): Chart {
  const { manifest, facts } = subject;
  const byService = Map.groupBy(
    facts.filter((fact) => isPortFact(fact)).filter(({ service, sure }) => service !== undefined && sure !== 'unsure'),
    ({ service }) => service!,
  );
  const loose: PortFact[] = [];
  const services = { ...manifest.services, ...unplannedServices(byService, manifest) };
  const endpoints = Object.entries(services).flatMap(([service, of]) => {
    const labels = Object.keys(of.endpoints);
    const own = Map.groupBy(byService.get(service) ?? [], (fact) => labelOf(fact, of, labels));
    loose.push(...(own.get(undefined) ?? []));
    return labels.map((label) => charted(service, label, of, own.get(label) ?? [], !(service in manifest.services)));
  });
  const index = Map.groupBy(endpoints, ({ service }) => service);
  return {
    ...subject,
    endpoints,
    loose,
    ofService: (service) => index.get(service) ?? [],
    insideOf: (service, composed) =>
      insidePorts(
        (byService.get(service) ?? []).filter(
          ({ importer, place }) => composed === undefined || importer === 'dockerfile' || place.file === composed,
        ),
      ),
  };
}

function insidePorts(facts: readonly PortFact[]): ReadonlySet<number> {
  const ports = new Set<number>();
  for (const fact of facts) {
    if (fact.kind === 'internal') ports.add(fact.port);
    if (fact.kind === 'binds' && fact.inside !== undefined) ports.add(fact.inside);
  }
  return ports;
}

/** Services that files start on a port of the host, and that the plan does not have. */
function unplannedServices(
  byService: ReadonlyMap<string, readonly PortFact[]>,
  manifest: Manifest,
): Record<string, ManifestService> {
  const found: Record<string, ManifestService> = {};
  for (const [service, facts] of byService) {
    if (service in manifest.services) continue;
    const started = facts.filter((fact) => fact.kind === 'binds' && isStarted(fact));
    if (started.length === 0) continue;
    const endpoints = Object.fromEntries(
      started.map(({ label = DEFAULT_LABEL, port, protocol }) => [label, { port, protocol }]),
    );
    found[service] = ManifestService.parse({ endpoints });
  }
  return found;
}

/** A file that starts a service, not one that may be read by whoever starts it. */
function isStarted({ by, fallback }: Binds): boolean {
  return !fallback && ['compose', 'kubernetes', 'pm2', 'unit', 'procfile'].includes(by);
}

/** Which endpoint of its service a fact is about: by its label, else by its number, else the only one that has a port. */
function labelOf(fact: PortFact, { endpoints }: ManifestService, labels: readonly string[]): string | undefined {
  if (fact.label !== undefined && labels.includes(fact.label)) return fact.label;
  const ported = labels.filter((label) => endpoints[label]!.port !== 'none');
  const same = ported.filter((label) => {
    const { port, planned, protocol } = endpoints[label]!;
    return protocol === fact.protocol && (port === fact.port || planned === fact.port);
  });
  if (same.length === 1) return same[0];
  const rivals = ported.filter((label) => endpoints[label]!.protocol === fact.protocol);
  return rivals.length === 1 ? rivals[0] : undefined;
}

function charted(
  service: string,
  label: string,
  of: ManifestService,
  facts: readonly PortFact[],
  unplanned: boolean,
): Charted {
  const plan = of.endpoints[label]!;
  const binds = facts
    .filter((fact) => fact.kind === 'binds')
    .sort((a, b) => bindStrengths.indexOf(a.by) - bindStrengths.indexOf(b.by));
  const states = facts.filter((fact) => fact.kind === 'states');
  const found = binds[0]?.port ?? states.find(({ planned }) => !planned)?.port;
  return {
    service,
    label,
    protocol: plan.protocol,
    port: plan.port === 'none' ? null : typeof plan.port === 'number' ? plan.port : (found ?? null),
    planned: plan.planned ?? null,
    plan,
    of,
    binds,
    states,
    refers: facts.filter((fact) => fact.kind === 'refers'),
    internals: facts.filter((fact) => fact.kind === 'internal'),
    unplanned,
  };
}

/** An endpoint of which nothing is known but its plan. */
export function bare(service: string, label: string, of: ManifestService): Charted {
  return charted(service, label, of, [], false);
}

/** `mana-sync`, or `minio:console` where a service has several. */
export function nameOf({ service, label, of }: Pick<Charted, 'service' | 'label' | 'of'>): string {
  return Object.keys(of.endpoints).length === 1 ? service : `${service}:${label}`;
}
