import { expect, test } from 'vitest';
import { said } from './reading.fixture.ts';

const at = (name: string, text: string) => said(`services/x/${name}`, text, { 'services/x/package.json': '{}' });
const own = (port: number, label = '') => [`binds ${port} ${label ? `${label} ` : ''}fallback services/x`];
const dev = (port: number) => [`binds ${port} dev fallback services/x`];
const fixed = (port: number) => [`binds ${port} services/x`];

test.each([
  ['index.ts', 'const port = process.env.PORT || 3001;', own(3001)],
  ['index.ts', 'const port = Number(process.env.PORT) || 3001;', own(3001)],
  ['index.ts', "const port = parseInt(process.env.PORT ?? '3001', 10);", own(3001)],
  ['index.ts', 'const port = process.env["PORT"] ?? 3001;', own(3001)],
  ['index.ts', 'const port = process.env.PORT ? Number(process.env.PORT) : 3001;', own(3001)],
  ['index.ts', 'const port = Bun.env.HEALTH_PORT ?? 3001;', own(3001, 'health')],
  ['index.ts', 'PORT: z.coerce.number().int().default(3001),', own(3001)],
  ['index.ts', 'PORT: port({ default: 3001 }),', own(3001)],
  ['index.ts', "@Env('PORT')\n  port: number = 3001;", own(3001)],
  ['index.ts', 'port: settings.PORT || 3001,', own(3001)],
  ['index.ts', "{ format: 'port', default: 3001, env: 'PORT' }", own(3001)],
  ['index.ts', 'app.listen(3001, () => {});', fixed(3001)],
  ['index.ts', 'serve({ fetch, port: 3001 });', fixed(3001)],
  ['index.ts', 'export default {\n  port: 3001,\n  fetch,\n};', fixed(3001)],
  ['vite.config.ts', 'server: { host: true, port: 5173 }', dev(5173)],
  [
    'vite.config.ts',
    'server: { hmr: { overlay: false }, port: 5173 }, preview: { port: 5173 }',
    [...dev(5173), ...dev(5173)],
  ],
  [
    'vite.config.ts',
    'const port = isSet(WEB_PORT)\n  ? parseInt(WEB_PORT)\n  : 5173;\nserver: { port }',
    ['binds 5173 dev fallback services/x likely'],
  ],
  ['vite.config.ts', 'server: { host: true, port: env.FE_PORT ? parseInt(env.FE_PORT) : 5173 }', dev(5173)],
  ['vite.config.ts', 'proxy: { target: `http://localhost:$' + '{process.env.PORT ?? 3001}` }', []],
  ['vite.config.ts', 'preview: { port: 4173 }', own(4173, 'preview')],
  ['webpack.config.js', 'config.devServer = { proxy: [{ a: 1 }], port: 5173 }', dev(5173)],
  ['cli.ts', ".option('--port <port>', 'where to listen', '3001')", own(3001)],
  ['main.py', 'port = int(os.environ.get("PORT", "3050"))', own(3050)],
  ['main.py', 'PORT = int(os.getenv("PORT", 3050))', own(3050)],
  ['main.py', 'class Settings:\n    port: int = 3050', own(3050)],
  ['main.py', 'class Settings:\n    metrics_port: int = Field(default=9090)', own(9090, 'metrics')],
  ['main.py', 'uvicorn.run("app:app", host="0.0.0.0", port=3050)', fixed(3050)],
  ['main.py', 'parser.add_argument("--port", type=int, default=3050)', own(3050)],
  ['main.go', 'port := getEnv("PORT", "3050")', own(3050)],
  ['main.go', 'p := flag.Int("port", 3050, "where to listen")', own(3050)],
  ['main.go', 'flag.StringVar(&addr, "addr", ":3050", "where to listen")', own(3050)],
  ['main.go', 'log.Fatal(http.ListenAndServe(":3050", nil))', fixed(3050)],
  ['main.go', 'Port int `env:"PORT" envDefault:"3050"`', own(3050)],
  ['main.go', 'const (\n\tlistenPort = "3050"\n)\nnet.Listen(x)', [`${own(3050)[0]} likely`]],
  ['main.go', 'func main() {\n\tport := "3050"\n\thttp.ListenAndServe(port)', [`${own(3050)[0]} likely`]],
  ['main.go', 'const (\n\thost = "localhost"\n\tport = "5432"\n)\nnet.Listen(x)', []],
  ['Program.cs', 'app.Run("http://localhost:3050");', fixed(3050)],
  ['Program.cs', 'builder.WebHost.ConfigureKestrel(o => o.ListenAnyIP(3050));', fixed(3050)],
  ['main.go', 'const MetricsDefaultListen = ":3050"', ['binds 3050 metrics fallback services/x likely']],
  ['main.rs', 'let p = env::var("PORT")\n    .unwrap_or_else(|_| "3050".to_string());', own(3050)],
  ['main.rs', 'let l = TcpListener::bind("0.0.0.0:3050").await?;', fixed(3050)],
  ['main.rs', '#[arg(long, default_value_t = 3050)]\n    port: u16,', own(3050)],
  ['main.rs', '#[envconfig(from = "BIND_PORT", default = "3050")]\n    pub port: u16,', own(3050)],
  ['main.rs', '#[envconfig(default = "127.0.0.1:3050")]\n    pub address: SocketAddr,', own(3050)],
  ['main.rs', '#[envconfig(default = "3050")]\n    pub metrics_port: u16,', own(3050, 'metrics')],
  ['puma.rb', 'port ENV.fetch("PORT") { 3000 }', own(3000)],
  ['index.php', "$port = getenv('PORT') ?: 8000;", own(8000)],
  ['runtime.exs', 'port = System.get_env("PORT") || "4000"', own(4000)],
  ['application.properties', 'server.port=8080', own(8080)],
  ['application.properties', 'server.port=$' + '{PORT:8080}', own(8080)],
])('%s: %s', (name, text, wanted) => {
  expect(at(name, text)).toEqual(wanted);
});

