import { batch, type Signal } from '@preact/signals';

/** A page that nobody sees has no frames, and still has to keep up, slowly: ms. */
const UNSEEN = 500;

const dirty = new Set<Signal<number>>();
let scheduled = false;

/** Has whoever reads this signal look again, once a frame however often it is called. */
export function touch(version: Signal<number>): void {
  dirty.add(version);
  if (scheduled) return;
  scheduled = true;
  if (document.hidden) setTimeout(flush, UNSEEN);
  else requestAnimationFrame(flush);
}

function flush(): void {
  scheduled = false;
  const signals = [...dirty];
  dirty.clear();
  batch(() => {
    for (const version of signals) version.value++;
  });
}
