import type { Party } from './finding.ts';
import { formatEndpoint, parseServiceId, type ServiceId } from './identity.ts';
import type { Declared, Observed, Side } from './port-facts.ts';

/** As many as a verdict holds. */
const PARTIES_MAX = 100;
/** How many services a sentence names. */
const NAMED_MAX = 3;

/** Ids of the hosts where a matter is at its worst: they are shown first when not all fit. */
export type Hotspots = ReadonlySet<string>;

/**
 * The parties of a verdict, by service, host name and address: one for each claim and for each (service, host, network
 * namespace, address, process). Where there are more than fit, every side keeps its share.
 */
export function partiesOf(sides: readonly Side[], hot: Hotspots): { parties: Party[]; partyCount?: number } {
  const share = Math.max(1, Math.floor(PARTIES_MAX / sides.length));
  let count = 0;
  const all = hottestFirst(sides, hot).map((side) => {
    const declared = declaredParties(side);
    const observed = observedParties(side, hot);
    count += declared.length + observed.count;
    return [...declared, ...observed.first(share)].slice(0, share);
  });
  const parties = all
    .slice(0, PARTIES_MAX)
    .flat()
    .map((party) => ({ party, order: orderOf(party) }))
    .sort((a, b) => compare(a.order, b.order))
    .map(({ party }) => party);
  return { parties, ...(count > parties.length && { partyCount: count }) };
}

/**
 * `mana/mana-sync on host-a (pid 4711) and mana/mana-voice-bot (declared for host-b)`.
 *
 * @param among whom they are told apart from
 */
export function nameSides(
  sides: readonly Side[],
  hot: Hotspots,
  { withAddress = false, among = sides }: { withAddress?: boolean; among?: readonly Side[] } = {},
): string {
  const named = hottestFirst(sides, hot)
    .slice(0, NAMED_MAX)
    .map((side) => nameSide(side, hot, withAddress, isForeignByGuess(side, among)));
  if (sides.length > named.length) named.push(`${sides.length - named.length} more`);
  const last = named.pop();
  return named.length === 0 ? `${last}` : `${named.join(', ')} and ${last}`;
}

function hottestFirst(sides: readonly Side[], hot: Hotspots): Side[] {
  const isHot = ({ listeners, claims }: Side) =>
    [...listeners, ...claims].some(({ place }) => place && hot.has(place.id));
  const cold = sides.map((side) => Number(hot.size > 0 && !isHot(side)));
  return [0, 1].flatMap((wanted) => sides.filter((_, i) => cold[i] === wanted));
}

function declaredParties(side: Side): Party[] {
  const parties = new Map<string, Party>();
  for (const claim of side.claims) {
    const id = claimOrder(claim);
    const known = parties.get(id);
    if (known && (known.since ?? '') <= (claim.since ?? '')) continue;
    parties.set(id, declaredParty(side.service, claim));
  }
  return [...parties.keys()].sort().map((id) => parties.get(id)!);
}

/** One that a port was promised to, or that a manifest names. */
export function declaredParty(service: ServiceId | null, { endpoint, place, since }: Declared): Party {
  return {
    service,
    claim: 'declared',
    endpoint,
    host: place,
    address: null,
    netns: null,
    pid: null,
    command: null,
    user: null,
    container: null,
    evidence: null,
    since,
  };
}

function observedParties(side: Side, hot: Hotspots): { count: number; first(most: number): Party[] } {
  const distinct = new Map<string, Observed>();
  for (const observed of side.listeners) {
    const id = listenerOrder(observed, hot);
    const known = distinct.get(id);
    if (!known || isBefore(observed, known)) distinct.set(id, observed);
  }
  return {
    count: distinct.size,
    first: (most) =>
      [...distinct.keys()]
        .sort()
        .slice(0, most)
        .map((id) => observedParty(side, distinct.get(id)!)),
  };
}

function observedParty({ service }: Side, { listener, place }: Observed): Party {
  const { process, container, identity } = listener;
  return {
    service,
    claim: 'observed',
    endpoint: null,
    host: place,
    address: listener.address,
    netns: listener.netns,
    pid: process?.pid ?? null,
    command: process?.command ?? null,
    user: process?.user ?? null,
    container: container && (container.name ?? container.id),
    evidence: identity?.evidence ?? null,
    since: listener.since,
  };
}

/** Whether nothing but its directory says that a side is of another project than the others. */
function isForeignByGuess({ service, claims, listeners }: Side, among: readonly Side[]): boolean {
  if (service === null || claims.length > 0) return false;
  if (!listeners.every(({ listener }) => listener.identity?.evidence.guess)) return false;
  const { project } = parseServiceId(service);
  return among.some((other) => other.service !== null && parseServiceId(other.service).project !== project);
}

function nameSide(side: Side, hot: Hotspots, withAddress: boolean, byGuess: boolean): string {
  let first: { order: string; observed: Observed } | undefined;
  for (const observed of side.listeners) {
    const order = listenerOrder(observed, hot);
    if (!first || order < first.order) first = { order, observed };
  }
  if (!first) return nameClaims(side);
  const { listener, place } = first.observed;
  const elsewhere = new Set(side.listeners.map((other) => other.place.id)).size - 1;
  const notes = [
    listener.process ? `pid ${listener.process.pid}` : [],
    elsewhere > 0 ? `and on ${elsewhere} other host${elsewhere === 1 ? '' : 's'}` : [],
    byGuess ? 'its project guessed from its directory' : [],
  ].flat();
  const at = withAddress ? ` at ${listener.address}` : '';
  const aside = notes.length > 0 ? ` (${notes.join(', ')})` : '';
  return `${side.service ?? 'an unidentified process'} on ${place.name}${at}${aside}`;
}

function nameClaims({ claims }: Side): string {
  const [first, ...others] = [...claims].sort((a, b) => compare(claimOrder(a), claimOrder(b)));
  const host = first?.place ? ` for ${first.place.name}` : '';
  const more = others.length > 0 ? `, and ${others.length} more` : '';
  return `${first && formatEndpoint(first.endpoint)} (declared${host}${more})`;
}

function orderOf({ service, host, address, ...rest }: Party): string {
  const of = rest.endpoint ? formatEndpoint(rest.endpoint) : '';
  return [service ?? '\uffff', host?.name, address, rest.claim, of, host?.id, rest.netns, rest.pid].join('\0');
}

function listenerOrder({ listener, place }: Observed, hot: Hotspots): string {
  const heat = hot.has(place.id) ? 0 : 1;
  return `${heat}\0${place.name}\0${listener.address}\0${place.id}\0${listener.netns}\0${listener.process?.pid ?? ''}`;
}

function claimOrder({ endpoint, place }: Declared): string {
  return `${place?.name ?? ''}\0${formatEndpoint(endpoint)}\0${place?.id ?? ''}`;
}

/** Of sockets that make one party, the one seen first speaks for it. */
function isBefore({ listener: a }: Observed, { listener: b }: Observed): boolean {
  return compare(`${a.since}\0${a.socket}`, `${b.since}\0${b.socket}`) < 0;
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
