import type { Interval } from '@portolan/model';
import { cells } from '../data/fleet.ts';
import { cell } from '../data/port-cells.ts';
import { number } from './words.ts';

/** How full a range is. */
export function Fill({ used, size }: { used: number; size: number }) {
  const share = used / size;
  return (
    <span class="fullness">
      <span class={`fullness-bar ${share > 0.9 ? 'high' : ''}`} aria-hidden="true">
        <i style={{ width: `${Math.max(used > 0 ? 2 : 0, 100 * share)}%` }} />
      </span>
      <span class="fullness-text">
        {number(used)} of {number(size)}
      </span>
    </span>
  );
}

const IN_USE = cell.assigned | cell.observed | cell.resting | cell.blocked;

/** The ports of an interval that are not to be had. */
export function usedOf({ from, to }: Interval): number {
  let used = 0;
  for (let port = from; port <= to; port++) if (cells.bytes[port]! & IN_USE) used++;
  return used;
}

export const sizeOf = ({ from, to }: Interval): number => to - from + 1;
