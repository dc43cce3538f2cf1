import { compareVersions } from '../../world/version.ts';
import type { Span } from '../trail.ts';
import type { Subject } from './subject.ts';

/** How far back a token is compared with those before it. */
const LOOK_BACK = 8;

/** A port surely belongs to one service at a time, and the token of each grant is above those before it. */
export function checkOwnership({ trail }: Subject): void {
  const now = performance.now();
  const spans = trail.spans
    .map((span) => ({ ...span, to: Math.min(span.to, now) }))
    .filter(({ from, to }) => from < to)
    .sort((a, b) => a.from - b.from);
  const grantedFirst = new Map(trail.attempts.map(({ service, token, first }) => [`${service} ${token}`, first]));
  for (const [port, list] of Map.groupBy(spans, (span) => span.port)) {
    for (const [i, later] of list.entries()) {
      for (const earlier of list.slice(0, i)) {
        if (earlier.to > later.from && earlier.service !== later.service) {
          trail.violation('two owners of one port', { port, a: trail.told(earlier), b: trail.told(later) });
        }
      }
      for (const earlier of list.slice(Math.max(0, i - LOOK_BACK), i)) {
        if (!isTokenAbove(earlier, later, grantedFirst)) {
          trail.violation('fencing token did not grow', { port, a: trail.told(earlier), b: trail.told(later) });
        }
      }
    }
  }
}

function isTokenAbove(earlier: Span, later: Span, grantedFirst: ReadonlyMap<string, number>): boolean {
  if (earlier.service === later.service && earlier.token === later.token) return true;
  const asked = grantedFirst.get(`${later.service} ${later.token}`);
  // A grant whose answer took long may be older than one that was answered before.
  if (asked === undefined || asked <= earlier.from) return true;
  return compareVersions(later.token, earlier.token) > 0;
}
