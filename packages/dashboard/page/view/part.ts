import type { ComponentType } from 'preact';
import { lazy } from 'preact-iso';
import { line } from '../data/feed.ts';

/** A page stands at least for so long before it is loaded anew, ms: what fails each time must not go in circles. */
const STANDS = 5_000;
const LOOK_EVERY = 1_000;

const loads: (() => Promise<unknown>)[] = [];

/** A part of the page that is fetched when it is first shown, or by `fetchParts` before. */
export function part<P>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  loads.push(load);
  return lazy(() => load().catch(startAnew));
}

/** Fetches all parts while nothing else is to be done: who looks around while the coordinator is gone has them. */
export function fetchParts(): void {
  const idle = globalThis.requestIdleCallback ?? setTimeout;
  idle(async () => {
    // One that fails now is asked for again when it is shown.
    for (const load of loads) await load().catch(() => {});
  });
}

/**
 * A part that cannot be had went with the coordinator, or with the version of it that the page came from: the whole page is
 * loaded anew as soon as the coordinator answers. Until then what was shown stays.
 */
async function startAnew(): Promise<never> {
  for (let wait = STANDS - performance.now(); ; wait = LOOK_EVERY) {
    await new Promise((resolve) => setTimeout(resolve, wait));
    if (line.peek() === 'live' && (await answers())) break;
  }
  location.reload();
  return new Promise(() => {});
}

async function answers(): Promise<boolean> {
  try {
    return (await fetch('/livez', { cache: 'no-store' })).ok;
  } catch {
    return false;
  }
}
