import { parseServiceId, UNKNOWN_PROJECT } from './identity.ts';
import { HIGHEST_PORT, type Protocol } from './port.ts';
import type { Side } from './port-facts.ts';

/** How many services a verdict gives advice for. */
const ADVICE_MAX = 3;

/** Ends a collision: who declared the port keeps it, else who was there first; the others move. */
export function partAll(protocol: Protocol, port: number, sides: readonly Side[]): string[] {
  const [keeper, ...movers] = [...sides].sort(byRight);
  const remedies = moveAway(protocol, port, movers);
  if (keeper && keeper.claims.length === 0) {
    remedies.push(
      `portolan reserve ${nameOf(keeper)} --port ${port}${flagOf(protocol)} (so that nobody else is given it)`,
    );
  }
  return remedies;
}

/** The commands that give each side another port, and what to do around them. */
export function moveAway(protocol: Protocol, port: number, sides: readonly Side[]): string[] {
  const wish = port < HIGHEST_PORT ? ` --preferred ${port + 1}` : '';
  return sides.slice(0, ADVICE_MAX).map((side) => {
    const { listeners, claims } = side;
    const first = claims.length > 0 ? 'release its old port first; ' : '';
    const then = listeners.length > 0 ? 'then restart it on the port given' : 'then configure the port given';
    return `portolan reserve ${nameOf(side)}${wish}${flagOf(protocol)} (${first}${then})`;
  });
}

/** The service as the command takes it; where its project is not known, a person has to name it. */
function nameOf({ service }: Side): string {
  if (service === null) return '<project>/<service>';
  const { project, service: name } = parseServiceId(service);
  return project === UNKNOWN_PROJECT ? `<project>/${name}` : service;
}

function byRight(a: Side, b: Side): number {
  const undeclared = Number(a.claims.length === 0) - Number(b.claims.length === 0);
  const [sinceA, sinceB] = [firstSeen(a), firstSeen(b)];
  return undeclared || Number(sinceA > sinceB) - Number(sinceA < sinceB) || (a.service! < b.service! ? -1 : 1);
}

function firstSeen({ claims, listeners }: Side): string {
  let first = '\uffff';
  for (const { since } of claims) if (since !== null && since < first) first = since;
  for (const { listener } of listeners) if (listener.since < first) first = listener.since;
  return first;
}

function flagOf(protocol: Protocol): string {
  return protocol === 'tcp' ? '' : ` --protocol ${protocol}`;
}
