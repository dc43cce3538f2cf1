import { posix } from 'node:path';

/** What a command line runs. */
export interface Program {
  /** `node`, `python`; `null` when the executable is the program itself. */
  readonly interpreter: string | null;
  /** The file (or module) that the interpreter runs, as it was written; `null` without one. */
  readonly script: string | null;
  /** The short name of what runs: `sync-worker`, `nginx`. */
  readonly name: string;
  /** Whether the name says what role it has but not whose: `server`, `main`, `vite`. */
  readonly generic: boolean;
}

/** Options that take the next argument as their value, and those after which there is no script. */
interface Grammar {
  readonly values: ReadonlySet<string>;
  readonly inline: ReadonlySet<string>;
  /** Words before the script: `bun run x`. */
  readonly subcommands: ReadonlySet<string>;
}

const grammar = (values: string, inline = '', subcommands = ''): Grammar => ({
  values: new Set(values.split(' ')),
  inline: new Set(inline.split(' ')),
  subcommands: new Set(subcommands.split(' ')),
});

const NODE = grammar(
  '-r --require --import --loader --experimental-loader -C --conditions --env-file --tsconfig --title --stack-trace-limit --watch-path',
  '-e --eval -p --print -pe',
);
const PYTHON = grammar('-W -X --check-hash-based-pycs', '-c');
const grammars: Record<string, Grammar> = {
  node: NODE,
  tsx: grammar('-r --require --import --loader --tsconfig', '-e --eval -p --print', 'watch'),
  'ts-node': grammar('-r --require -P --project -O', '-e --eval -p --print'),
  bun: grammar('-r --preload -c --config --cwd --env-file', '-e --eval -p --print', 'run'),
  deno: grammar('-c --config --import-map --env-file', 'eval task', 'run serve'),
  python: PYTHON,
  pypy: PYTHON,
  ruby: grammar('-I -r -C', '-e'),
  perl: grammar('-I', '-e -E'),
  php: grammar('-c -d -t -z', '-r -S'),
  java: grammar('-cp -classpath --class-path -p --module-path --add-modules --add-opens --add-exports --add-reads', ''),
  dotnet: grammar('--additionalprobingpath --fx-version', '', 'exec run watch'),
  sh: grammar('-o', '-c'),
};
const SHELL = /^(?:ba|da|z|k|a)?sh$/;

/** Names of files and programs that a thousand services share. */
const GENERIC = new Set(
  [
    'index main app server service serve start run cli bin web www api worker dev prod entry entrypoint bootstrap launcher',
    'manage wsgi asgi __main__ http.server application program backend frontend client config.ru rackup puma rails unicorn',
    'uvicorn gunicorn hypercorn granian daphne flask django-admin streamlit jupyter celery artisan symfony',
    'npm npx pnpm yarn tsx ts-node nodemon vite next next-server nuxt astro webpack webpack-dev-server remix rollup',
    'parcel esbuild turbo nx ng gatsby react-scripts vue-cli-service storybook serve http-server live-server wrangler',
  ]
    .join(' ')
    .split(' '),
);

/**
 * Says what a command line runs: an interpreter's script rather than the interpreter.
 *
 * @param command short name of the executable, for processes that wrote a title over their arguments
 */
export function programOf(argv: readonly string[], command: string): Program {
  const [first = ''] = argv;
  const executable = plainName(command);
  const titled = argv.length === 1 && /[\s:]/.test(first);
  const called = titled ? executable : plainName(first) || executable;
  const interpreter = interpreterOf(called) ?? interpreterOf(executable);
  if (!interpreter) return named(null, null, called || executable);
  if (titled) return named(interpreter, null, plainName(first.split(/[\s:]/, 1)[0] ?? '') || executable);
  const script = scriptOf(interpreter, argv.slice(1));
  if (script === null) return { interpreter, script, name: interpreter, generic: true };
  return named(interpreter, script.file, script.module ? script.file : fileName(script.file));
}

function named(interpreter: string | null, script: string | null, name: string): Program {
  // `node_modules/.bin/../../tool.js`, as shims write it, is not inside a package.
  const inPackage = script !== null && /(^|\/)node_modules\//.test(posix.normalize(script));
  return { interpreter, script, name, generic: inPackage || GENERIC.has(name.toLowerCase()) };
}

/** @returns `python` for `python3.11`; `null` for what is no interpreter */
export function interpreterOf(name: string): string | null {
  const plain = name.replace(/[\d.]+$/, '');
  if (plain === 'nodejs') return 'node';
  if (SHELL.test(plain)) return 'sh';
  return Object.hasOwn(grammars, plain) ? plain : null;
}

function scriptOf(interpreter: string, args: readonly string[]): { file: string; module: boolean } | null {
  const { values, inline, subcommands } = grammars[interpreter] as Grammar;
  let expectSubcommand = subcommands.size > 0;
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] ?? '';
    const next = args[i + 1];
    if (inline.has(argument)) return null;
    if (argument === '-m' && /^py/.test(interpreter)) return next ? { file: next, module: true } : null;
    if (interpreter === 'java' && (argument === '-jar' || argument === '-m' || argument === '--module')) {
      return next ? { file: next, module: false } : null;
    }
    if (interpreter === 'dotnet' && argument === '--project') return next ? { file: next, module: false } : null;
    if (argument === '--') return next ? { file: next, module: false } : null;
    if (values.has(argument)) i++;
    else if (argument.startsWith('-')) continue;
    else if (expectSubcommand && subcommands.has(argument)) expectSubcommand = false;
    else if (interpreter === 'java') return { file: argument.split('.').at(-1) ?? argument, module: true };
    else return { file: argument, module: false };
  }
  return null;
}

/** `/usr/bin/python3.11` → `python3.11`, `C:\node.exe` → `node`, `-bash` → `bash` */
function plainName(path: string): string {
  return (path.split(/[/\\]/).at(-1) ?? '').replace(/\.exe$/i, '').replace(/^-/, '');
}

function fileName(path: string): string {
  const name = plainName(path.replace(/[/\\]+$/, ''));
  return name.replace(/\.(?:[cm]?[jt]sx?|pyc?|rb|pl|php|jar|dll|sh|csproj|phar)$/i, '');
}
