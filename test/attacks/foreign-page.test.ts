import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startOwnCoordinator } from '../support/own-coordinator.ts';

const token = 'ptn_of_the_start_that_is_long_enough';

let directory: string;
let coordinator: Awaited<ReturnType<typeof startOwnCoordinator>>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-foreign-'));
  coordinator = await startOwnCoordinator(directory, token);
});
afterAll(async () => {
  await coordinator?.stop();
  await rm(directory, { recursive: true });
});

test('no page of elsewhere can load any answer as a script, an image or a style', async () => {
  const document = (await (await fetch(`${coordinator.url}/v1/openapi.json`)).json()) as { paths: object };
  const paths = ['/', '/metrics', '/livez', '/readyz', '/reference', '/v1/openapi.json', '/nowhere'];
  for (const path of [...paths, ...Object.keys(document.paths).map((path) => path.replaceAll(/\{\w+\}/g, 'x'))]) {
    const { headers } = await asked(path, {});
    expect([path, headers['cross-origin-resource-policy'], headers['x-content-type-options']]).toEqual([
      path,
      'same-origin',
      'nosniff',
    ]);
  }
});

test('an origin counts as a whole, and a host by what it is', async () => {
  const { host } = new URL(coordinator.url);
  const { port } = new URL(coordinator.url);
  const authorization = `Bearer ${token}`;
  const status = async (headers: Record<string, string>) =>
    (await asked('/v1/status', { authorization, ...headers })).status;
  expect(await status({ origin: `http://${host}` })).toBe(200);
  for (const origin of [`chrome-extension://${host}`, `http://evil@${host}`, `http://${host}/path`, 'null'])
    expect([origin, await status({ origin })]).toEqual([origin, 403]);
  expect(await status({ host: `127.9.9.9:${port}` })).toBe(200);
  for (const name of ['127.999.999.999', '127.1', '127.0.0.1.evil.example'])
    expect([name, await status({ host: `${name}:${port}` })]).toEqual([name, 421]);
});

function asked(path: string, headers: Record<string, string>) {
  return new Promise<{ status: number | undefined; headers: Record<string, string | string[] | undefined> }>(
    (resolve, reject) => {
      const sent = request(coordinator.url + path, { headers, agent: false }, (response) => {
        resolve({ status: response.statusCode, headers: response.headers });
        response.destroy();
      });
      sent.on('error', reject);
      sent.end();
    },
  );
}
