import type { Signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';

/** Rows hold still for so long at least, however much changes: nobody can read what jumps. ms */
const STILL_FOR = 1_000;
/** While much comes in at first, ms. */
const LOOK_EVERY = 100;
/** After the last turn of the wheel, ms. */
const SCROLLING = 400;

/** Follows a version once a second at most, and not while the reader scrolls. */
export function useStill(version: Signal<number>): number {
  const [shown, show] = useState(version.peek());
  useEffect(() => {
    let scrolled = Number.NEGATIVE_INFINITY;
    let moved = Number.NEGATIVE_INFINITY;
    let last = version.peek();
    const note = () => {
      scrolled = performance.now();
    };
    addEventListener('scroll', note, { capture: true, passive: true });
    const timer = setInterval(() => {
      const now = performance.now();
      if (version.peek() === last || now - moved < STILL_FOR || now - scrolled < SCROLLING) return;
      moved = now;
      last = version.peek();
      show(last);
    }, LOOK_EVERY);
    return () => {
      removeEventListener('scroll', note, { capture: true });
      clearInterval(timer);
    };
  }, [version]);
  return shown;
}
