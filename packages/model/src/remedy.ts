import { type Endpoint, formatEndpoint, parseServiceId, serviceId, UNKNOWN_PROJECT } from './identity.ts';
import { HIGHEST_PORT, type Protocol } from './port.ts';
import type { Side } from './port-facts.ts';

/** How many services a verdict gives advice for. */
const ADVICE_MAX = 3;

/**
 * Reads a way out of a finding: a command that can be pasted as it is, then in parentheses what else there is to say; or
 * what a person has to do, in words.
 */
export function readRemedy(remedy: string): { command: string | undefined; text: string | undefined } {
  if (!remedy.startsWith('portolan ')) return { command: undefined, text: remedy };
  const [, command = remedy, text] = /^(.*?) \((.*)\)$/.exec(remedy) ?? [];
  return { command, text };
}

/** Ends a collision: who declared the port keeps it, else who was there first; the others move. */
export function partAll(protocol: Protocol, port: number, sides: readonly Side[]): string[] {
  const [keeper, ...movers] = [...sides].sort(byRight);
  const keeps =
    keeper && keeper.claims.length === 0 && isNamed(keeper)
      ? [`portolan reserve ${keeper.service} --port ${port}${flagOf(protocol)} (so that nobody else is given it)`]
      : [];
  return [...moves(protocol, port, movers), ...keeps, ...findOut(port, sides)];
}

/** The commands that give each side another port, and what to do around them. */
export function moveAway(protocol: Protocol, port: number, sides: readonly Side[]): string[] {
  return [...moves(protocol, port, sides), ...findOut(port, sides)];
}

function moves(protocol: Protocol, port: number, sides: readonly Side[]): string[] {
  const wish = port < HIGHEST_PORT ? ` --preferred ${port + 1}` : '';
  return sides
    .filter(isNamed)
    .slice(0, ADVICE_MAX)
    .map(({ service, listeners, claims }) => {
      const first = claims.length > 0 ? 'release its old port first; ' : '';
      const then = listeners.length > 0 ? 'then restart it on the port given' : 'then configure the port given';
      return `portolan reserve ${service}${wish}${flagOf(protocol)} (${first}${then})`;
    });
}

/**
 * Of a service whose project is not known nothing can be reserved, and a made-up project would be one more name for it: so
 * first somebody has to look where it runs.
 */
function findOut(port: number, sides: readonly Side[]): string[] {
  const names = sides.flatMap((side) =>
    side.service === null || isNamed(side) ? [] : parseServiceId(side.service).service,
  );
  if (names.length === 0) return [];
  const [last, ...before] = names.slice(0, ADVICE_MAX).reverse();
  const who = before.length > 0 ? `${before.reverse().join(', ')} and ${last} run` : `${last} runs`;
  return [`portolan who ${port} (tells where ${who}; then reserve a port under the project that it is part of)`];
}

function isNamed({ service }: Side): boolean {
  return service !== null && parseServiceId(service).project !== UNKNOWN_PROJECT;
}

/** An endpoint as commands take it. */
export function argumentsFor(endpoint: Endpoint): string {
  const instance = endpoint.instance === 1 ? '' : ` --instance ${endpoint.instance}`;
  return `${serviceId(endpoint)}:${endpoint.label}${instance}`;
}

/** With its instance, else it would be that of the working copy that the command is pasted in. */
export function releaseOf(endpoint: Endpoint): string {
  return `portolan release ${serviceId(endpoint)}:${endpoint.label} --instance ${endpoint.instance}`;
}

export function byEndpoint(a: Endpoint, b: Endpoint): number {
  return formatEndpoint(a) < formatEndpoint(b) ? -1 : 1;
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

/** Protocols are TCP where nothing is said. */
export function flagOf(protocol: Protocol): string {
  return protocol === 'tcp' ? '' : ` --protocol ${protocol}`;
}
