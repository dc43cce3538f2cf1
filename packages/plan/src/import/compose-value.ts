import { posix } from 'node:path';
import type { Interval } from '@portolan/model';
import type { Place } from '../fact.ts';
import { type Setting, settingsOf } from './dotenv.ts';
import type { Note, Surroundings } from './importer.ts';
import { portOf } from './port-number.ts';
import { SourceFile } from './source-file.ts';
import type { Written } from './yaml-tree.ts';

/** A port of a compose file, or an interval of them. */
export interface PortValue extends Interval {
  place: Place;
  end?: Place;
  variable?: string;
  fallback?: boolean;
  unclear?: string;
}

interface ComposeVariable {
  setting: Setting;
  file: SourceFile;
  example: boolean;
}

/** What stands in a compose file, with the variables that it takes from the `.env` beside it. */
export class ComposeVariables {
  readonly #file: SourceFile;
  readonly #notes: Note[];
  readonly #set: Map<string, ComposeVariable>;

  /** @param notes what cannot be read is told here */
  constructor(file: SourceFile, around: Surroundings, notes: Note[]) {
    this.#file = file;
    this.#notes = notes;
    this.#set = variablesBeside(file, around);
  }

  /** The value of a part of a port entry: digits, an interval, or a variable with or without a default. */
  values(part: Written): PortValue[] {
    const text = part.text.trim();
    const offset = part.offset + part.text.indexOf(text);
    const plain = interval(this.#file, text, offset);
    if (plain) return [plain];
    const variable = interpolation(text);
    if (!variable) {
      if (text.includes('$')) {
        const place = this.#file.place(offset, text.length);
        this.#notes.push({ place, text: `"${text}" puts a port together from parts: not read` });
      }
      return [];
    }
    const set = this.#set.get(variable.name);
    const values: PortValue[] = [];
    const given = set && interval(set.file, set.setting.value, set.setting.offset);
    if (given) {
      const unclear = `${variable.name} is set in ${set.file.path}, an example`;
      values.push({ ...given, variable: variable.name, ...(set.example ? { unclear } : {}) });
    }
    const otherwise =
      variable.otherwise === undefined ? [] : this.values({ text: variable.otherwise, offset: offset + variable.at });
    for (const each of otherwise) {
      values.push({ ...each, variable: variable.name, ...(given ? { fallback: true } : {}) });
    }
    if (values.length === 0) {
      const place = this.#file.place(offset, text.length);
      this.#notes.push({
        place,
        text: `the port is that of the variable ${variable.name}, which no .env beside it sets`,
      });
    }
    return values;
  }

  /** A text that is a variable, as the `.env` beside sets it, or as its default says. */
  filled(text: string | undefined): string | undefined {
    const variable = interpolation(text ?? '');
    return variable ? (this.#set.get(variable.name)?.setting.value ?? variable.otherwise ?? text) : text;
  }
}

/** Parts at colons, except those within `${…}` and `[…]`. */
export function partsOf({ text, offset }: Written): Written[] {
  const parts: Written[] = [];
  let start = 0;
  let depth = 0;
  for (let at = 0; at <= text.length; at++) {
    const character = text[at];
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
    else if (character === undefined || (character === ':' && depth === 0)) {
      parts.push({ text: text.slice(start, at), offset: offset + start });
      start = at + 1;
    }
  }
  return parts;
}

function interval(file: SourceFile, text: string, offset: number): PortValue | undefined {
  const [, low, high] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const from = portOf(low ?? '');
  const to = high === undefined ? from : portOf(high);
  if (from === undefined || to === undefined || to < from) return undefined;
  return {
    from,
    to,
    place: file.place(offset, low!.length),
    ...(high === undefined ? {} : { end: file.place(offset + low!.length + 1, high.length) }),
  };
}

/** `${NAME}`, `${NAME:-default}`, `$NAME`; the default may be another one of these. */
function interpolation(text: string): { name: string; otherwise?: string; at: number } | undefined {
  const [, bare] = /^\$([A-Za-z_]\w*)$/.exec(text) ?? [];
  if (bare) return { name: bare, at: 0 };
  const match = /^\$\{([A-Za-z_]\w*)(?:(:?[-?+])([\s\S]*))?\}$/.exec(text);
  if (!match) return undefined;
  const [, name = '', operator = '', rest = ''] = match;
  if (!operator.endsWith('-')) return { name, at: 0 };
  return { name, otherwise: rest, at: 2 + name.length + operator.length };
}

/**
 * Compose takes variables from the `.env` in its folder. Where nobody has made one, the example of it tells what they are
 * meant to be.
 */
function variablesBeside(file: SourceFile, around: Surroundings): Map<string, ComposeVariable> {
  for (const name of ['.env', '.env.example', '.env.sample', 'env.example', '.env.template', 'example.env']) {
    const path = posix.join(file.directory, name);
    const text = around.text(path);
    if (text === undefined) continue;
    const beside = new SourceFile(path, text);
    return new Map(
      settingsOf(beside).map((setting) => [setting.key, { setting, file: beside, example: name !== '.env' }]),
    );
  }
  return new Map();
}
