import { closeSync, lstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { basename, dirname, join, posix, relative, sep } from 'node:path';
import type { Fact } from '../fact.ts';
import { Budget, TREE_LIMITS, type TreeLimits } from './budget.ts';
import { compose } from './compose.ts';
import type { Importer, Note, Reading, Surroundings } from './importer.ts';
import { markdown } from './markdown/document.ts';
import { reconcile, type SurveyedService } from './reconcile.ts';
import { importerOf, readerOf } from './registry.ts';
import { seenFrom } from './seen-from.ts';
import { SourceFile } from './source-file.ts';
import { withinTime } from './time-limit.ts';
import { sharedFolder, type WalkedFile, walk } from './walk.ts';
import { NO_YAML } from './yaml-tree.ts';

export interface SurveyOptions {
  /** Project that the services belong to; else the name of the root folder. */
  project?: string;
  /** Further patterns to pass over, as in a .gitignore at the root. */
  ignore?: readonly string[];
  /** Files of plans: they lie in the tree, and so below its root, and are no source of facts. */
  manifests?: readonly string[];
  /** Files elsewhere: places are told from the folder above them and the tree; what the tree says stays the same. */
  beside?: readonly string[];
  /** ms that the reading of one file may take, from 1 on; 10,500 unless told otherwise, less after slow files. */
  fileTime?: number;
  /** Of the whole tree: for tests. */
  limits?: TreeLimits;
  /** Told now and then how far it is. */
  progress?: (state: { found: number; read: number }) => void;
}

/** All that the files below some paths say of ports, and of whom. */
export interface Survey {
  /** Absolute; the places of facts are relative to it. */
  root: string;
  project: string;
  services: SurveyedService[];
  facts: Fact[];
  notes: Note[];
  /** Files that facts were looked for in, with what read them. */
  files: { path: string; importer: string }[];
  /** Files that the walk came past. */
  walked: number;
}

/** What any file may take, however slow those before it were; one that takes longer is passed over. ms */
const FILE_TIME_MIN = 500;
/** What all files of a tree together may take beyond that, so that many slow ones do not add up. ms */
const SLOW_TIME_MAX = 10_000;
/** Below this many characters no parser is slow enough to be watched: the watch costs more. */
const WATCHED_FROM = 4_096;
/** Facts of one file, at most. */
const FACTS_MAX = 50_000;

/**
 * Reads what is there and makes one picture of it. Runs nothing of the tree and changes nothing.
 *
 * @param paths files and folders; a file that is named is read whatever its name is
 * @throws PortolanError `not-found`, `too-large`
 */
export function survey(paths: readonly string[], options: SurveyOptions = {}): Survey {
  const { progress = () => {}, manifests = [], fileTime = FILE_TIME_MIN + SLOW_TIME_MAX } = options;
  const walked = walk([...paths, ...manifests], options.ignore, (found) => progress({ found, read: 0 }));
  const plans = new Set(manifests.map((path) => relative(walked.root, realpathSync(path)).split(sep).join('/')));
  const budget = new Budget(options.limits ?? TREE_LIMITS);
  const around = surroundings(walked.root, walked.files, budget);
  const homes = around.homes().filter((home) => home !== '.');
  const allExamples = homes.length > 0 && homes.every((home) => EXAMPLES.test(`${home}/`));
  const notes: Note[] = [...walked.notes];
  const facts: Fact[] = [];
  const files: Survey['files'] = [];
  let spare = SLOW_TIME_MAX;
  for (const [index, file] of walked.files.entries()) {
    const importer = importerOf(file.path) ?? (file.named ? markdown : undefined);
    if (!importer || plans.has(file.path)) continue;
    if (budget.spent) {
      budget.leftOut.push(file.path);
      continue;
    }
    const start = performance.now();
    const reading = readFile(walked.root, file, importer, around, budget, Math.min(fileTime, FILE_TIME_MIN + spare));
    const took = performance.now() - start;
    spare = Math.max(0, spare - Math.max(0, Math.floor(took) - FILE_TIME_MIN));
    if (!reading) continue;
    files.push({ path: file.path, importer: importer.name });
    notes.push(...reading.notes);
    const kept = reading.facts.slice(0, budget.factsLeft);
    budget.note(kept.length, took);
    if (kept.length < reading.facts.length) budget.leftOut.push(file.path);
    // One by one: an array of 50,000 does not go on the stack as arguments.
    for (const fact of kept) facts.push(inExample(fact, allExamples));
    progress({ found: walked.files.length, read: index + 1 });
  }
  const project = options.project ?? projectOf(walked.root);
  const reconciled = reconcile(facts, { project, homes: around.homes() });
  const found: Survey = {
    root: walked.root,
    project,
    ...reconciled,
    notes: [...gathered(notes), ...leftOut(budget), ...reconciled.notes].map(briefly),
    files,
    walked: walked.files.length,
  };
  const root = (options.beside ?? []).map((path) => dirname(realpathSync(path))).reduce(sharedFolder, walked.root);
  return root === walked.root ? found : seenFrom(relative(root, walked.root).split(sep).join('/'), root, found);
}

function readFile(
  root: string,
  file: WalkedFile,
  importer: Importer,
  around: Surroundings,
  budget: Budget,
  fileTime: number,
): Reading | undefined {
  const note = (text: string): Reading => ({ facts: [], notes: [{ place: { file: file.path }, text }] });
  if (file.size > importer.sizeMax) {
    // Large files of general kinds are data and nobody's plan; only who named one, or a format of ports, is told.
    if (importer.name === 'source' && !file.named) return undefined;
    const limit = `${importer.sizeMax >> 20 || 1} MiB`;
    return note(
      `is passed over: ${Math.ceil(file.size / 2 ** 20)} MiB is more than the ${limit} that are read of such a file. Split it, or leave it out with a .gitignore`,
    );
  }
  const text = textAt(join(root, file.path), importer.sizeMax);
  if (text === undefined) return file.named ? note('is no text: it holds NUL bytes, or could not be read') : undefined;
  const reader = readerOf(importer, file.path, text);
  if (reader.worth && !reader.worth(text)) return { facts: [], notes: [] };
  if (!budget.takeBytes(text.length)) {
    budget.leftOut.push(file.path);
    return undefined;
  }
  const source = new SourceFile(file.path, text);
  try {
    const work = () => reader.read(source, around);
    const done = text.length < WATCHED_FROM ? { value: work() } : withinTime(fileTime, work);
    if (isTemplate(reader, text, done?.value.notes)) return note(TEMPLATE);
    if (!done) return note(`is passed over: reading it took more than ${(fileTime / 1000).toFixed(1)} s`);
    if (done.value.facts.length <= FACTS_MAX) return done.value;
    return {
      facts: done.value.facts.slice(0, FACTS_MAX),
      notes: [
        ...done.value.notes,
        ...note(`says more than ${FACTS_MAX} things of ports: the rest is passed over`).notes,
      ],
    };
  } catch (error) {
    if (error instanceof RangeError || (error as Error).name === 'RangeError')
      return note('is passed over: it is nested too deep');
    throw error;
  }
}

/** Characters of one note: it may name what stands in thousands of lines. */
const NOTE_MAX = 1_000;

function briefly(note: Note): Note {
  return note.text.length <= NOTE_MAX ? note : { ...note, text: `${note.text.slice(0, NOTE_MAX - 1)}…` };
}

/** Files of a tree that is too large which are named. */
const LEFT_OUT_NAMED = 5;

function leftOut({ leftOut: [first, ...more] }: Budget): Note[] {
  if (first === undefined) return [];
  const named = more.slice(0, LEFT_OUT_NAMED - 1).join(', ');
  const others = more.length < LEFT_OUT_NAMED ? '' : ` and ${more.length + 1 - LEFT_OUT_NAMED} more`;
  const who = named === '' ? 'is' : `and ${named}${others} are`;
  return [
    {
      place: { file: first },
      text: `${who} left out, wholly or in part: the tree says more than is read at once. Import its folders one by one, or leave some out with a .gitignore`,
    },
  ];
}

const TEMPLATE = 'is a template: what it becomes is only known when it is rendered';

/**
 * YAML that Helm, Jinja and their like make the real file from: braces where YAML has a value or a key. In a block of text they
 * are in order, so that a file which is valid all the same is none, save where the braces may be the name of an object.
 */
function isTemplate({ name }: Importer, text: string, notes: readonly Note[] = []): boolean {
  const braces = /^[^"'#\n]{0,500}\{[{%]/m;
  return (name === 'kubernetes' || notes.some((note) => note.text.startsWith(NO_YAML))) && braces.test(text);
}

/** A chart has hundreds of templates: one of them is told, with how many more there are. */
function gathered(notes: readonly Note[]): Note[] {
  const [first, ...more] = notes.filter(({ text }) => text === TEMPLATE);
  if (!first || more.length < 3) return [...notes];
  return notes.flatMap((note) => {
    if (note === first) return [{ ...note, text: `${TEMPLATE} (as are ${more.length} more files)` }];
    return note.text === TEMPLATE ? [] : [note];
  });
}

/** @returns `undefined` for what is no text, not there, or too large */
function textAt(path: string, sizeMax: number): string | undefined {
  let file: number | undefined;
  try {
    const stat = lstatSync(path);
    if (!stat.isFile() || stat.size > sizeMax) return undefined;
    file = openSync(path, 'r');
    const bytes = Buffer.allocUnsafe(stat.size);
    let length = 0;
    while (length < bytes.length) {
      const got = readSync(file, bytes, length, bytes.length - length, length);
      if (got === 0) break;
      length += got;
    }
    const read = bytes.subarray(0, length);
    return read.includes(0) ? undefined : read.toString('utf8');
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Files that make a folder one of a service or a package of its own. */
const HOME =
  /^(?:package\.json|go\.mod|pyproject\.toml|requirements\.txt|setup\.py|Pipfile|Cargo\.toml|Dockerfile|Containerfile|pom\.xml|build\.gradle(?:\.kts)?|mix\.exs|Gemfile|composer\.json|deno\.jsonc?|.+\.csproj)$/;

function surroundings(root: string, files: readonly WalkedFile[], budget: Budget): Surroundings {
  const paths = new Set(files.map(({ path }) => path));
  const homes = new Set<string>();
  for (const path of paths) {
    if (HOME.test(posix.basename(path))) homes.add(posix.dirname(path));
    // Go keeps several programs of one module so.
    const [program] = /^(?:.*\/)?cmd\/[^/]+(?=\/main\.go$)/.exec(path) ?? [];
    if (program !== undefined) homes.add(program);
  }
  const listed = [...homes];
  const texts = new Map<string, string | undefined>();
  let composed: readonly string[] | undefined;
  const homeOf = (directory: string): string | undefined => {
    for (let at = directory; ; at = posix.dirname(at)) {
      if (homes.has(at)) return at;
      if (at === '.' || at === '/' || at === '..') return undefined;
    }
  };
  return {
    has: (path) => paths.has(path),
    home: homeOf,
    homes: () => listed,
    composeFiles: () => (composed ??= [...paths].filter((path) => compose.matches(path))),
    text: (path) => {
      if (path.startsWith('../') || path.startsWith('/')) return undefined;
      if (!texts.has(path)) {
        const text = textAt(join(root, path), 1 << 20);
        // Kept, and so it counts.
        const fits = text !== undefined && budget.takeBytes(text.length);
        if (text !== undefined && !fits) budget.leftOut.push(path);
        texts.set(path, fits ? text : undefined);
      }
      return texts.get(path);
    },
  };
}

/** Folders of examples; and of tests, which hold for nobody's plan in any tree. */
const EXAMPLES = /(?:^|\/)(?:examples?|samples?|demos?|templates?|playground|cookbook)\//i;
const TESTS =
  /(?:^|\/)(?:fixtures?|testdata|__tests__|__fixtures__|__mocks__|mocks?|tests?|(?:[\w.]+[-_])?e2e(?:[-_]test(?:s|ing)?)?|(?:integration|acceptance|load|smoke)[-_]tests?|spec|benchmarks?)\//i;

/**
 * What examples and tests say holds for nobody's plan, but it may well be a mention of a port.
 *
 * @param allExamples the tree holds nothing else: then they are what it is about
 */
function inExample(fact: Fact, allExamples: boolean): Fact {
  const { file } = fact.place;
  if (fact.sure === 'unsure' || !(TESTS.test(file) || (!allExamples && EXAMPLES.test(file)))) return fact;
  return { ...fact, sure: 'unsure', why: 'it stands in a folder of examples or tests' };
}

function projectOf(root: string): string {
  const name = basename(root)
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 63);
  return name || 'project';
}
