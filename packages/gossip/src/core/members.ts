import { isUp, type Member } from './member.ts';

/** A table that never changes, so many nodes of one process may begin with it and keep only what differs. */
export interface Census {
  readonly members: readonly Member[];
  readonly positions: ReadonlyMap<string, number>;
  /** How many of them are alive or suspect. */
  readonly up: number;
}

const NOBODY: Census = { members: [], positions: new Map(), up: 0 };

export function createCensus(members: readonly Member[]): Census {
  const positions = new Map(members.map(({ name }, position) => [name, position]));
  return { members, positions, up: members.filter(isUp).length };
}

/** All that a node knows of, itself among them. Each member keeps its position until some are removed. */
export class Members {
  #census: Census;
  /** By position: what is not in the census, or is otherwise there. */
  readonly #own = new Map<number, Member>();
  /** Positions of names that are not in the census. */
  readonly #positions = new Map<string, number>();
  #size: number;
  #up: number;

  constructor(census: Census = NOBODY) {
    this.#census = census;
    this.#size = census.members.length;
    this.#up = census.up;
  }

  get size(): number {
    return this.#size;
  }

  /** How many are alive or suspect. */
  get up(): number {
    return this.#up;
  }

  get(name: string): Member | undefined {
    const position = this.#positionOf(name);
    return position === undefined ? undefined : this.at(position);
  }

  /** @param position in [0, size) */
  at(position: number): Member {
    return this.#own.get(position) ?? this.#census.members[position]!;
  }

  /** Adds a member, or takes the place of the one of its name. */
  put(member: Member): void {
    let position = this.#positionOf(member.name);
    if (position === undefined) {
      position = this.#size++;
      this.#positions.set(member.name, position);
    } else if (isUp(this.at(position))) {
      this.#up--;
    }
    if (isUp(member)) this.#up++;
    this.#own.set(position, member);
  }

  /** Removes whom `gone` names; the others get new positions. */
  remove(gone: (member: Member) => boolean): Member[] {
    const kept: Member[] = [];
    const removed: Member[] = [];
    for (const member of this) (gone(member) ? removed : kept).push(member);
    if (removed.length === 0) return [];
    this.#census = NOBODY;
    this.#own.clear();
    this.#positions.clear();
    this.#size = this.#up = 0;
    for (const member of kept) this.put(member);
    return removed;
  }

  *[Symbol.iterator](): IterableIterator<Member> {
    for (let position = 0; position < this.#size; position++) yield this.at(position);
  }

  #positionOf(name: string): number | undefined {
    return this.#positions.get(name) ?? this.#census.positions.get(name);
  }
}
