import { setTimeout as sleep } from 'node:timers/promises';
import type { Result } from '../client.ts';
import { ownersIn } from '../holder.ts';
import type { Subject } from './subject.ts';

const TRIES = 100;

/** What was acknowledged and neither released nor let lapse is there at the end, at each coordinator. */
export async function checkPromises({ fleet, trail, client }: Subject): Promise<void> {
  for (const target of fleet.coordinators.keys()) {
    const result = await readAll();
    if (result.outcome !== 'ok') {
      trail.violation('no consistent read at the end', { target, answer: result.error ?? result.body });
      continue;
    }
    const owners = ownersIn(result.body);
    for (const span of trail.spans) {
      if (span.to <= result.doneAt || owners.get(span.port) === span.service) continue;
      const detail = { port: span.port, span: trail.told(span), shows: owners.get(span.port), target };
      trail.violation('acknowledged and gone at the end', detail);
    }

    async function readAll(): Promise<Result> {
      for (let tries = 1; ; tries++) {
        const path = '/v1/assignments?consistent=true&limit=10000';
        const result = await client.request('GET', path, undefined, { target });
        if (result.outcome === 'ok' || tries === TRIES) return result;
        await sleep(200);
      }
    }
  }
}
