/** A version of a sheet that somebody is said to have. */
export interface Claim {
  readonly version: number;
  /** Who has it. */
  readonly by: string;
  /** Whether its writer signed that there is this version. */
  readonly isSigned: boolean;
  /** When to ask for it, ms. */
  readonly at: number;
}

interface Wish extends Claim {
  readonly isAsked: boolean;
  /** Ask for the whole sheet, for its changes lead elsewhere. */
  readonly whole: boolean;
}

/** When what was asked for has not come, ms. */
const ASK_AGAIN = 10_000;
/** So long nothing is asked of one who did not have what it claimed, ms; so many are remembered. */
const SHUN = 60_000;
const SHUNNED_MAX = 1_000;

/**
 * The versions that this member lacks, one for each owner: whom to ask, and when. Members lie about what they have, so a
 * claim without its writer's signature never displaces one with it, and who does not deliver is passed over for a while.
 */
export class Wishes {
  readonly #wishes = new Map<string, Wish>();
  /** Until when, by member. */
  readonly #shunned = new Map<string, number>();

  get size(): number {
    return this.#wishes.size;
  }

  /** @returns whether it is a wish now */
  add(owner: string, claim: Claim, now: number): boolean {
    if (!claim.isSigned && (this.#shunned.get(claim.by) ?? 0) > now) return false;
    const before = this.#wishes.get(owner);
    const isBetter = !before || (claim.isSigned === before.isSigned ? claim.version > before.version : claim.isSigned);
    if (!isBetter) return false;
    const at = before && !before.isAsked ? Math.min(before.at, claim.at) : claim.at;
    this.#wishes.set(owner, { ...claim, at, isAsked: false, whole: false });
    return true;
  }

  /** Whether this very member was asked for the sheet, and has not delivered it. */
  isAsked(owner: string, by: string): boolean {
    const wish = this.#wishes.get(owner);
    return wish?.isAsked === true && wish.by === by;
  }

  /** What is to be asked for now, by whom to ask; `late`: the owners whose sheets did not come in time. */
  due(now: number, most: number): { asked: Map<string, { owner: string; whole: boolean }[]>; late: string[] } {
    const asked = new Map<string, { owner: string; whole: boolean }[]>();
    const late: string[] = [];
    let count = 0;
    for (const [owner, wish] of this.#wishes) {
      if (wish.at > now) continue;
      if (wish.isAsked) {
        late.push(owner);
        this.giveUp(owner, now);
        continue;
      }
      if (count++ >= most) break;
      asked.set(wish.by, [...(asked.get(wish.by) ?? []), { owner, whole: wish.whole }]);
      this.#wishes.set(owner, { ...wish, isAsked: true, at: now + ASK_AGAIN });
    }
    return { asked, late };
  }

  /** The changes that came did not lead to the version. @returns whether there is something to ask for now */
  wantWhole(owner: string): boolean {
    const wish = this.#wishes.get(owner);
    if (!wish || wish.whole) return false;
    this.#wishes.set(owner, { ...wish, isAsked: false, whole: true, at: 0 });
    return true;
  }

  /** This version is there now. */
  fulfil(owner: string, version: number): void {
    const wish = this.#wishes.get(owner);
    if (wish && wish.version <= version) this.#wishes.delete(owner);
  }

  drop(owner: string): void {
    this.#wishes.delete(owner);
  }

  /** This member cannot be asked. */
  forget(owner: string, by: string): void {
    if (this.#wishes.get(owner)?.by === by) this.#wishes.delete(owner);
  }

  /** Whoever was asked did not have it. */
  giveUp(owner: string, now: number): void {
    const wish = this.#wishes.get(owner);
    this.#wishes.delete(owner);
    if (!wish) return;
    this.#shunned.delete(wish.by);
    this.#shunned.set(wish.by, now + SHUN);
    if (this.#shunned.size > SHUNNED_MAX) this.#shunned.delete(this.#shunned.keys().next().value!);
  }
}
