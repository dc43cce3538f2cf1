/** Instructions of a program, so that no repetition of repetitions grows beyond measure. */
const SIZE_LIMIT = 1_000;

/** Whether a character is meant. */
export type Test = (character: string) => boolean;
export type Position = 'start' | 'end' | 'boundary' | 'inside';

export type Step =
  | { readonly kind: 'one'; readonly test: Test }
  | { readonly kind: 'at'; readonly position: Position }
  /** Goes on at both places, relative to this one. */
  | { readonly kind: 'fork'; readonly first: number; readonly second: number }
  | { readonly kind: 'jump'; readonly by: number };

export type Program = readonly Step[];

/**
 * Whether a program is fulfilled anywhere in a text: all its ways are gone at once, so the time is the product of both lengths.
 */
export function run(program: Program, text: readonly string[]): boolean {
  let current = new Places(program.length + 1);
  let next = new Places(program.length + 1);
  for (let at = 0; at <= text.length; at++) {
    // It may begin anywhere.
    if (follow(program, current, 0, text, at)) return true;
    next.clear();
    for (const place of current.list) {
      const step = program[place];
      if (step?.kind === 'one' && at < text.length && step.test(text[at] as string)) {
        if (follow(program, next, place + 1, text, at + 1)) return true;
      }
    }
    [current, next] = [next, current];
  }
  return false;
}

/** The places of a program that are reached, each once. */
class Places {
  readonly list: number[] = [];
  readonly #seen: Uint8Array;

  constructor(size: number) {
    this.#seen = new Uint8Array(size);
  }

  add(place: number): boolean {
    if (this.#seen[place]) return false;
    this.#seen[place] = 1;
    this.list.push(place);
    return true;
  }

  clear(): void {
    for (const place of this.list) this.#seen[place] = 0;
    this.list.length = 0;
  }
}

/** Adds a place and all that is reached from it without reading. @returns whether the end is among them */
function follow(program: Program, places: Places, from: number, text: readonly string[], at: number): boolean {
  const waiting = [from];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (!places.add(place)) continue;
    const step = program[place];
    if (!step) return true;
    if (step.kind === 'fork') waiting.push(place + step.second, place + step.first);
    else if (step.kind === 'jump') waiting.push(place + step.by);
    else if (step.kind === 'at' && isAt(step.position, text, at)) waiting.push(place + 1);
  }
  return false;
}

function isAt(position: Position, text: readonly string[], at: number): boolean {
  if (position === 'start') return at === 0;
  if (position === 'end') return at === text.length;
  const boundary = isWord(text[at - 1] ?? '') !== isWord(text[at] ?? '');
  return (position === 'boundary') === boundary;
}

export const isWord: Test = (character) => /^\w$/.test(character);
export function one(test: Test): Step {
  return { kind: 'one', test };
}

/** @throws Error when it grows too large */
export function repeat(atom: readonly Step[], from: number, to: number): Step[] {
  const endless = to === Number.POSITIVE_INFINITY;
  if ((endless ? from + 1 : to) * (atom.length + 2) > SIZE_LIMIT) throw new Error('a pattern is too large');
  const program: Step[] = [];
  for (let i = 0; i < from; i++) program.push(...atom);
  if (endless) {
    program.push({ kind: 'fork', first: 1, second: atom.length + 2 }, ...atom, { kind: 'jump', by: -atom.length - 1 });
  } else {
    for (let i = from; i < to; i++) program.push({ kind: 'fork', first: 1, second: atom.length + 1 }, ...atom);
  }
  return sized(program);
}

export function sized(program: Step[]): Step[] {
  if (program.length > SIZE_LIMIT) throw new Error('a pattern is too large');
  return program;
}
