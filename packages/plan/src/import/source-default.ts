import type { Binds, Fact, NameHint } from '../fact.ts';
import { addressesIn } from './address-text.ts';
import { reference } from './dotenv.ts';
import type { Importer, Surroundings } from './importer.ts';
import { portOf } from './port-number.ts';
import { portVariable } from './port-variable.ts';
import type { SourceFile } from './source-file.ts';

/** Programs: the port that they listen on when nobody tells them another, and the addresses that stand in them. */
export const sourceDefault: Importer = {
  name: 'source',
  matches: (path) =>
    /\.(?:[cm]?[jt]sx?|svelte|vue|astro|py|go|rs|rb|php|java|kt|kts|scala|cs|ex|exs|properties|toml)$/i.test(path) &&
    !/(?:\.min\.[cm]?js|\.d\.[cm]?ts|\.bundle\.js|[._-](?:test|spec|stories|e2e|bench)\.\w+|_test\.\w+|(?:^|\/)(?:test_[^/]*|conftest)\.py|\.pb\.go)$/i.test(
      path,
    ) &&
    !/(?:^|\/)(?:Cargo|uv|poetry|pdm)\.(?:lock|toml)$/.test(path),
  worth: (text) => WORTH.test(text),
  sizeMax: 1 << 20,
  read: (file, around) => ({ facts: [...defaults(file, around)], notes: [] }),
};

