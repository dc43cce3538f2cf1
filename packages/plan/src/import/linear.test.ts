import fc from 'fast-check';
import { expect, test } from 'vitest';
import { read } from './reading.fixture.ts';

/** One file for each importer. */
const paths = [
  '.env',
  'compose.yaml',
  'prometheus.yml',
  'cloudflared.yml',
  'k8s.yaml',
  'ecosystem.config.cjs',
  'package.json',
  'Procfile',
  'Dockerfile',
  'Caddyfile',
  'nginx.conf',
  'a.service',
  'run.sh',
  'a.md',
  'a.ts',
  'a.py',
  'a.go',
  'a.rs',
  'a.cs',
  'vite.config.ts',
  'project.json',
  'devcontainer.json',
  'wrangler.toml',
];

/** Pieces that the patterns look for, so that repeated ones keep as many of them busy as can be. */
const piece = fc.constantFrom(
  ...(
    'PORT port Port ports listen( .listen( :3001 3001 3000-3010 127.0.0.1: localhost: http:// http://a:1 env.PORT process.env. || ?? ' +
    '"PORT" , ( ) { } [ ] | || --port -p --port= = : - – , . ; # // * ** ` ``` ~~ _ > < \\ " \' $ $${ } default( .default( server: { upstream server ' +
    'proxy_pass reverse_proxy EXPOSE ENV CMD Environment= ExecStart= ListenStream= services: ports: targets: kind: apiVersion: a a- -a mana-sync ' +
    'runs on port avoid reserved | Port | Service |'
  ).split(' '),
  ' ',
  '\n',
  '\t',
);

test('no pattern takes much longer for text that repeats what it looks for', () => {
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 4 }), fc.constantFrom(...paths), (pieces, path) => {
      const unit = pieces.join('');
      const time = (times: number) => {
        const text = `PORT port ${unit.repeat(times)}`;
        const start = process.hrtime.bigint();
        read(path, text);
        return Number(process.hrtime.bigint() - start) / 1e6;
      };
      // The parsers of Markdown and YAML are slower than linear; what is worse than they are would take minutes here.
      expect(time(1000)).toBeLessThan(10_000);
    }),
    { numRuns: 300 },
  );
});
