import { portOf } from './port-number.ts';
import { type PortVariable, portVariable } from './port-variable.ts';

/** A port in a command line. */
export interface CommandPort {
  port: number;
  /** Of the digits, in the text that was searched. */
  offset: number;
  length: number;
  /** `binds`: what is started listens there. `refers`: it talks to, waits for, or looks at whoever does. */
  role: 'binds' | 'refers';
  label?: string;
  /** `PORT=3026` before the command, or exported. */
  variable?: string;
  /** Of a container that it starts: the port inside. */
  inside?: number;
  /** The name of what it starts, where an argument gives it: `docker run --name web`. */
  name?: string;
  /** Folder that the command was started in by `cd`, or for which a tool was told to run: `--filter`, `-C`. */
  folder?: string;
  /** Files and folders that the command names: one of them may be what it starts. As they are written. */
  paths?: readonly string[];
  /** It serves sources to those who work on them: `next dev`. */
  dev?: true;
  /** Why it is not certain. */
  why?: string;
}

/** A word of a command line without its quotes. */
interface Word {
  text: string;
  offset: number;
}

/** Programs that connect rather than listen: a port among their arguments is somebody else's. */
const CLIENTS = new Set(
  (
    'psql pg_isready pg_dump pg_restore mysql mysqladmin mysqldump redis-cli mongo mongosh mongodump nc ncat netcat telnet curl wget http httpie wait-on ' +
    'wait-for wait-for-it wait-for-it.sh wait-for.sh dockerize lsof fuser kill-port nmap grpcurl wscat websocat ab wrk k6 ping open xdg-open ' +
    'ss netstat iptables ufw firewall-cmd ngrok cloudflared socat clickhouse-client cqlsh kcat influx'
  ).split(' '),
);

/** Programs whose `-p` is no port. */
const OTHER_P = new Set(
  'mkdir cp mv tar unzip ps pgrep git ssh scp sftp rsync read declare npx npm pnpm yarn make tsc jest vitest mocha eslint grep xargs env python python3 perl patch zip touch install useradd turbo docker-compose nx dotnet cargo time trap test export'.split(
    ' ',
  ),
);

/** Programs that take jobs from a queue: they share the `PORT` of the environment with the web process and listen nowhere. */
const WORKERS = /^(?:sidekiq|resque|resque-pool|resque:work|good_job|jobs:work|rqworker|dramatiq|celery)$/;

/** What these listen for is their own protocol, beside the ports of the program that they run. */
const DEBUGGERS = /^(?:dlv|debugpy|gdbserver|lldb-server)$/;

const LONG_FLAG = /^--?(?:([a-z0-9]{1,30})[-.])?(?:listen[-.])?port(?:=(.*))?$/i;
const ADDRESS_FLAG =
  /^--?(?:web\.|http\.|server\.|grpc[-.])?(?:b|bind|addr|address|listen|listen[-.]addr(?:ess)?|bind[-.]addr(?:ess)?|http|http[-.]addr(?:ess)?|host|urls)(?:=(.*))?$/i;

/**
 * The ports in a command line, or in several parted by `&&`, `;`, `|` or line ends. Each word is looked at once.
 *
 * @param text as a shell reads it; nothing in it is run or expanded
 */
export function commandPorts(text: string, depth = 0): CommandPort[] {
  const found: CommandPort[] = [];
  let folder: string | undefined;
  for (const words of commandsOf(text)) {
    const [first, second] = words;
    if (first?.text === 'cd' && second) {
      folder = second.text;
      continue;
    }
    const dev = isDevServer(words.map(({ text: word }) => word)) ? { dev: true as const } : {};
    for (const each of portsOf(words, depth))
      found.push({ ...dev, ...each, ...(folder === undefined || each.folder !== undefined ? {} : { folder }) });
  }
  return found;
}

/** @returns the folder that a command line, or the last one of several, is started in by `cd` or an option */
export function startFolder(text: string): string | undefined {
  let folder: string | undefined;
  for (const [first, ...rest] of commandsOf(text)) {
    const words = rest.map(({ text: word }) => word);
    folder = (first?.text === 'cd' ? words[0] : folderOf(words)) ?? folder;
  }
  return folder;
}

/** `next dev`, `webpack serve`, `vite`: what serves the sources to those who work on them. */
function isDevServer(words: readonly string[]): boolean {
  if (words.includes('dev') || words.includes('webpack-dev-server')) return true;
  const at = words.findIndex((word) => /^(?:vite|webpack|rspack|vue-cli-service|ng|react-scripts)$/.test(word));
  if (at < 0) return false;
  const told = words[at + 1];
  return words[at] === 'vite' ? told === undefined || told.startsWith('-') : told === 'serve' || told === 'start';
}

/** Command lines within command lines. */
const DEPTH_MAX = 3;

