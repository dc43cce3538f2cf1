/** Changes within this time count, ms. */
const MEMORY = 600_000;
/** The first failure and the first return are believed at once; the next change has to last this long, ms. */
const FIRST_WAIT = 2_000;
const LONGEST_WAIT = 60_000;
const FREE_CHANGES = 2;

interface Course {
  up: boolean;
  since: number;
  /** When it changed, the last ones. */
  readonly changes: number[];
}

/**
 * Says of what goes up and down which of the two to believe: the more often it changed of late, the longer it has to
 * stay as it is. So a host that flaps is written down twice at first, and then once a minute at most.
 */
export class Damping {
  readonly #courses = new Map<string, Course>();

  /**
   * @param now ms, of any clock that does not jump
   * @returns whether `up` has lasted long enough to be believed
   */
  believes(name: string, up: boolean, now: number): boolean {
    const course = this.#courses.get(name) ?? { up: true, since: Number.NEGATIVE_INFINITY, changes: [] };
    this.#courses.set(name, course);
    while (course.changes.length > 0 && now - course.changes[0]! > MEMORY) course.changes.shift();
    if (course.up !== up) {
      course.up = up;
      course.since = now;
      course.changes.push(now);
    }
    return now - course.since >= waitAfter(course.changes.length);
  }

  forget(name: string): void {
    this.#courses.delete(name);
  }
}

function waitAfter(changes: number): number {
  if (changes <= FREE_CHANGES) return 0;
  return Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (changes - FREE_CHANGES - 1));
}
