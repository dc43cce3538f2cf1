import { addressesOverlap } from './address.ts';
import type { Verdict } from './finding.ts';
import { contains } from './interval.ts';
import { type Hotspots, nameSides, partiesOf } from './party.ts';
import type { Observed, PortFacts, Side } from './port-facts.ts';
import { SYSTEM_BLOCK } from './range.ts';
import { byEndpoint, moveAway, partAll, releaseOf } from './remedy.ts';

/** How bad a collision is: the verdict has the grade of its worst pair. */
const judgements = {
  overlap: { severity: 'error', class: 'active', maskedBy: null },
  address: { severity: 'warning', class: 'active', maskedBy: 'address' },
  namespace: { severity: 'warning', class: 'latent', maskedBy: 'namespace' },
  host: { severity: 'warning', class: 'latent', maskedBy: 'host' },
} as const;

type Grade = keyof typeof judgements;
const worstFirst: readonly Grade[] = ['overlap', 'address', 'namespace', 'host'];

/**
 * The collision and the squatting of a port, by the table of `judgePort`.
 *
 * @param sides of different services, all identified
 */
export function judgeSides(facts: PortFacts, sides: readonly Side[]): Verdict[] {
  if (sides.length < 2) return [];
  const scene = sceneOf(sides);
  const worst = new Worst();
  const squat = judgeAbsent(scene, worst);
  judgeDeclared(scene, worst);
  judgeObserved(facts, scene, worst);
  const colliding = sides.filter((side) => worst.sides.has(side));
  return [
    worst.grade ? collision(facts, colliding, worst.grade, worst.hot) : [],
    squat ? squatting(facts, squat) : [],
  ].flat();
}

interface Scene {
  readonly declared: readonly Side[];
  readonly observed: readonly Side[];
  /** Those of whom anything says that they want this very port. */
  readonly meant: ReadonlySet<Side>;
  /** The sides observed on each host, by its id. */
  readonly onHost: ReadonlyMap<string, ReadonlySet<Side>>;
}

function sceneOf(sides: readonly Side[]): Scene {
  const onHost = new Map<string, Set<Side>>();
  for (const side of sides) {
    for (const { place } of side.listeners) {
      const present = onHost.get(place.id);
      if (present) present.add(side);
      else onHost.set(place.id, new Set([side]));
    }
  }
  return {
    declared: sides.filter(({ claims }) => claims.length > 0),
    observed: sides.filter(({ listeners }) => listeners.length > 0),
    meant: new Set(sides.filter(isMeant)),
    onHost,
  };
}

function isMeant({ claims, listeners }: Side): boolean {
  return claims.length > 0 || listeners.some(({ byChance }) => !byChance);
}

/** The worst grade of the pairs noted so far, the hosts that show it, and all sides that take part in any pair. */
class Worst {
  grade: Grade | null = null;
  readonly sides = new Set<Side>();
  readonly hot = new Set<string>();

  note(grade: Grade, sides: Iterable<Side>, host?: string): void {
    for (const side of sides) this.sides.add(side);
    if (this.grade === null || worstFirst.indexOf(grade) < worstFirst.indexOf(this.grade)) {
      this.grade = grade;
      this.hot.clear();
    }
    if (grade === this.grade && host !== undefined) this.hot.add(host);
  }
}

/** Ports that are taken from declared services that are seen nowhere on them, by services that declare nothing. */
interface Squat {
  readonly owners: Side[];
  readonly squatters: Side[];
}

function judgeAbsent({ declared, observed, onHost }: Scene, worst: Worst): Squat | null {
  const absent = declared.filter(({ listeners }) => listeners.length === 0);
  const intruders = observed.filter(({ claims }) => claims.length === 0);
  if (absent.length === 0 || intruders.length === 0) return null;

  const owners: Side[] = [];
  const hosts = new Set<string>();
  const squattedBy = new Map<Side, number>();
  let everywhere = 0;
  for (const owner of absent) {
    const wanted = hostsOf(owner);
    if (wanted === null) {
      everywhere++;
      owners.push(owner);
      continue;
    }
    const found = new Set<Side>();
    for (const host of wanted) {
      for (const side of onHost.get(host) ?? []) {
        if (side.claims.length > 0) continue;
        found.add(side);
        hosts.add(host);
      }
    }
    for (const side of found) squattedBy.set(side, (squattedBy.get(side) ?? 0) + 1);
    if (found.size > 0) owners.push(owner);
    if (found.size < intruders.length) worst.note('host', [owner]);
  }
  const spared = intruders.filter((side) => everywhere + (squattedBy.get(side) ?? 0) < absent.length);
  if (spared.length > 0) worst.note('host', spared);
  if (owners.length === 0) return null;
  const squatters = intruders.flatMap((side) => {
    const listeners = everywhere > 0 ? side.listeners : side.listeners.filter(({ place }) => hosts.has(place.id));
    return listeners.length > 0 ? [{ ...side, listeners }] : [];
  });
  return { owners, squatters };
}

/** Declared against declared, and declared against observed where that is no squatting. */
function judgeDeclared({ declared, observed, onHost }: Scene, worst: Worst): void {
  if (declared.length > 1) {
    worst.note(declared.some((side) => hostsOf(side) === null) ? 'overlap' : 'host', declared);
    const onPlan = new Map<string, Side>();
    for (const side of declared) {
      for (const host of hostsOf(side) ?? []) {
        if (onPlan.has(host)) worst.note('overlap', declared, host);
        onPlan.set(host, side);
      }
    }
  }
  for (const side of declared) {
    const isPresent = side.listeners.length > 0;
    const wanted = hostsOf(side);
    if (wanted === null) {
      if (isPresent && observed.length > 1) worst.note('overlap', observed);
      continue;
    }
    for (const host of wanted) {
      for (const other of onHost.get(host) ?? []) {
        if (other !== side && (isPresent || other.claims.length > 0)) worst.note('overlap', [side, other], host);
      }
    }
  }
}

