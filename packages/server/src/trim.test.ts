import { declaredParty, type Finding, type Party, type ServiceId } from '@portolan/model';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { causeOf, type Owned, surplus } from './trim.ts';

const KEPT = 20;

/** Events in the order of time, by the numbers of their owners. */
function trailOf(owners: readonly number[]): Owned[] {
  return owners.map((owner, n) => ({ key: `audit/${String(n).padStart(6, '0')}`, owner: `owner ${owner}` }));
}

/** The trail as it is left when it is trimmed each time that so many more have gathered. */
function kept(trail: readonly Owned[], slack: number): Owned[] {
  let left: Owned[] = [];
  trail.forEach((event, n) => {
    left.push(event);
    if (left.length > KEPT + slack || n === trail.length - 1) {
      const gone = new Set(surplus(left, KEPT));
      left = left.filter(({ key }) => !gone.has(key));
    }
  });
  return left;
}

const slacks = fc.integer({ min: 0, max: 10 });

test('whatever one does, others keep all that they did as long as it is half of the trail together', () => {
  const others = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: KEPT / 2 });
  const flood = fc.array(fc.nat(), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(others, flood, slacks, (calm, places, slack) => {
      const owners: number[] = places.map(() => 0);
      calm.forEach((owner, i) => owners.splice(places[i % places.length]! % (owners.length + 1), 0, owner));
      const trail = trailOf(owners);
      const left = new Set(kept(trail, slack));
      for (const event of trail) if (event.owner !== 'owner 0') expect(left.has(event)).toBe(true);
    }),
  );
});

test('exactly as many are left as are kept, and of each owner the newest', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 300 }), (owners) => {
      const trail = trailOf(owners);
      const gone = new Set(surplus(trail, KEPT));
      expect(trail.length - gone.size).toBe(Math.min(KEPT, trail.length));
      for (const own of Map.groupBy(trail, ({ owner }) => owner).values()) {
        const firstKept = own.findIndex(({ key }) => !gone.has(key));
        if (firstKept >= 0) for (const { key } of own.slice(firstKept)) expect(gone.has(key)).toBe(false);
      }
    }),
  );
});

test('a full trail is trimmed within a few turns of an event loop', () => {
  const trail = trailOf(Array.from({ length: 12_000 }, (_, n) => n % 700));
  const began = performance.now();
  expect(surplus(trail, 10_000)).toHaveLength(2_000);
  expect(performance.now() - began).toBeLessThan(1_000);
});

test('who makes many findings loses its own history, and nobody else theirs', () => {
  const declared = (project: string, service: string): Party =>
    declaredParty(`${project}/${service}`, {
      endpoint: { project, service, label: 'default', instance: 1 },
      place: null,
      since: null,
    });
  const seen = (host: string, service: ServiceId): Party => ({
    ...declared('x', 'y'),
    service,
    claim: 'observed',
    endpoint: null,
    host: { id: host, name: host },
  });
  const cause = (kind: Finding['kind'], parties: Party[]) => causeOf({ kind, parties } as Finding);
  const events = [
    ...Array.from({ length: 30 }, () => cause('lost-assignment', [declared('shop', 'db')])),
    ...Array.from({ length: 5_000 }, (_, n) => cause('lost-assignment', [declared('junk', `s${n}`)])),
    // An agent may invent any project.
    ...Array.from({ length: 5_000 }, (_, n) => cause('collision', [seen('evil', `q${n}/a`), seen('evil', `q${n}/b`)])),
  ].map((owner, i) => ({ key: `${i}`.padStart(6, '0'), owner }));
  const gone = new Set(surplus(events, 1_000));
  const left = events.filter(({ key }) => !gone.has(key));
  expect(left.filter(({ owner }) => owner === 'project shop')).toHaveLength(30);
  expect(left.filter(({ owner }) => owner === 'project junk')).toHaveLength(485);
});
