import { isWord, one, type Position, type Program, repeat, run, type Step, sized, type Test } from './automaton.ts';

/**
 * Regular expressions that come from other nodes. The platform's own can take exponential time, so these are run as
 * automata: in time proportional to the text's length times the pattern's.
 *
 * Of RE2's syntax they know what patterns for tags use: literals, `.`, classes, `\d \s \w \b` and their opposites, groups,
 * `|`, `* + ? {n,m}` and the lazy ones, `^ $ \A \z` and the flags `(?i)` and `(?s)` at the beginning.
 */
export interface Pattern {
  /** Whether it is found anywhere in the text. */
  matches(text: string): boolean;
}

const LENGTH_LIMIT = 1_000;
const DEPTH_LIMIT = 100;

/** @throws Error when it is no such expression, or too large */
export function compilePattern(source: string): Pattern {
  if (source.length > LENGTH_LIMIT) throw new Error(`a pattern may have ${LENGTH_LIMIT} characters`);
  const flags = /^\(\?([is]+)\)/.exec(source);
  const parser = new Parser(
    [...source.slice(flags?.[0].length ?? 0)],
    flags?.[1]?.includes('i') ?? false,
    flags?.[1]?.includes('s') ?? false,
  );
  const program = parser.program();
  return { matches: (text) => run(program, [...text]) };
}

const isDigit: Test = (character) => /^[0-9]$/.test(character);
const isSpace: Test = (character) => /^[\t\n\f\r ]$/.test(character);

const CLASSES: Readonly<Record<string, Test>> = { d: isDigit, s: isSpace, w: isWord };
const CONTROLS: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f', v: '\v', a: '\x07' };
const POSITIONS: Readonly<Record<string, Position>> = { A: 'start', z: 'end', b: 'boundary', B: 'inside' };

class Parser {
  readonly #source: readonly string[];
  readonly #ignoreCase: boolean;
  readonly #dotAll: boolean;
  #at = 0;
  #depth = 0;

  constructor(source: readonly string[], ignoreCase: boolean, dotAll: boolean) {
    this.#source = source;
    this.#ignoreCase = ignoreCase;
    this.#dotAll = dotAll;
  }

  program(): Program {
    const program = this.#alternatives();
    if (this.#at < this.#source.length) throw new Error('a pattern has a ) too many');
    return program;
  }

  #alternatives(): Step[] {
    if (++this.#depth > DEPTH_LIMIT) throw new Error('a pattern is nested too deep');
    let program = this.#sequence();
    while (this.#takes('|')) {
      const other = this.#sequence();
      program = sized([
        { kind: 'fork', first: 1, second: program.length + 2 },
        ...program,
        { kind: 'jump', by: other.length + 1 },
        ...other,
      ]);
    }
    this.#depth--;
    return program;
  }

  #sequence(): Step[] {
    const program: Step[] = [];
    for (let next = this.#peek(); next !== undefined && next !== '|' && next !== ')'; next = this.#peek()) {
      program.push(...this.#repeated(this.#atom()));
      sized(program);
    }
    return program;
  }

  #repeated(atom: Step[]): Step[] {
    const mark = this.#at;
    const times = this.#times();
    if (!times) {
      this.#at = mark;
      return atom;
    }
    // Greedy or not makes no difference to whether it matches.
    this.#takes('?');
    return repeat(atom, ...times);
  }

  /** @returns from how often to how often, or null when no repetition stands here */
  #times(): readonly [number, number] | null {
    if (this.#takes('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#takes('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#takes('?')) return [0, 1];
    const [braces, least, comma, most] = /^\{(\d{1,3})(,)?(\d{1,3})?\}/.exec(this.#rest()) ?? [];
    if (braces === undefined) return null;
    this.#at += braces.length;
    const from = Number(least);
    const to = most !== undefined ? Number(most) : comma ? Number.POSITIVE_INFINITY : from;
    if (to < from) throw new Error(`a pattern has the repetition ${braces}`);
    return [from, to];
  }

  #atom(): Step[] {
    const character = this.#next();
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return [one(this.#class())];
      case '.':
        return [one((each) => this.#dotAll || each !== '\n')];
      case '^':
        return [{ kind: 'at', position: 'start' }];
      case '$':
        return [{ kind: 'at', position: 'end' }];
      case '\\':
        return [this.#escape()];
      case '*':
      case '+':
      case '?':
        throw new Error(`a pattern repeats nothing with ${character}`);
      default:
        return [one(this.#literal(character))];
    }
  }

  #group(): Step[] {
    if (this.#takes('?') && !this.#takes(':')) {
      const name = /^P?<\w+>/.exec(this.#rest());
      if (!name) throw new Error('a pattern has a group of an unknown kind');
      this.#at += name[0].length;
    }
    const inner = this.#alternatives();
    if (!this.#takes(')')) throw new Error('a pattern lacks a )');
    return inner;
  }

  #escape(): Step {
    const character = this.#next();
    const position = POSITIONS[character];
    if (position) return { kind: 'at', position };
    return one(this.#escaped(character));
  }

  #escaped(character: string): Test {
    const named = CLASSES[character.toLowerCase()];
    if (named) return character === character.toLowerCase() ? named : (each) => !named(each);
    return this.#literal(this.#unescape(character));
  }

  #unescape(character: string): string {
    if (character === 'x') {
      const [code] = /^[0-9a-fA-F]{2}/.exec(this.#rest()) ?? [];
      if (code === undefined) throw new Error('a pattern has an incomplete \\x');
      this.#at += 2;
      return String.fromCharCode(Number.parseInt(code, 16));
    }
    const control = CONTROLS[character];
    if (control !== undefined) return control;
    if (/^[0-9A-Za-z]$/.test(character)) throw new Error(`a pattern has the unknown \\${character}`);
    return character;
  }

  #class(): Test {
    const negated = this.#takes('^');
    const tests: Test[] = [];
    do {
      tests.push(this.#classItem());
    } while (!this.#takes(']'));
    return (character) => tests.some((test) => test(character)) !== negated;
  }

  #classItem(): Test {
    const [posix] = /^\[:\^?[a-z]+:\]/.exec(this.#rest()) ?? [];
    if (posix !== undefined) throw new Error(`a pattern has the unknown class ${posix}`);
    let from = this.#next();
    if (from === '\\') {
      const escaped = this.#next();
      if (CLASSES[escaped.toLowerCase()]) return this.#escaped(escaped);
      from = this.#unescape(escaped);
    }
    const [ahead, after] = [this.#peek(), this.#source[this.#at + 1]];
    if (ahead !== '-' || after === undefined || after === ']') return this.#literal(from);
    this.#at++;
    let to = this.#next();
    if (to === '\\') to = this.#unescape(this.#next());
    if (to < from) throw new Error(`a pattern has the class ${from}-${to}`);
    const within = (character: string) => from <= character && character <= to;
    return this.#ignoreCase
      ? (character) => within(character.toLowerCase()) || within(character.toUpperCase())
      : within;
  }

  #literal(character: string): Test {
    if (!this.#ignoreCase) return (each) => each === character;
    const folded = character.toLowerCase();
    return (each) => each.toLowerCase() === folded;
  }

  #peek(): string | undefined {
    return this.#source[this.#at];
  }

  #next(): string {
    const character = this.#source[this.#at++];
    if (character === undefined) throw new Error('a pattern ends too early');
    return character;
  }

  #takes(character: string): boolean {
    if (this.#peek() !== character) return false;
    this.#at++;
    return true;
  }

  #rest(): string {
    return this.#source.slice(this.#at, this.#at + 40).join('');
  }
}