/** SSDP, WS-Discovery, mDNS and LLMNR: whoever wants to find or be found listens there, by multicast, beside others. */
const DISCOVERY: ReadonlySet<number> = new Set([1900, 3702, 5353, 5355]);

function judgeObserved({ protocol, port }: PortFacts, scene: Scene, worst: Worst): void {
  const { declared, observed, meant, onHost } = scene;
  if (observed.length < 2) return;
  const unclaimed = declared.length === 0;
  if (unclaimed && protocol === 'udp' && DISCOVERY.has(port)) return;
  // A system port stands for a role, which each host may fill as it likes.
  const isRole = unclaimed && contains(SYSTEM_BLOCK, port);
  if (!isRole && observed.some((side) => meant.has(side))) worst.note('host', observed);
  const shared = new Map<string, Use[]>();
  for (const side of observed) {
    for (const { listener, place } of side.listeners) {
      if (onHost.get(place.id)!.size < 2) continue;
      const uses = shared.get(place.id);
      if (uses) uses.push({ side, listener });
      else shared.set(place.id, [{ side, listener }]);
    }
  }
  for (const [host, uses] of shared) judgeHost(host, uses, meant, worst);
}

interface Use {
  readonly side: Side;
  readonly listener: Observed['listener'];
}

/** @param uses of one host by at least two sides */
function judgeHost(host: string, uses: readonly Use[], meant: Scene['meant'], worst: Worst): void {
  const isAnyMeant = (sides: ReadonlySet<Side>) => Array.from(sides).some((side) => meant.has(side));
  const present = sidesAmong(uses);
  if (isAnyMeant(present)) worst.note('namespace', present, host);
  for (const neighbours of Map.groupBy(uses, ({ listener }) => listener.netns).values()) {
    const sides = sidesAmong(neighbours);
    const isMeant = sides.size > 1 && isAnyMeant(sides);
    if (isMeant) worst.note('address', sides, host);
    for (const pair of overlaps(neighbours)) {
      // Kernels do not choose a port that overlaps: one of two that do was asked for.
      worst.note('overlap', pair, host);
      if (isMeant) break;
    }
  }
}

function sidesAmong(uses: readonly Use[]): ReadonlySet<Side> {
  return new Set(uses.map(({ side }) => side));
}

/** The pairs of different sides that have an address in common. */
function* overlaps(uses: readonly Use[]): Generator<[Side, Side]> {
  const bySide = Map.groupBy(uses, ({ side }) => side);
  if (bySide.size < 2) return;
  const distinct = [...bySide].flatMap(([side, its]) => {
    const addresses = new Map(its.map(({ listener }) => [`${listener.address} ${listener.v6only}`, listener]));
    return [...addresses.values()].map((listener) => ({ side, listener }));
  });
  for (const [i, a] of distinct.entries()) {
    for (const b of distinct.slice(i + 1)) {
      if (a.side !== b.side && addressesOverlap(a.listener, b.listener)) yield [a.side, b.side];
    }
  }
}

/** Ids of the hosts that a side is declared for; `null` when one of its claims is for any host. */
function hostsOf({ claims }: Side): ReadonlySet<string> | null {
  const hosts = new Set<string>();
  for (const { place } of claims) {
    if (!place) return null;
    hosts.add(place.id);
  }
  return hosts;
}

function collision({ protocol, port }: PortFacts, sides: readonly Side[], grade: Grade, hot: Hotspots): Verdict {
  const who = nameSides(sides, hot, { withAddress: grade === 'address' });
  const every = sides.length === 2 ? 'both' : 'all';
  const verb = sides.every(({ listeners }) => listeners.length > 0) ? 'use' : 'claim';
  return {
    id: `collision:${protocol}:${port}`,
    kind: 'collision',
    ...judgements[grade],
    protocol,
    port,
    ...partiesOf(sides, hot),
    summary: `${who} ${every} ${verb} ${protocol} port ${port}; ${consequence(grade)}.`,
    remedies: partAll(protocol, port, sides),
  };
}

function consequence(grade: Grade): string {
  switch (grade) {
    case 'overlap':
      return 'only one of them can have it';
    case 'address':
      return 'only their different addresses keep them apart';
    case 'namespace':
      return 'they share a host, and only network namespaces keep them apart';
    case 'host':
      return 'they do not share a host today';
  }
}

function squatting({ protocol, port }: PortFacts, { owners, squatters }: Squat): Verdict {
  const nowhere = new Set<string>();
  const [endpoint] = owners.flatMap(({ claims }) => claims.map((each) => each.endpoint)).sort(byEndpoint);
  const giveUp = `${releaseOf(endpoint!)} (if it no longer needs the port)`;
  const verb = squatters.length === 1 ? 'listens' : 'listen';
  const others = nameSides(squatters, nowhere, { among: [...owners, ...squatters] });
  return {
    id: `squatting:${protocol}:${port}`,
    kind: 'squatting',
    severity: 'error',
    class: 'active',
    maskedBy: null,
    protocol,
    port,
    ...partiesOf([...owners, ...squatters], nowhere),
    summary: `${protocol} port ${port} belongs to ${nameSides(owners, nowhere)}, but only ${others} ${verb} there.`,
    remedies: [...moveAway(protocol, port, squatters), giveUp],
  };
}