function* portsOf(all: readonly Word[], depth: number): Generator<CommandPort> {
  if (takesJobs(all)) return;
  let words = all;
  while (words.length > 0) {
    const [assignment] = words;
    const match = /^(?:export\s+)?([A-Za-z_]\w{0,100})=(.*)$/s.exec(assignment!.text);
    if (match) {
      const [whole, variable = '', value = ''] = match;
      yield* assigned(variable, value, assignment!.offset + whole.length - value.length);
    } else if (
      !/^(?:export|env|cross-env|cross-env-shell|dotenv|sudo|exec|nohup|time|then|do|else|if|!|set|--)$/.test(
        assignment!.text,
      )
    ) {
      break;
    }
    words = words.slice(1);
  }
  const program = (words[0]?.text ?? '').replace(/^.*\//, '');
  const rest = words.slice(1);
  if (
    /^(docker|podman|nerdctl)$/.test(program) &&
    /^(run|create)$/.test(rest.find(({ text }) => !text.startsWith('-'))?.text ?? '')
  ) {
    yield* published(rest);
    return;
  }
  // What else these are told is about projects, images and builds.
  if (/^(docker|podman|nerdctl|docker-compose)$/.test(program)) return;
  if (/^(echo|printf|cat|grep|sed|awk|#.*)$/.test(program) || program === '') return;
  // What `sh -c` and `concurrently` are given are command lines of their own.
  for (const { text, offset } of rest) {
    if (!/\s/.test(text) || depth >= DEPTH_MAX) continue;
    for (const each of commandPorts(text, depth + 1)) yield { ...each, offset: each.offset + offset };
  }
  const role = CLIENTS.has(program) ? 'refers' : 'binds';
  const folder = folderOf(rest.map(({ text }) => text));
  const paths = words.map(({ text }) => text).filter(isPath);
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index]!;
    const next = rest[index + 1];
    const extra = { ...(folder === undefined ? {} : { folder }), ...(paths.length > 0 ? { paths } : {}) };
    const long = LONG_FLAG.exec(word.text);
    if (long) {
      const value =
        long[2] === undefined ? next : { text: long[2], offset: word.offset + word.text.length - long[2].length };
      const own = long[1] === undefined ? undefined : portVariable(`${long[1]}_PORT`);
      if (own?.role === 'other' && role === 'binds') continue;
      const label = own?.role === 'own' ? own.label : own?.role === 'named' ? own.name : undefined;
      const digits = value && wholePort(value);
      if (digits) yield { ...digits, role, ...(label ? { label } : {}), ...extra };
      if (long[2] === undefined) index++;
      continue;
    }
    const short = /^-p(?:=?(\d{2,5}))?$/.exec(word.text);
    if (short && !OTHER_P.has(program)) {
      const value =
        short[1] === undefined ? next : { text: short[1], offset: word.offset + word.text.length - short[1].length };
      const digits = value && wholePort(value);
      if (digits) yield { ...digits, role, ...extra, why: `-p is taken for the port of ${program}` };
      // The word after it is read by now.
      if (short[1] === undefined) index++;
      continue;
    }
    const address = ADDRESS_FLAG.exec(word.text);
    if (address && role === 'binds') {
      const debug = DEBUGGERS.test(program) ? { label: 'debug' } : {};
      const value =
        address[1] === undefined
          ? next
          : { text: address[1], offset: word.offset + word.text.length - address[1].length };
      const [, before = '', digits = ''] =
        /^((?:https?:\/\/)?(?:[\w.*+-]{1,200}|\[[0-9a-f:]{2,45}\])?:)(\d{2,5})\/?$/i.exec(value?.text ?? '') ?? [];
      const port = portOf(digits);
      if (value && port !== undefined)
        yield { port, offset: value.offset + before.length, length: digits.length, role, ...debug, ...extra };
      continue;
    }
    if (/^(runserver|http\.server)$/.test(word.text) || (program === 'php' && word.text === '-S')) {
      const [, before = '', digits = ''] = /^((?:[\w.[\]-]{1,200}:)?)(\d{2,5})$/.exec(next?.text ?? '') ?? [];
      const port = portOf(digits);
      if (next && port !== undefined)
        yield { port, offset: next.offset + before.length, length: digits.length, role: 'binds', ...extra };
      continue;
    }
    if (role === 'refers') {
      const [, before = '', digits = ''] =
        /^((?:-t?i:?|-ti:|tcp:|udp:|:|-i[a-z0-9]{0,4}:)?)(\d{4,5})(?:\/(?:tcp|udp))?$/i.exec(word.text) ?? [];
      const port = portOf(digits);
      if (port !== undefined) yield { port, offset: word.offset + before.length, length: digits.length, role };
    }
  }
}

/** `services/auth/main.py`, `./cmd/auth`: relative, and no URL. */
function isPath(word: string): boolean {
  return word.length < 500 && /^(?:\.\/)?[\w@][\w.@-]*\/[^\s:$=]*$/.test(word);
}

function takesJobs(words: readonly Word[]): boolean {
  const at = words.findIndex(({ text }) => WORKERS.test(text.replace(/^.*\//, '')));
  if (at < 0) return false;
  const runner =
    /^(?:\w+=.*|export|env|exec|nohup|sudo|dotenv|bundle|rails|rake|bin\/(?:rails|rake)|poetry|uv|pipenv|run)$/s;
  return (
    words.slice(0, at).every(({ text }) => runner.test(text)) &&
    // Its web page is a server.
    !words.some(({ text }) => text === 'flower')
  );
}

function* assigned(variable: string, value: string, offset: number): Generator<CommandPort> {
  const meaning: PortVariable | undefined = portVariable(variable);
  if (!meaning || meaning.role === 'other') return;
  const [, before = '', digits = ''] = /^((?:\$\{\w{1,100}:?[-=])?["']?)(\d{2,5})["']?\}?$/.exec(value) ?? [];
  const port = portOf(digits);
  if (port === undefined) return;
  const label = meaning.role === 'own' ? meaning.label : undefined;
  yield {
    port,
    offset: offset + before.length,
    length: digits.length,
    role: 'binds',
    variable,
    ...(label ? { label } : {}),
  };
}

/** The `-p` of `docker run`: `[address:]host:container[/protocol]`. */
function* published(words: readonly Word[]): Generator<CommandPort> {
  const at = words.findIndex(({ text }) => text === '--name');
  const name = words[at + 1]?.text;
  for (const [index, word] of words.entries()) {
    const flag = /^(?:-p|--publish)(?:=(.*))?$/.exec(word.text);
    if (!flag) continue;
    const value =
      flag[1] === undefined
        ? words[index + 1]
        : { text: flag[1], offset: word.offset + word.text.length - flag[1].length };
    const match = /^((?:[\d.]{7,15}:|\[[0-9a-f:]{2,45}\]:)?)(\d{1,5}):(\d{1,5})(?:\/(?:tcp|udp))?$/.exec(
      value?.text ?? '',
    );
    const port = portOf(match?.[2] ?? '');
    if (!value || !match || port === undefined) continue;
    const inside = portOf(match[3]!);
    yield {
      port,
      offset: value.offset + match[1]!.length,
      length: match[2]!.length,
      role: 'binds',
      ...(inside === undefined ? {} : { inside }),
      ...(at >= 0 && name ? { name } : {}),
    };
  }
}

function wholePort({ text, offset }: Word): { port: number; offset: number; length: number } | undefined {
  const [, before = '', digits = ''] = /^((?:\$\{\w{1,100}:?[-=]["']?)?)(\d{2,5})["']?\}?$/.exec(text) ?? [];
  const port = portOf(digits);
  return port === undefined ? undefined : { port, offset: offset + before.length, length: digits.length };
}

function folderOf(words: readonly string[]): string | undefined {
  const at = words.findIndex((word) => /^(--cwd|-C|--prefix|--dir|--chdir|--directory|--app-dir)$/.test(word));
  if (at >= 0) return words[at + 1];
  return words
    .map((word) => /^--(?:cwd|prefix|dir|chdir|app-dir)=(.+)$/.exec(word)?.[1])
    .find((word) => word !== undefined);
}

/** The commands of a text, each as its words. Comments and what stands in a here-document's place are words as well. */
function commandsOf(text: string): Word[][] {
  const commands: Word[][] = [];
  let words: Word[] = [];
  let word = '';
  let start = -1;
  let exact = true;
  const endWord = () => {
    if (start >= 0 && exact) words.push({ text: word, offset: start });
    word = '';
    start = -1;
    exact = true;
  };
  const endCommand = () => {
    endWord();
    if (words.length > 0) commands.push(words);
    words = [];
  };
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === '"' || character === "'") {
      const close = text.indexOf(character, at + 1);
      const stop = close < 0 ? text.length : close;
      if (start < 0) start = at + 1;
      // Quotes within a word shift what follows: the word is kept, its digits are found from its end.
      else if (word !== '' && !word.endsWith('=')) exact = false;
      else if (word !== '') start += 1;
      word += text.slice(at + 1, stop);
      at = stop;
    } else if (character === '\\' && text[at + 1] === '\n') {
      endWord();
      at++;
    } else if (character === '\\' && text[at + 1] === '"') {
      // An escaped quote of JSON around the command.
      endWord();
      at++;
    } else if (/\s/.test(character)) {
      if (character === '\n') endCommand();
      else endWord();
    } else if (character === '#' && start < 0) {
      const end = text.indexOf('\n', at);
      at = (end < 0 ? text.length : end) - 1;
    } else if (/[;|&()]/.test(character) && !/[<>]$/.test(word)) {
      endCommand();
    } else {
      if (start < 0) start = at;
      word += character;
    }
  }
  endCommand();
  return commands;
}
