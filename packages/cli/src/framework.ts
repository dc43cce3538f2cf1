import { readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** A tool that listens and does not look at `PORT`, or not in each of its modes. */
interface Framework {
  name: string;
  /** What it is called as: the name of the executable, or of the Python module. */
  called: RegExp;
  /** The subcommands that listen, `''` for none at all; without `verbs`, it always listens. */
  verbs?: readonly string[];
  /** An argument by which a port is given already. */
  given: RegExp;
  arguments: (port: number) => string[];
}

const LONG = /^--port(=|$)/;
const SHORT = /^(--port(=|$)|-p(=|\d|$))/;
const flag = (port: number) => ['--port', String(port)];

const frameworks: readonly Framework[] = [
  { name: 'Vite', called: /^vite$/, verbs: ['', 'dev', 'serve', 'preview'], given: LONG, arguments: strict },
  { name: 'Vite', called: /^vinxi$/, verbs: ['dev', 'start'], given: LONG, arguments: flag },
  { name: 'Next.js', called: /^next$/, verbs: ['', 'dev', 'start'], given: SHORT, arguments: flag },
  { name: 'Astro', called: /^astro$/, verbs: ['', 'dev', 'preview'], given: LONG, arguments: flag },
  { name: 'Angular', called: /^ng$/, verbs: ['serve', 's', 'dev'], given: LONG, arguments: flag },
  { name: 'Nuxt', called: /^nuxt$|^nuxi$/, verbs: ['dev', 'preview', 'start'], given: SHORT, arguments: flag },
  { name: 'SvelteKit', called: /^svelte-kit$/, verbs: ['dev', 'preview'], given: SHORT, arguments: flag },
  { name: 'React Router', called: /^react-router$/, verbs: ['dev'], given: LONG, arguments: flag },
  { name: 'Remix', called: /^remix$/, verbs: ['dev', 'vite:dev'], given: LONG, arguments: flag },
  { name: 'webpack-dev-server', called: /^webpack-dev-server$/, given: LONG, arguments: flag },
  { name: 'webpack', called: /^webpack(-cli)?$/, verbs: ['serve', 'server', 's'], given: LONG, arguments: flag },
  { name: 'Rspack', called: /^rspack$|^rsbuild$/, verbs: ['serve', 'dev', 'preview'], given: LONG, arguments: flag },
  { name: 'Vue CLI', called: /^vue-cli-service$/, verbs: ['serve'], given: LONG, arguments: flag },
  { name: 'Gatsby', called: /^gatsby$/, verbs: ['develop', 'serve'], given: SHORT, arguments: flag },
  { name: 'Parcel', called: /^parcel$/, given: SHORT, arguments: flag },
  { name: 'Storybook', called: /^storybook$/, verbs: ['dev'], given: SHORT, arguments: flag },
  { name: 'Wrangler', called: /^wrangler$/, verbs: ['dev'], given: LONG, arguments: flag },
  { name: 'http-server', called: /^http-server$/, given: SHORT, arguments: flag },
  {
    name: 'Django',
    called: /^(manage\.py|django-admin|django)$/,
    verbs: ['runserver'],
    given: /^([\w.[\]:]+:)?\d+$/,
    arguments: word,
  },
  { name: 'Rails', called: /^rails$/, verbs: ['server', 's'], given: SHORT, arguments: flag },
  { name: 'Flask', called: /^flask$/, verbs: ['run'], given: SHORT, arguments: flag },
  { name: 'FastAPI', called: /^fastapi$/, verbs: ['dev', 'run'], given: LONG, arguments: flag },
  { name: 'uvicorn', called: /^uvicorn$/, given: LONG, arguments: flag },
  {
    name: 'Streamlit',
    called: /^streamlit$/,
    verbs: ['run'],
    given: /^--server\.port/,
    arguments: (port) => ['--server.port', `${port}`],
  },
  { name: 'http.server', called: /^http\.server$/, given: /^\d+$/, arguments: word },
  { name: 'Hugo', called: /^hugo$/, verbs: ['server', 'serve'], given: SHORT, arguments: flag },
  { name: 'Jekyll', called: /^jekyll$/, verbs: ['serve', 's', 'server'], given: /^(--port|-P)/, arguments: flag },
];

function strict(port: number): string[] {
  return ['--port', String(port), '--strictPort'];
}

function word(port: number): string[] {
  return [String(port)];
}

/** What a command lacks to listen on the port that it is given. */
export interface PortFlag {
  framework: string;
  /** To be put at the end of the command. */
  arguments: string[];
}

/**
 * Finds the tool that a command line leads to, through `npx`, `npm run` and their like, and the arguments by which that
 * tool takes its port.
 *
 * @param directory where the package.json of `npm run` lies
 * @returns `undefined` where the tool is not known, has a port already, or does not come last in its script
 */
export function portFlag(command: readonly string[], port: number, directory: string): PortFlag | undefined {
  return follow([...command], port, directory, 0);
}

/** Scripts that call scripts, at most. */
const DEPTH_MAX = 4;

function follow(command: string[], port: number, directory: string, depth: number): PortFlag | undefined {
  const argv = withoutWrappers(command);
  const script = scriptOf(argv);
  if (script) {
    const text = depth < DEPTH_MAX ? scripts(directory)?.[script.name] : undefined;
    const last = text === undefined ? undefined : lastCommand(text);
    const found = last && follow([...last, ...script.passed], port, directory, depth + 1);
    if (!found) return undefined;
    return script.separator ? { ...found, arguments: ['--', ...found.arguments] } : found;
  }
  const [program = '', ...rest] = argv;
  const called = posix.basename(program.replaceAll('\\', '/')).replace(/\.(?:[cm]?js|cmd|exe)$/, '');
  const framework = frameworks.find((each) => each.called.test(called) && suits(each, rest));
  if (!framework || rest.some((argument) => framework.given.test(argument))) return undefined;
  return { framework: framework.name, arguments: framework.arguments(port) };
}

/** Subcommands of tools that listen when they have none. */
const OTHER = new Set(
  'build optimize check sync add info lint export create telemetry preferences docs typegen'.split(' '),
);

function suits({ verbs }: Framework, rest: readonly string[]): boolean {
  if (!verbs) return true;
  const [first] = rest;
  // Options of the tool itself may stand before the subcommand: `flask --app shop run`.
  if (first?.startsWith('-') && rest.some((argument) => verbs.includes(argument))) return true;
  return verbs.includes(first ?? '') || (verbs.includes('') && !OTHER.has(first ?? ''));
}

/** Programs that run the command which follows them, with the words and options of theirs that may stand before it. */
const WRAPPERS: readonly { words: readonly string[]; values?: RegExp }[] = [
  { words: ['npx'], values: /^(-p|--package)$/ },
  { words: ['bunx'] },
  { words: ['pnpx'] },
  { words: ['npm', 'exec'] },
  { words: ['pnpm', 'exec'] },
  { words: ['pnpm', 'dlx'] },
  { words: ['yarn', 'exec'] },
  { words: ['yarn', 'dlx'] },
  { words: ['bun', 'x'] },
  { words: ['bundle', 'exec'] },
  { words: ['uv', 'run'], values: /^(--with|--python|-p|--env-file)$/ },
  { words: ['uvx'], values: /^(--with|--from|--python)$/ },
  { words: ['poetry', 'run'] },
  { words: ['pipenv', 'run'] },
  { words: ['hatch', 'run'] },
  { words: ['env'], values: /^-u$/ },
  { words: ['cross-env'] },
  { words: ['dotenv'], values: /^-[ev]$/ },
  { words: ['nohup'] },
];

/** What is run in the end by what is written: `env A=1 npx -y vite` comes to `vite`. */
function withoutWrappers(command: readonly string[]): string[] {
  let argv = [...command];
  for (;;) {
    const before = argv.length;
    argv = argv.slice(leading(argv, /^\w+=/));
    const wrapper = WRAPPERS.find(({ words }) => words.every((word, i) => argv[i] === word));
    if (wrapper) {
      argv = argv.slice(wrapper.words.length);
      while (argv[0]?.startsWith('-')) argv = argv.slice(wrapper.values?.test(argv[0]) ? 2 : 1);
    }
    const [program = '', option, module = ''] = argv;
    if (/^(?:.*\/)?python[\d.]*$/.test(program)) {
      if (option === '-m') argv = [module, ...argv.slice(3)];
      else if (option?.endsWith('.py')) argv = argv.slice(1);
    } else if (/^(?:.*\/)?(node|ruby)$/.test(program) && option && !option.startsWith('-')) {
      argv = argv.slice(1);
    }
    if (argv.length === before || argv.length === 0) return argv;
  }
}

function leading(argv: readonly string[], pattern: RegExp): number {
  const end = argv.findIndex((argument) => !pattern.test(argument));
  return end < 0 ? argv.length : end;
}

interface Script {
  name: string;
  /** What the script's last command is given. */
  passed: string[];
  /** Whether a `--` has to stand before further arguments, or the runner takes them for its own. */
  separator: boolean;
}

/** Words that npm and its kin take for a script where there is no such subcommand of their own. */
const LIFECYCLE = new Set(['start', 'test']);
const OWN = new Set(
  'install i add remove ci exec dlx x init publish pack link audit outdated update create'.split(' '),
);

function scriptOf([runner = '', ...rest]: readonly string[]): Script | undefined {
  if (!/^(npm|pnpm|yarn|bun)$/.test(runner)) return undefined;
  const words = rest.slice(leading(rest, /^(-s|--silent|-q|--quiet)$/));
  const explicit = words[0] === 'run' || words[0] === 'run-script';
  const [name, ...more] = explicit ? words.slice(1) : words;
  if (name === undefined || name.startsWith('-')) return undefined;
  if (!explicit && (runner === 'npm' || runner === 'bun' ? !LIFECYCLE.has(name) : OWN.has(name))) return undefined;
  const at = more.indexOf('--');
  const passed = at >= 0 ? more.slice(at + 1) : runner === 'npm' ? [] : more;
  return { name, passed, separator: runner === 'npm' && at < 0 };
}

function scripts(directory: string): Record<string, string> | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')).scripts;
  } catch {
    // Whoever runs the script will say what is wrong with its file.
    return undefined;
  }
}

/** The command that arguments at the end of a script go to. @returns `undefined` for what only a shell understands */
function lastCommand(text: string): string[] | undefined {
  const last =
    text
      .split(/&&|\|\||;/)
      .at(-1)
      ?.trim() ?? '';
  if (/[|&<>`$(){}]/.test(last)) return undefined;
  const words = last.match(/"[^"]*"|'[^']*'|[^\s"']+/g) ?? [];
  return words.map((word) => word.replace(/^(["'])(.*)\1$/, '$2'));
}
