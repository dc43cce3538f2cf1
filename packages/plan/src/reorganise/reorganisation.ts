import { type Chart, chartOf, nameOf, type Subject } from '../check/chart.ts';
import { check } from '../check/check.ts';
import type { PlanFinding } from '../check/finding.ts';
import type { Edit } from '../edit/splice.ts';
import { isPortFact, type Place } from '../fact.ts';
import { relocate, type Wishes } from './relocation.ts';
import { editsOf, type Obstacle, rewritesOf } from './rewrite.ts';

/** One thing to do, in its turn: then restart the service. */
export interface PlanStep {
  /** `mana-sync`, or `minio:console`. */
  readonly endpoint: string;
  readonly from: number;
  readonly to: number;
  /** It stops there so that another can pass, and moves again. */
  readonly temporary: boolean;
  /** Why it moves: summaries of findings, or what it makes room for. */
  readonly because: readonly string[];
  /** Where its port is written. Nothing is written for a stop on the way. */
  readonly places: readonly Place[];
}

/** Wrong numbers of an endpoint that keeps its port. */
export interface Repair {
  readonly endpoint: string;
  readonly port: number;
  readonly places: readonly { readonly place: Place; readonly says: number }[];
}

export interface Reorganisation {
  readonly steps: readonly PlanStep[];
  readonly repairs: readonly Repair[];
  /** Places where what is for this machine alone is published more widely. */
  readonly narrowed: readonly { readonly service: string; readonly place: Place }[];
  /** How many change their port, and how many keep it. */
  readonly moves: number;
  readonly kept: number;
  /** No reorganisation that does the same has fewer moves. */
  readonly bound: number;
  /** Rules that cannot be met together with the others. */
  readonly dropped: readonly string[];
  readonly edits: readonly Edit[];
  readonly obstacles: readonly Obstacle[];
  /** Findings that neither a port nor an address mends. */
  readonly remaining: readonly PlanFinding[];
  /** Files that the plan names for such changes, and in which nothing was found. */
  readonly lookAt: readonly string[];
}

/** Findings that another port, or the right digits in a file, mend. */
const byPorts: ReadonlySet<PlanFinding['kind']> = new Set([
  'collision',
  'drift',
  'stale-mention',
  'blocked-port',
  'out-of-range',
  'wrong-block',
  'gap',
  'pairing',
]);

/**
 * From today's ports to those that the rules want, with the fewest moves, in an order in which nobody is in another's
 * way, and every place in the files that has to be rewritten for it.
 *
 * @throws PortolanError `range-exhausted`, `invalid-request`
 */
export function reorganise(subject: Subject, wishes: Wishes): Reorganisation {
  const chart = chartOf(subject);
  const all = check(subject);
  const findings = all.filter(({ doubt }) => doubt === undefined);
  const { moves, steps, kept, bound, dropped } = relocate(chart, wishes);
  const targets = new Map(moves.flatMap(({ endpoints, to }) => endpoints.map((endpoint) => [endpoint, to] as const)));
  const rewrites = new Map(
    chart.endpoints
      .filter(({ port }) => port !== null)
      .map((endpoint) => [endpoint, rewritesOf(chart, endpoint, targets.get(endpoint) ?? endpoint.port!, findings)]),
  );
  const { edits, obstacles } = editsOf([...rewrites.values()].flat());
  const narrows = findings.flatMap(({ services: [service], narrows = [] }) =>
    narrows.map((each) => ({ service: service!, ...each })),
  );
  const mended = new Set(edits.map(({ file, offset }) => `${file}:${offset}`));
  return {
    steps: steps.map(({ id, from, to, temporary }) => {
      const move = moves.find((each) => each.id === id)!;
      return {
        endpoint: id,
        from: from!,
        to,
        temporary,
        because: temporary ? ['it stops there so that another can pass'] : reasons(chart, all, move.endpoints, moves),
        places: temporary
          ? []
          : move.endpoints.flatMap((endpoint) => rewrites.get(endpoint)!.map(({ place }) => place)),
      };
    }),
    repairs: Array.from(rewrites, ([endpoint, own]) => ({ endpoint, own })).flatMap(({ endpoint, own }) =>
      own.length === 0 || targets.has(endpoint)
        ? []
        : [
            {
              endpoint: nameOf(endpoint),
              port: endpoint.port!,
              places: own.map(({ place, from }) => ({ place, says: from })),
            },
          ],
    ),
    moves: moves.length,
    kept,
    bound,
    dropped,
    narrowed: narrows.map(({ service, place }) => ({ service, place })),
    edits: [...edits, ...narrows.map(narrowing)],
    obstacles,
    remaining: findings.filter(
      ({ kind, mends, narrows: mendable, witnesses }) =>
        (!byPorts.has(kind) && !mendable) ||
        (kind === 'stale-mention' &&
          !mends &&
          !witnesses.some(({ place }) => place && mended.has(`${place.file}:${place.offset}`))),
    ),
    lookAt: lookAt(chart, edits),
  };
}

function narrowing({ place: { file, offset }, address }: { place: Place; address: string }): Edit {
  return { file, offset, expected: address, replacement: address === '' ? '127.0.0.1:' : '127.0.0.1' };
}

function reasons(
  { manifest }: Chart,
  findings: readonly PlanFinding[],
  endpoints: readonly { service: string; port: number | null }[],
  moves: readonly { id: string; to: number }[],
): string[] {
  const [{ service, port }] = endpoints as [(typeof endpoints)[number]];
  const own = findings.filter(
    ({ kind, services, port: at }) =>
      byPorts.has(kind) &&
      kind !== 'stale-mention' &&
      services.includes(service) &&
      (at === port || kind === 'pairing' || kind === 'gap'),
  );
  if (own.length > 0) return own.map(({ summary }) => summary);
  const passer = moves.find(({ to }) => to === port);
  if (passer) return [`it makes room for ${passer.id}`];
  return [manifest.pairings.length > 0 ? 'its pair and its range want it there' : 'its range wants it there'];
}

/** Paths that the plan lists for changes of ports, and that the edits do not touch. Patterns are passed on as they are. */
function lookAt({ manifest, facts }: Chart, edits: readonly Edit[]): string[] {
  if (edits.length === 0) return [];
  const known = new Set([...edits.map(({ file }) => file), ...facts.filter(isPortFact).map(({ place }) => place.file)]);
  const listed = [...manifest.files, ...Object.values(manifest.services).flatMap(({ files }) => files)];
  return [...new Set(listed)].filter((path) => !known.has(path.replace(/^\.\//, '')));
}
