import type { Fact, Place } from '../fact.ts';
import type { SourceFile } from './source-file.ts';

/** The files around the one that is read, by paths relative to the root of the survey. */
export interface Surroundings {
  /** @returns the text of a file of the tree, `undefined` when there is none (or it is too large, or binary) */
  text(path: string): string | undefined;
  /** Whether the walk came past a file of this path. */
  has(path: string): boolean;
  /**
   * The nearest folder, from the one given upwards, that holds a service of its own: it has a package manifest, a
   * Dockerfile, or the like. `.` when it is the root; `undefined` when there is none.
   */
  home(directory: string): string | undefined;
  /** All such folders. */
  homes(): readonly string[];
  /** Paths of all compose files. */
  composeFiles(): readonly string[];
}

/** Something that a reader of the import should know, and that is no fact: what was passed over and why. */
export interface Note {
  place: Pick<Place, 'file'> & Partial<Place>;
  text: string;
}

export interface Reading {
  facts: Fact[];
  notes: Note[];
}

/** Reads one format. `read` is pure: text in, facts out; it runs nothing and throws for nothing that a file says. */
export interface Importer {
  name: string;
  /** By the path alone. */
  matches: (path: string) => boolean;
  /** A quick look that spares most files the reading: without it, every file is worth it. */
  worth?: (text: string) => boolean;
  /** Bytes; a larger file is passed over with a note. */
  sizeMax: number;
  read: (file: SourceFile, around: Surroundings) => Reading;
}