/** What no file without any of these is worth a closer look. */
const WORTH =
  /\b[Pp]ort\b|PORT|Port\b|_port\b|\b[Aa]ddr|ADDR|\.listen\(|ListenAndServe|bind\(|localhost:|127\.0\.0\.1:|0\.0\.0\.0:|:\/\/[\w.-]{1,253}:\d/;

const LISTENS =
  /\blisten|\bserver\s{0,4}:\s{0,4}\{|Listen|\bserve\b|\bserve\(|createServer|\.run\(|uvicorn|\bbind\(|startServer/;

interface Pattern {
  /** File names that it is for; all without it. */
  files?: RegExp;
  /** With the groups `digits` and, where there is one, `name`: the variable or flag. Each quantifier is bounded. */
  shape: RegExp;
  sure: Binds['sure'];
  why?: string;
  by: 'source' | 'flag';
  fallback: boolean;
  label?: (match: RegExpExecArray) => string | undefined;
}

const variable = `(?<name>[A-Z][A-Z0-9_]{0,60})`;
const digits = String.raw`(?<digits>\d{2,5})(?![\w.])`;

/** What these configure serves the sources to those who work on them. */
const BUNDLER =
  /(?:^|\/)(?:vite|astro|nuxt|svelte|webpack|rspack|rsbuild|vue|farm|electron\.vite)[\w.-]*\.config\.[cm]?[jt]s$/;

const PATTERNS: readonly Pattern[] = [
  // process.env.PORT || 3001, Number(Bun.env.PORT) ?? '3001', config.PORT || 3001
  {
    shape: new RegExp(
      String.raw`(?:\.|\benv\[['"])${variable}(?:['"]\])?[!)\s]{0,4}(?:\|\||\?\?)\s{0,20}(?:Number\(|parseInt\()?['"]?${digits}`,
      'dg',
    ),
    sure: 'certain',
    by: 'source',
    fallback: true,
  },
  // process.env.PORT ? Number(process.env.PORT) : 3001
  {
    shape: new RegExp(String.raw`\benv\.${variable}\s{0,4}\?(?![?.])[^;:\n]{0,80}:\s{0,4}['"]?${digits}`, 'dg'),
    sure: 'certain',
    by: 'source',
    fallback: true,
  },
  // getenv("PORT", "3050"), os.environ.get("PORT", 3050), envOr("PORT", ":3050"), viper.SetDefault("PORT", 3050)
  {
    shape: new RegExp(
      String.raw`\(\s{0,20}["']${variable}["']\s{0,4},\s{0,20}(?:int\()?["']?:?${digits}["']?\)?\s{0,20}[,)]`,
      'dg',
    ),
    sure: 'certain',
    by: 'source',
    fallback: true,
  },
  // ENV["PORT"] || 3000, getenv('PORT') ?: 8000, env::var("PORT").unwrap_or_else(|_| "3050".into()), ENV.fetch("PORT") { 3000 }
  {
    shape: new RegExp(
      String.raw`["']${variable}["'][)\]]{1,3}[^"';{}]{0,100}?(?:\|\||\?\?|\?:|\bor\b|unwrap_or\w{0,12}\(|orElse\(|getOrElse\(|\{)\s{0,4}(?:\|_?\w{0,10}\|\s{0,4})?(?:String::from\(|\(\)\s{0,4}->\s{0,4})?["']?${digits}`,
      'dg',
    ),
    sure: 'certain',
    by: 'source',
    fallback: true,
  },
  // ${PORT:8080} of Spring
  { shape: new RegExp(String.raw`\$\{${variable}:${digits}\}`, 'dg'), sure: 'certain', by: 'source', fallback: true },
  // env:"PORT" envDefault:"3050"
  {
    files: /\.go$/,
    shape: new RegExp(
      String.raw`\benv(?:config)?:"${variable}[^"]{0,40}"[^${'`'}\n]{0,80}?[dD]efault:"${digits}"`,
      'dg',
    ),
    sure: 'certain',
    by: 'source',
    fallback: true,
  },
  // PORT: z.coerce.number().default(3001), PORT: port({ default: 3001 })
  {
    files: /\.[cm]?[jt]sx?$/,
    shape: new RegExp(
      String.raw`\b${variable}["']?\s{0,4}:\s{0,4}(?:z|t|v|Type|Joi|joi|yup|envalid)?\.?\w{1,20}[^,;\n]{0,120}?default(?:\(|\s{0,4}:)\s{0,4}['"]?${digits}`,
      'dg',
    ),
    sure: 'certain',
    by: 'source',
    fallback: true,
  },
  // @Env('PORT') port: number = 3001
  {
    files: /\.[cm]?ts$/,
    shape: new RegExp(
      String.raw`@\w{1,30}\(['"]${variable}['"][^)\n]{0,60}\)\s{1,20}\w{1,40}\s{0,4}:\s{0,4}number\s{0,4}=\s{0,4}${digits}`,
      'dg',
    ),
    sure: 'certain',
    by: 'source',
    fallback: true,
  },
  // default: 3001, env: 'PORT'
  {
    files: /\.[cm]?[jt]sx?$/,
    shape: new RegExp(
      String.raw`\bdefault\s{0,4}:\s{0,4}${digits},\s{0,40}env\s{0,4}:\s{0,4}['"]${variable}['"]`,
      'dg',
    ),
    sure: 'certain',
    by: 'source',
    fallback: true,
  },
  // flag.Int("port", 3050, …), flag.String("addr", ":3050", …)
  {
    files: /\.go$/,
    shape: new RegExp(
      String.raw`\.(?:Int|Uint|String)\w{0,8}\((?:\s{0,4}&[\w.]{1,60},)?\s{0,4}"(?<name>[a-z][a-z.-]{0,30})",\s{0,4}(?:"[a-z]?",\s{0,4})?"?(?:[\d.]{7,15}|localhost)?:?${digits}"?`,
      'dg',
    ),
    sure: 'certain',
    by: 'flag',
    fallback: true,
  },
  // add_argument("--port", type=int, default=3050), .option('--port <port>', 'text', '3050')
  {
    shape: new RegExp(
      String.raw`["'](?:-\w["']?,\s?["']?)?--(?<name>(?:[a-z]{1,20}-)?port)\b[^"'\n]{0,20}["'][^)]{0,200}?(?:\bdefault(?:_value)?\s{0,4}[=:]\s{0,4}|,\s{0,4})["']?${digits}`,
      'dg',
    ),
    sure: 'certain',
    by: 'flag',
    fallback: true,
  },
  // DefaultListenAddress = ":3050", ListenAddr: ":3050"
  {
    files: /\.go$/,
    shape: new RegExp(
      String.raw`\b(?<key>[A-Za-z]{0,40}[Ll]isten(?:[A-Z][A-Za-z]{0,40})?)\s{0,40}(?::?=|:)\s{0,4}"(?:[\d.]{7,15}|localhost)?:${digits}"`,
      'dg',
    ),
    sure: 'likely',
    why: 'by its name it is where something listens',
    by: 'source',
    fallback: true,
    label: ({ groups }) => /^(?:metrics|debug|health|admin|grpc)/i.exec(groups!.key!)?.[0].toLowerCase(),
  },
  // #[arg(long, default_value_t = 3050)] port: u16
  {
    files: /\.rs$/,
    shape: new RegExp(
      String.raw`\bdefault_value(?:_t)?\s{0,4}=\s{0,4}"?${digits}"?[^\]]{0,100}\)\]\s{0,40}(?:pub\s)?(?<name>[a-z_]{0,30}port)\s{0,4}:`,
      'dg',
    ),
    sure: 'certain',
    by: 'flag',
    fallback: true,
  },
  // #[envconfig(from = "PORT", default = "3050")], #[envconfig(default = "127.0.0.1:3050")] pub address
  {
    files: /\.rs$/,
    shape: new RegExp(
      String.raw`\benvconfig\(\s{0,20}from\s{0,4}=\s{0,4}"${variable}",\s{0,20}default\s{0,4}=\s{0,4}"${digits}"`,
      'dg',
    ),
    sure: 'certain',
    by: 'source',
    fallback: true,
  },
  {
    files: /\.rs$/,
    shape: new RegExp(
      String.raw`\benvconfig\([^()\]]{0,100}\bdefault\s{0,4}=\s{0,4}"(?:[\d.]{7,15}:|\[::1?\]:|:)?${digits}"\s{0,20}\)\]\s{0,40}(?:pub(?:\(crate\))?\s)?(?<name>addr|address|[a-z_]{0,30}port)\s{0,4}:`,
      'dg',
    ),
    sure: 'certain',
    by: 'source',
    fallback: true,
  },
  // class Settings: port: int = 3050
  {
    files: /\.py$/,
    shape: new RegExp(
      String.raw`^[ \t]{0,16}(?<name>[A-Za-z_]{0,40}(?:port|PORT))\s{0,4}:\s{0,4}(?:int|str)\s{0,4}=\s{0,4}(?:Field\(\s{0,4}(?:default\s{0,4}=\s{0,4})?)?["']?${digits}`,
      'dgm',
    ),
    sure: 'certain',
    by: 'source',
    fallback: true,
  },
  // uvicorn.run(app, port=3050), app.run(host="0.0.0.0", port=5000)
  {
    files: /\.py$/,
    shape: new RegExp(
      String.raw`\b(?:run|serve|listen|HTTPServer|create_server|start_server|run_simple|start_http_server|run_app)\([^)]{0,200}?\bport\s{0,4}=\s{0,4}${digits}`,
      'dg',
    ),
    sure: 'certain',
    by: 'source',
    fallback: false,
  },
  // .listen(3001), http.ListenAndServe(":3050", …), net.Listen("tcp", ":3050"), r.Run(":3050"), TcpListener::bind("0.0.0.0:3050")
  {
    files: /\.(?:[cm]?[jt]sx?|svelte|rb|py|go)$/,
    shape: new RegExp(String.raw`\.listen\(\s{0,20}["']?:?${digits}`, 'dg'),
    sure: 'certain',
    by: 'source',
    fallback: false,
  },
  {
    files: /\.(?:go|rs|py)$/,
    shape: new RegExp(
      String.raw`\b(?:ListenAndServe(?:TLS)?|Listen|Run|Start|bind)\(\s{0,4}\(?\s{0,4}(?:"tcp",\s{0,4})?["'](?:[\d.]{7,15}|localhost|\[::\])?(?::|["'],\s{0,4})${digits}`,
      'dg',
    ),
    sure: 'certain',
    by: 'source',
    fallback: false,
  },
  // serve({ port: 3001 }), createServer({ port }), Bun's and Vite's settings
  {
    files: /\.[cm]?[jt]sx?$/,
    shape: new RegExp(
      String.raw`\b(?:serve|listen|WebSocketServer|startServer|createWebSocketServer)\(\s{0,20}\{[^{}]{0,300}?\bport\s{0,4}:\s{0,4}${digits}`,
      'dg',
    ),
    sure: 'certain',
    by: 'source',
    fallback: false,
  },
  {
    files: /\.[cm]?[jt]s$/,
    shape: new RegExp(String.raw`\bexport default \{[^{}]{0,300}?\bport\s{0,4}:\s{0,4}${digits}`, 'dg'),
    sure: 'certain',
    by: 'source',
    fallback: false,
  },
  {
    files: BUNDLER,
    shape: new RegExp(
      String.raw`\b(?<section>server|preview|devServer|dev)\s{0,4}[:=]\s{0,4}\{(?:[^{}]|\{[^{}]{0,200}\}){0,300}?\bport\s{0,4}:\s{0,4}${digits}`,
      'dg',
    ),
    sure: 'certain',
    by: 'source',
    fallback: true,
    label: ({ groups }) => (groups!.section === 'preview' ? 'preview' : undefined),
  },
  // server.port=8080
  {
    files: /(?:application|bootstrap)[\w-]{0,40}\.properties$/,
    shape: new RegExp(String.raw`^(?<name>(?:[a-z]{1,20}\.){0,3}(?:server|http)\.port)\s{0,4}=\s{0,4}${digits}`, 'dgm'),
    sure: 'certain',
    by: 'source',
    fallback: true,
    label: ({ groups }) => (groups!.name!.startsWith('management') ? 'management' : undefined),
  },
  // app.Run("http://localhost:5000"), UseUrls("http://*:5000"), options.ListenAnyIP(5000)
  {
    files: /\.cs$/,
    shape: new RegExp(
      String.raw`\b(?:(?:UseUrls|app\.Run|app\.RunAsync|Urls\.Add)\(\s{0,20}"https?:\/\/[\w.*+-]{1,60}:|Listen(?:AnyIP|Localhost)\(\s{0,20})${digits}`,
      'dg',
    ),
    sure: 'certain',
    by: 'source',
    fallback: false,
  },
  // listenPort = "3050" in a block of constants, port := "3050". A bare `port =` may be a database's.
  {
    files: /\.go$/,
    shape: new RegExp(
      String.raw`^\t{1,3}(?<name>(?:default|server|http|listen|app)Port(?=\s{1,40}:?=)|port(?=\s{1,4}:=))\s{1,40}:?=\s{1,4}":?${digits}"`,
      'dgm',
    ),
    sure: 'likely',
    why: 'a constant is called so: that it is listened on is not looked at',
    by: 'source',
    fallback: true,
  },
  // const port = isSet(PORT) ? parseInt(PORT) : 3001, const port = options.port ?? 3001
  {
    files: /\.[cm]?[jt]sx?$/,
    shape: new RegExp(
      String.raw`\b(?:const|let|var)\s{1,4}(?<name>(?:DEFAULT_|SERVER_|HTTP_|default|server|http)?(?:PORT|port|Port))\s{0,4}=\s{0,4}[^;{}=?|]{1,80}(?:\?\?|\|\||\?(?![?.])[^;{}=?:]{1,80}:)\s{0,20}(?:Number\(|parseInt\()?['"]?${digits}`,
      'dg',
    ),
    sure: 'likely',
    why: 'a constant is called PORT: that it is listened on is not looked at',
    by: 'source',
    fallback: true,
  },
  // const defaults = { PORT: 3001 }
  {
    files: /\.[cm]?[jt]s$/,
    shape: new RegExp(String.raw`[{,]\s{0,40}(?<name>PORT)\s{0,4}:\s{0,4}['"]?${digits}['"]?\s{0,4}[,}]`, 'dg'),
    sure: 'unsure',
    why: 'an object has PORT: whether that is a default for what is listened on is not looked at',
    by: 'source',
    fallback: true,
  },
  // const PORT = 3001
  {
    shape: new RegExp(
      String.raw`(?:^|[;{]\s{0,4}|\b(?:const|let|var|final|static|int|val|public|export)\s{1,4}(?:int\s|u16\s|string\s)?)(?<name>(?:DEFAULT_|SERVER_|HTTP_|default|server|http)?(?:PORT|port|Port))\s{0,4}(?::\s{0,4}\w{1,12}\s{0,4})?:?=\s{0,4}["']?${digits}`,
      'dgm',
    ),
    sure: 'likely',
    why: 'a constant is called PORT: that it is listened on is not looked at',
    by: 'source',
    fallback: true,
  },
];

function* defaults(file: SourceFile, around: Surroundings): Generator<Fact> {
  const { text } = file;
  if (isGenerated(text)) return;
  const home = around.home(file.directory);
  const own: NameHint[] = home === undefined ? [] : [{ name: home, from: 'directory' }];
  const seen = new Set<number>();
  const mains = new Set<number>();
  for (const pattern of PATTERNS) {
    if (pattern.files && !pattern.files.test(file.path)) continue;
    for (const match of text.matchAll(pattern.shape) as Iterable<RegExpExecArray>) {
      const [start, end] = match.indices!.groups!.digits!;
      const port = portOf(match.groups!.digits!);
      if (port === undefined || seen.has(start) || isComment(text, start)) continue;
      const written = match.groups!.name;
      const bundled = BUNDLER.test(file.path)
        ? placeInBundler(text.slice(Math.max(0, match.index - 500), match.index))
        : undefined;
      if (bundled === 'address') continue;
      const meaning = written === undefined || bundled === 'own' ? { role: 'own' as const } : meaningOf(written);
      if (!meaning) continue;
      seen.add(start);
      const shared = { place: file.place(start, end - start), importer: 'source', port, protocol: 'tcp' as const };
      if (meaning.role === 'other') {
        const names: NameHint[] = [{ name: meaning.name, from: 'variable' }];
        yield {
          kind: 'refers',
          ...shared,
          names,
          by: own,
          host: '',
          scope: 'unknown',
          sure: 'likely',
          why: `the name ${written} is of something connected to`,
        };
        continue;
      }
      const said = pattern.label?.(match) ?? (meaning.role === 'own' && 'label' in meaning ? meaning.label : undefined);
      // Served from one port to those who work on it and to those who look at what was built, it is one endpoint.
      const label = said !== undefined && mains.has(port) ? undefined : said;
      if (label === undefined) mains.add(port);
      const variant = BUNDLER.test(file.path) && label === undefined ? 'dev' : undefined;
      const named: NameHint[] = meaning.role === 'named' ? [{ name: meaning.name, from: 'variable' }] : [];
      const why = meaning.role === 'named' ? `by the name ${written}` : pattern.why;
      // A constant in a file that binds nothing may as well be the port of what it connects to.
      const sure = pattern.sure === 'likely' && !LISTENS.test(text) ? 'unsure' : pattern.sure;
      yield {
        kind: 'binds',
        ...shared,
        by: pattern.by,
        names: [...named, ...own],
        ...(label ? { label } : {}),
        ...(written && /^[A-Z]/.test(written) ? { variable: written } : {}),
        ...(pattern.fallback ? { fallback: true } : {}),
        ...(variant ? { variant } : {}),
        sure: meaning.role === 'named' ? 'likely' : sure,
        ...(why ? { why } : {}),
      };
    }
  }
  for (const address of addressesIn(text)) {
    if (seen.has(address.offset)) continue;
    const before = text.slice(Math.max(0, address.start - 120), address.start);
    const key = /([A-Z][A-Z0-9_]{1,60})\b[^\nA-Z]{0,40}$/.exec(before.slice(before.lastIndexOf('\n') + 1))?.[1] ?? '';
    const fact = reference(file, 0, address, key, own, 'source');
    yield isComment(text, address.offset) ? ({ ...fact, example: true } as Fact) : fact;
  }
}

/** What a bundler's setting is about, by the text before: the port of its server, or an address that this passes on to. */
function placeInBundler(before: string): 'own' | 'address' | undefined {
  if (/:\/\/[\w.-]{1,100}:\$\{[\w.(]{0,40}$/.test(before)) return 'address';
  const own = /\b(?:server|devServer)\s{0,4}[:=]\s{0,4}\{[^{}]{0,400}\bport\s{0,4}:\s{0,4}[\w.(+]{0,40}$/;
  return own.test(before) ? 'own' : undefined;
}

/** A variable, a flag (`port`, `http-port`, `addr`) or a field (`metrics_port`). @returns `undefined` when it is no port */
function meaningOf(name: string): ReturnType<typeof portVariable> {
  if (/^(?:addr|address|listen|bind|http|listen-addr|http-addr)$/.test(name)) return { role: 'own' };
  if (/^(?:DEFAULT_|default)/.test(name) || name.includes('.')) return { role: 'own' };
  return portVariable(name.replace(/([a-z])([A-Z])/g, '$1_$2').replaceAll('-', '_'));
}

/** Whether the place is in a line that is a comment from its beginning on. */
function isComment(text: string, offset: number): boolean {
  const start = text.lastIndexOf('\n', offset - 1) + 1;
  return /^\s*(?:\/\/|#(?!\[)|\*|\/\*|--\s|<!--)/.test(text.slice(start, Math.min(offset, start + 200)));
}

function isGenerated(text: string): boolean {
  const head = text.slice(0, 1000);
  if (/@generated|Code generated .{0,80}DO NOT EDIT|auto-?generated/i.test(head)) return true;
  // A line of this length is no person's: bundled or minified.
  const firstEnd = text.indexOf('\n');
  return (firstEnd < 0 ? text.length : firstEnd) > 20_000;
}
