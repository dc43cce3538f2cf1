import type { Interval } from '@portolan/model';

/** A corner, in squares from the left upper corner of the map. */
export type Corner = readonly [x: number, y: number];

/**
 * The line around an interval of ports that are laid out row by row: a box, or, where it begins or ends within a row, one
 * with steps.
 *
 * @param side ports to a row
 */
export function outline({ from, to }: Interval, side: number): Corner[] {
  const [top, left] = [Math.floor(from / side), from % side];
  const [bottom, right] = [Math.floor(to / side) + 1, (to % side) + 1];
  if (bottom - top === 1) {
    return [
      [left, top],
      [right, top],
      [right, bottom],
      [left, bottom],
    ];
  }
  const corners: Corner[] = [
    [left, top],
    [side, top],
    [side, bottom - 1],
    [right, bottom - 1],
    [right, bottom],
    [0, bottom],
    [0, top + 1],
    [left, top + 1],
  ];
  return corners.filter(([x, y], i) => {
    const [beforeX, beforeY] = corners[(i + corners.length - 1) % corners.length]!;
    return x !== beforeX || y !== beforeY;
  });
}