test.each([
  'const timeout = process.env.TIMEOUT || 3000;',
  'const support = process.env.SUPPORT || 4000;',
  'setTimeout(done, 3000); const port = settings.port;',
  'import { x } from "./port-3001"; const year = 2024;',
  'const importance = 5000; report(1234);',
  'listen("/dev/3000")',
  'const version = "PORT 3.11.2";',
])('no port: %s', (text) => {
  expect(at('index.ts', text)).toEqual([]);
});

test('what is connected to is a reference, whoever it is told to be', () => {
  expect(at('index.ts', 'connect(process.env.DB_PORT || 5432)')).toEqual(['refers 5432 ?/unknown db likely']);
  expect(at('index.ts', "const url = process.env.MANA_AUTH_URL || 'http://localhost:3001/v1';")).toEqual([
    'refers 3001 localhost/host mana_auth',
  ]);
  expect(at('index.ts', "fetch('http://auth:3001/health')")).toEqual(['refers 3001 auth/network health auth']);
});

test('a constant called PORT is likely the port', () => {
  expect(at('index.ts', 'const PORT = 3001;\napp.listen(PORT);')).toEqual(['binds 3001 fallback services/x likely']);
});

test('PORT of an object may be a default, or anything', () => {
  expect(at('env.ts', "const defaults = {\n  HOST: '0.0.0.0',\n  PORT: 8055,\n};")).toEqual([
    'binds 8055 fallback services/x unsure',
  ]);
});

test('a port that is named by somebody has that name', () => {
  expect(at('index.ts', 'process.env.MANA_SYNC_PORT || 3050')).toEqual([
    'binds 3050 fallback mana_sync+services/x likely',
  ]);
});

test('a comment is no code, but an address in it is a mention', () => {
  expect(at('index.ts', '// app.listen(3001)')).toEqual([]);
  expect(at('index.ts', '// see http://localhost:3001/docs')).toEqual(['refers 3001 localhost/host']);
});

test('generated files say nothing', () => {
  expect(at('api.ts', '// Code generated by x. DO NOT EDIT.\napp.listen(3001)')).toEqual([]);
});
