/** A node of a drawing, with the nodes that it needs. */
export interface Node {
  readonly id: string;
  readonly needs: readonly string[];
}

export interface Placed {
  readonly id: string;
  readonly layer: number;
  /** From the left, 0 the first. */
  readonly place: number;
}

/** Sweeps over the layers, to have fewer lines cross. */
const SWEEPS = 4;

/**
 * Places the nodes of a graph in layers, so that lines run downwards: what nobody needs on top, and what is needed below
 * whatever needs it. Of a circle, the line that closes it runs upwards. In a layer, nodes stand near what they are
 * joined to.
 *
 * @see Sugiyama, Tagawa, Toda (1981): layers, then barycentres
 */
export function placeInLayers(nodes: readonly Node[]): Placed[] {
  const known = new Map(nodes.map((node) => [node.id, node.needs.filter((id) => id !== node.id)]));
  for (const [id, needs] of known)
    known.set(
      id,
      needs.filter((each) => known.has(each)),
    );
  const depth = depths(known);
  const layers: string[][] = [];
  for (const [id, layer] of depth) (layers[layer] ??= []).push(id);
  const neighbours = new Map<string, string[]>([...known.keys()].map((id) => [id, []]));
  for (const [id, needs] of known) {
    for (const each of needs) {
      neighbours.get(id)!.push(each);
      neighbours.get(each)!.push(id);
    }
  }
  for (const layer of layers) layer.sort();
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const place = new Map(
      layers.flatMap((layer) => layer.map((id, i) => [id, i / Math.max(1, layer.length - 1)] as const)),
    );
    for (const layer of layers) {
      const middle = (id: string) => {
        const near = neighbours.get(id)!.filter((each) => depth.get(each) !== depth.get(id));
        return near.length === 0 ? place.get(id)! : near.reduce((sum, each) => sum + place.get(each)!, 0) / near.length;
      };
      const middles = new Map(layer.map((id) => [id, middle(id)]));
      layer.sort((a, b) => middles.get(a)! - middles.get(b)! || (a < b ? -1 : 1));
      layer.forEach((id, i) => void place.set(id, i / Math.max(1, layer.length - 1)));
    }
  }
  return layers.flatMap((layer, at) => layer.map((id, place) => ({ id, layer: at, place })));
}

/** The length of the longest way to each node, without the lines that close circles. */
function depths(needs: ReadonlyMap<string, readonly string[]>): Map<string, number> {
  const order: string[] = [];
  const state = new Map<string, 'under way' | 'done'>();
  const closing = new Set<string>();
  for (const start of needs.keys()) {
    if (state.has(start)) continue;
    // Without recursion: chains may be as long as there are services.
    const stack = [{ id: start, next: 0 }];
    state.set(start, 'under way');
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const next = needs.get(top.id)![top.next++];
      if (next === undefined) {
        state.set(top.id, 'done');
        order.push(top.id);
        stack.pop();
      } else if (state.get(next) === 'under way') closing.add(`${top.id} ${next}`);
      else if (!state.has(next)) {
        state.set(next, 'under way');
        stack.push({ id: next, next: 0 });
      }
    }
  }
  const depth = new Map<string, number>();
  for (const id of order.reverse()) {
    const own = depth.get(id) ?? 0;
    depth.set(id, own);
    for (const each of needs.get(id)!) {
      if (!closing.has(`${id} ${each}`)) depth.set(each, Math.max(depth.get(each) ?? 0, own + 1));
    }
  }
  return depth;
}
