import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Authority, certificatesUnavailable, type Pair } from '../../../../test/support/certificates.ts';
import { readTls, type TlsContents, watchTls } from './tls-files.ts';

const patient = { timeout: 60_000, interval: 50 };
const unavailable = certificatesUnavailable();
beforeEach((context) => context.skip(unavailable !== undefined, unavailable));

let directory: string;
let authority: Authority;
let first: Pair;
let second: Pair;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'portolan-tls-'));
  if (unavailable !== undefined) return;
  authority = new Authority(directory, 'authority');
  first = authority.issue('first');
  second = authority.issue('second');
});
afterAll(() => rmSync(directory, { recursive: true }));

test('a bad file is told by its name and with what is wrong with it', async () => {
  const rubbish = join(directory, 'rubbish.pem');
  writeFileSync(rubbish, 'not a certificate');
  await expect(readTls({ ...first, cert: join(directory, 'none.pem') })).rejects.toThrow(
    /none\.pem cannot be read \(ENOENT\)/,
  );
  await expect(readTls({ ...first, cert: rubbish })).rejects.toThrow(/rubbish\.pem is no PEM certificate/);
  await expect(readTls({ ...first, key: rubbish })).rejects.toThrow(/rubbish\.pem is no PEM private key/);
  await expect(readTls({ ...first, key: second.key })).rejects.toThrow(/second\.key is not the key of the certificate/);
  await expect(readTls({ ...first, clientCa: rubbish })).rejects.toThrow(/rubbish\.pem is no PEM certificate/);
  expect(await readTls({ ...first, clientCa: authority.cert })).toHaveProperty('ca');
});

test('changed files are used as soon as they fit, and until then the old ones are, with one word in the log', async () => {
  const files = { cert: join(directory, 'live.pem'), key: join(directory, 'live.key') };
  copyFileSync(first.cert, files.cert);
  copyFileSync(first.key, files.key);
  const lines: string[] = [];
  const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const used: TlsContents[] = [];
  const stop = watchTls(files, await readTls(files), (contents) => used.push(contents), logger);
  try {
    copyFileSync(second.cert, files.cert);
    const complaints = () => lines.filter((line) => line.includes('cannot be used'));
    await vi.waitFor(() => expect(complaints()).toHaveLength(1), patient);
    expect(used).toEqual([]);
    copyFileSync(second.key, files.key);
    await vi.waitFor(() => expect(used).toHaveLength(1), patient);
    expect(used[0]).toEqual(await readTls(second));
    expect(complaints()).toHaveLength(1);
  } finally {
    stop();
  }
});
