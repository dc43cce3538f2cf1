import type { Item, Placement } from './placement.ts';

/** A move costs more than all preferences together, and a weight more than all ranks. */
const MOVE = 1e12;
export const WEIGHT = 1e6;

/** Exact, for items that only must not share a port. */
export function matched(items: readonly Item[]): Placement | undefined {
  const columns = [...new Set(items.flatMap(({ allowed }) => allowed))];
  const indexOf = new Map(columns.map((port, index) => [port, index]));
  const cost = items.map(({ now, allowed, weight = 0 }) => {
    const row = new Array<number>(columns.length).fill(Number.POSITIVE_INFINITY);
    for (const [rank, port] of allowed.entries())
      row[indexOf.get(port)!] = port === now ? 0 : MOVE + weight * WEIGHT + rank;
    return row;
  });
  const columnOf = cheapestMatching(cost);
  if (!columnOf) return undefined;
  const ports = new Map(items.map(({ id }, row) => [id, columns[columnOf[row]!]!]));
  const moves = items.filter(({ id, now }) => ports.get(id) !== now).length;
  return { ports, moves, bound: moves };
}

/**
 * The cheapest way to give each row a column of its own.
 *
 * @param cost of row and column, `Infinity` where they do not go together; rows ≤ columns is not required
 * @returns the column of each row, or `undefined` when not every row can have one
 * @see Kuhn–Munkres by shortest augmenting paths, O(rows² · columns)
 */
function cheapestMatching(cost: readonly (readonly number[])[]): number[] | undefined {
  const rows = cost.length;
  const columns = cost[0]?.length ?? 0;
  if (rows > columns) return rows === 0 ? [] : undefined;
  const rowPotential = new Float64Array(rows + 1);
  const columnPotential = new Float64Array(columns + 1);
  /** Row of each column, from 1; 0: none. Column 0 is where a search begins. */
  const rowOf = new Int32Array(columns + 1);
  const before = new Int32Array(columns + 1);
  for (let row = 1; row <= rows; row++) {
    rowOf[0] = row;
    let column = 0;
    const distance = new Float64Array(columns + 1).fill(Number.POSITIVE_INFINITY);
    const seen = new Uint8Array(columns + 1);
    do {
      seen[column] = 1;
      const from = rowOf[column]!;
      const costs = cost[from - 1]!;
      let shortest = Number.POSITIVE_INFINITY;
      let next = -1;
      for (let to = 1; to <= columns; to++) {
        if (seen[to]) continue;
        const length = costs[to - 1]! - rowPotential[from]! - columnPotential[to]!;
        if (length < distance[to]!) {
          distance[to] = length;
          before[to] = column;
        }
        if (distance[to]! < shortest) {
          shortest = distance[to]!;
          next = to;
        }
      }
      if (next < 0) return undefined;
      for (let to = 0; to <= columns; to++) {
        if (seen[to]) {
          rowPotential[rowOf[to]!]! += shortest;
          columnPotential[to]! -= shortest;
        } else {
          distance[to]! -= shortest;
        }
      }
      column = next;
    } while (rowOf[column] !== 0);
    while (column !== 0) {
      const previous = before[column]!;
      rowOf[column] = rowOf[previous]!;
      column = previous;
    }
  }
  const result = new Array<number>(rows).fill(-1);
  for (let column = 1; column <= columns; column++) if (rowOf[column]! > 0) result[rowOf[column]! - 1] = column - 1;
  return result;
}
