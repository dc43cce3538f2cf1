/** A change of port. */
export interface Move {
  readonly id: string;
  /** `null`: it had none. */
  readonly from: number | null;
  readonly to: number;
}

export interface Step extends Move {
  /** A stop on the way, so that another can pass: it moves again later. */
  readonly temporary: boolean;
}

/**
 * The moves in an order in which no step takes a port that somebody still has. Where moves wait for one another in a
 * ring, one of them goes by way of a port that nobody has or will have.
 *
 * @param moves their targets differ
 * @param spare ports to stop at, none of them anybody's now or after; taken from the front
 * @throws RangeError when more rings than spare ports are there
 */
export function inOrder(moves: readonly Move[], spare: readonly number[]): Step[] {
  const left = new Map(moves.map((move) => [move.id, move]));
  // Of two that collide today both have the port until each has left it.
  const holders = new Map<number, Set<string>>();
  for (const { id, from } of moves) if (from !== null) holders.set(from, (holders.get(from) ?? new Set()).add(id));
  const stops = spare[Symbol.iterator]();
  const steps: Step[] = [];
  const go = (move: Move, to: number, temporary: boolean) => {
    steps.push({ ...move, to, temporary });
    if (move.from !== null) holders.get(move.from)?.delete(move.id);
  };
  while (left.size > 0) {
    let moved = false;
    for (const move of left.values()) {
      const waitsFor = holders.get(move.to);
      if (waitsFor && [...waitsFor].some((id) => id !== move.id)) continue;
      go(move, move.to, false);
      left.delete(move.id);
      moved = true;
    }
    if (moved) continue;
    const move = inRing(left, holders);
    const stop = stops.next();
    if (stop.done) throw new RangeError('no spare port to break a ring with');
    go(move, stop.value, true);
    left.set(move.id, { ...move, from: stop.value });
  }
  return steps;
}

/** When all wait, whoever follows from one to the one that it waits for comes round in a ring. */
function inRing(left: ReadonlyMap<string, Move>, holders: ReadonlyMap<number, ReadonlySet<string>>): Move {
  const seen = new Set<Move>();
  let move: Move = left.values().next().value!;
  while (!seen.has(move)) {
    seen.add(move);
    const { id, to } = move;
    move = left.get([...holders.get(to)!].find((other) => other !== id)!)!;
  }
  return move;
}
