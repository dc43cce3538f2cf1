import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type PortolanClient } from '@portolan/client';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { freePort } from '../support/port.ts';
import { Workbench } from '../support/workbench.ts';

const patient = { timeout: 60_000, interval: 100 };

const unavailable =
  spawnSync('prometheus', ['--version']).status === 0 ? undefined : 'there is no prometheus on this machine';
beforeEach((context) => context.skip(unavailable !== undefined, unavailable));

let bench: Workbench;
let url: string;
let fleet: PortolanClient;
let prometheus: string;

beforeAll(async () => {
  if (unavailable !== undefined) return;
  bench = new Workbench();
  ({ url } = await bench.coordinator([]));
  fleet = connect({ url, token: bench.token });
});
afterAll(async () => {
  await bench?.clear();
});

test('promtool finds the answer to be what http_sd is', async () => {
  await bench.agent(url, 'harbour', ['--interval', '200', '--no-all-namespaces']);
  const port = await freePort();
  await fleet.declare('wharf', {
    services: [
      {
        name: 'crane',
        runtime: 'Go',
        hosts: ['harbour'],
        endpoints: [
          { label: 'metrics', port },
          { label: 'admin', port: 'auto' },
          { label: 'discovery', protocol: 'udp', port: 'auto' },
        ],
      },
    ],
  });
  const sd = join(bench.directory, 'sd.yml');
  writeFileSync(sd, config(`${url}/v1/discovery/prometheus?project=wharf`));
  // `promtool check service-discovery` asks the coordinator as Prometheus does, and shows what came of it.
  const checked = await bench.run('promtool', ['check', 'service-discovery', '--timeout=4s', sd, 'fleet']).ended;
  expect(checked).toMatchObject({ code: 0 });
  const targets = JSON.parse(checked.stdout) as { labels: Record<string, string> }[];
  expect(targets.map(({ labels }) => labels.endpoint).sort()).toEqual(['admin', 'metrics']);
  expect(targets.find(({ labels }) => labels.endpoint === 'metrics')!.labels).toMatchObject({
    project: 'wharf',
    service: 'crane',
    host: 'harbour',
    job: 'fleet',
    __address__: expect.stringMatching(new RegExp(`^[^:]+:${port}$`)),
  });
});

test('a Prometheus scrapes what is listening, finds what comes and loses what goes', async () => {
  const web = await freePort();
  const file = join(bench.directory, 'prometheus.yml');
  writeFileSync(file, config(`${url}/v1/discovery/prometheus?label=metrics&host=harbour`));
  const address = `127.0.0.1:${web}`;
  bench.run('prometheus', [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(bench.directory, 'tsdb')}`,
    `--web.listen-address=${address}`,
    '--log.level=warn',
  ]);
  prometheus = `http://${address}`;
  await vi.waitFor(async () => expect((await fetch(`${prometheus}/-/ready`)).status).toBe(200), patient);

  await exporter('tides');
  await vi.waitFor(async () => expect(await scraped('quay')).toEqual([['tides', '1']]), patient);
  await exporter('winds');
  await vi.waitFor(async () => {
    expect(await scraped('quay')).toEqual([
      ['tides', '1'],
      ['winds', '1'],
    ]);
  }, patient);
  await fleet.release({ project: 'quay', service: 'tides' });
  await vi.waitFor(async () => expect(await scraped('quay')).toEqual([['winds', '1']]), patient);

  // What is planned for a host and not there shows as down.
  await vi.waitFor(async () => expect(await scraped('wharf')).toEqual([['crane', '0']]), patient);
});

/** A scrape config whose targets come from the coordinator. */
function config(from: string): string {
  const token = join(bench.directory, 'token-of-prometheus');
  writeFileSync(token, bench.token);
  return [
    'global: { scrape_interval: 1s }',
    'scrape_configs:',
    '  - job_name: fleet',
    '    http_sd_configs:',
    `      - url: ${JSON.stringify(from)}`,
    '        refresh_interval: 1s',
    `        authorization: { type: Bearer, credentials_file: ${JSON.stringify(token)} }`,
  ].join('\n');
}

/** Reserves a port for the metrics of a service, and starts it there. */
async function exporter(service: string): Promise<void> {
  const { port } = await fleet.reserve({ project: 'quay', service, label: 'metrics' });
  const serve = `require('node:http').createServer((q, a) => a.end('up 1\\n')).listen(${port}, '127.0.0.1', () => console.log('serving'))`;
  const environment = { PORTOLAN_ENDPOINTS: `quay/${service}:metrics=${port}/tcp` };
  await bench.run(process.execPath, ['-e', serve], { environment }).says(/serving/);
}

/** The services of a project that Prometheus has as targets now, each with whether its last scrape went well. */
async function scraped(project: string): Promise<[string, string][]> {
  const active = await ask<{ activeTargets: { labels: Record<string, string>; health: string }[] }>(
    'targets?state=active',
  );
  return active.activeTargets
    .filter(({ labels, health }) => labels.project === project && health !== 'unknown')
    .map(({ labels, health }): [string, string] => [labels.service ?? '', health === 'up' ? '1' : '0'])
    .sort();
}

async function ask<T>(path: string): Promise<T> {
  return ((await (await fetch(`${prometheus}/api/v1/${path}`)).json()) as { data: T }).data;
}
