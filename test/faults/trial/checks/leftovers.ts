import { setTimeout as sleep } from 'node:timers/promises';
import { FIRST_PORT, LAST_PORT, PORTS } from '../options.ts';
import type { Subject } from './subject.ts';

/** Ports rest for 15 s after a lease has ended, ms. */
const PATIENCE = 45_000;

/** Once all is released, every port can be had again, each once, and the store has no entry left over. */
export async function checkLeftovers(subject: Subject): Promise<void> {
  const { client, holders, trail, fleet } = subject;
  for (const { project, name } of holders) {
    await client.insist('POST', '/v1/assignments/release', { project, service: name });
  }
  const got = await reserveAll(subject);
  for (const target of fleet.coordinators.keys()) {
    const body = { project: 'exhaust', service: `more${target}`, range: `${FIRST_PORT}-${LAST_PORT}` };
    const more = await client.request('POST', '/v1/assignments', body, { target });
    if (more.body.code !== 'range-exhausted') {
      trail.violation('more ports than there are', { target, answer: more.error ?? more.body });
    }
  }
  await checkStore(subject, got.size);
}

async function reserveAll({ client, trail, fleet }: Subject): Promise<Set<number>> {
  const got = new Set<number>();
  const until = performance.now() + PATIENCE;
  let last: unknown;
  for (let i = 0; performance.now() < until && got.size < PORTS; i++) {
    const body = { project: 'exhaust', service: `e${i}`, range: `${FIRST_PORT}-${LAST_PORT}` };
    const target = i % fleet.coordinators.length;
    const { outcome, ...answer } = await client.request('POST', '/v1/assignments', body, { target });
    const { port } = answer.body;
    if (outcome === 'ok' && port !== undefined) {
      if (got.has(port)) trail.violation('one port given twice at the end', { port });
      got.add(port);
    } else {
      last = answer.error ?? answer.body;
      await sleep(500);
    }
  }
  if (got.size < PORTS) {
    const all = Array.from({ length: PORTS }, (_, i) => FIRST_PORT + i);
    const missing = all.filter((port) => !got.has(port)).slice(0, 20);
    trail.violation('ports are not usable again', { got: got.size, of: PORTS, last, missing });
  }
  return got;
}

async function checkStore({ fleet, trail }: Subject, should: number): Promise<void> {
  const redis = fleet.redis ?? (await fleet.group?.primary());
  if (!redis) return;
  const entries = await redis.entries();
  const count = (kind: string) => entries.filter((key) => key.startsWith(`${kind}/`)).length;
  const [assigned, endpoints] = [count('assignment'), count('endpoint')];
  if (assigned !== should || endpoints !== should) {
    trail.violation('entries left over', { assigned, endpoints, should });
  }
  const resting = entries.filter((key) => key.startsWith('resting/'));
  if (resting.length > 0) trail.violation('resting for ever', { resting });
  const odd = (await redis.leases()).filter((id) => id !== 'leader' && !entries.includes(id));
  if (odd.length > 0) trail.note('leases with nothing, which end when they are due', odd.length);
}
