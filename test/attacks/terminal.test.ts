import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, type PortolanClient } from '@portolan/client';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ToldHost, toldListener } from '../support/told-host.ts';
import { PORTOLAN, Workbench } from '../support/workbench.ts';

/** Colours of somebody else's, a title for the window, a line that is written over, letters that are turned around. */
const HOSTILE = '\u001b[38;5;213mX\u001b]0;owned\u0007\u0000\r\u009b2J\u202e\u2066\u200f\u061c';
const PORT = 6000;
const noTerminal = spawnSync('script', ['-qec', 'true', '/dev/null']).status !== 0;

let bench: Workbench;
let client: PortolanClient;
let url: string;

beforeAll(async () => {
  bench = new Workbench();
  ({ url } = await bench.coordinator(['--no-gossip']));
  client = connect({ url, token: bench.token });
  const host = new ToldHost(client, 'harbour', { name: `web${HOSTILE}`, blindSpots: [HOSTILE] });
  await host.begin([
    toldListener('shop/cart', PORT),
    toldListener('other/thing', PORT, { address: '127.0.0.1', command: `node${HOSTILE}` }),
    toldListener(null, 6001, { command: HOSTILE }),
  ]);
  await client.block({ from: 6002, to: 6002, protocol: null, reason: `kept ${HOSTILE}` });
  await client.putRange({ name: 'docks', from: 7000, to: 7099, purpose: HOSTILE, owner: null, policy: 'allocate' });
  await client.reserve({ project: 'shop', service: 'pay', port: 7001, purpose: HOSTILE, holder: HOSTILE });
  await client.createToken({ role: 'viewer', name: HOSTILE, projects: null, host: null });
  await vi.waitFor(async () => expect((await client.findings()).items).not.toHaveLength(0), { timeout: 30_000 });
  const tree = join(bench.directory, 'tree');
  mkdirSync(tree);
  writeFileSync(join(tree, `${HOSTILE.replaceAll('\u0000', '')}.env`), 'PORT=6000\n');
  writeFileSync(join(tree, 'compose.yaml'), `services:\n  cart:\n    ports: ["${PORT}:80"] # \u202e\u001b[31m\n`);
});
afterAll(() => bench?.clear());

/** At a terminal, with colours: what the terminal gets. */
async function shown(line: string): Promise<string> {
  const command = `env -u NO_COLOR TERM=xterm-256color ${process.execPath} ${PORTOLAN} ${line}`;
  const environment = { PORTOLAN_URL: url, PORTOLAN_TOKEN: bench.token };
  return (await bench.run('script', ['-qec', command, '/dev/null'], { environment }).ended).stdout;
}

const CONTROL = String.raw`\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f`;
const TURNING = String.raw`\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069`;
const LEFT = new RegExp(String.raw`\r(?!\r*\n)|[${CONTROL}${TURNING}]`);
const COLOUR = String.raw`\u001b\[(?:[012]?[0-9]|3[0-79]|9[0-7])?m`;
/** Our own colours, the line that waits, the cursor of a question. */
const OURS = new RegExp(String.raw`${COLOUR}|\r\u001b\[2K|\u001b\[\d*[JKGA-D]`, 'g');

describe.skipIf(noTerminal)('names from all over the fleet rewrite no terminal', () => {
  test.each([
    ['ls', 'ls --listeners', 'hosts', 'who 6000', 'who 6001', 'who 6002'],
    ['findings', 'range list', 'block list', 'token list', 'audit', 'members'],
    [
      'reserve x/y --preferred 6002',
      'reserve x/z --preferred 6000',
      'reserve x/q --port 6002',
      'reserve x/q --port 6000',
      'who 6001 --json',
      'findings --json',
    ],
    ['import tree -o -', 'check tree', 'top --once', 'doctor', 'free', `who ${JSON.stringify('\u001b[31m\u202e')}`],
  ])('%s', async (...lines) => {
    const outputs = await Promise.all(lines.map(shown));
    for (const [index, text] of outputs.entries()) {
      expect(text, lines[index]).not.toBe('');
      expect(JSON.stringify(LEFT.exec(text.replace(OURS, ''))), `${lines[index]}: ${JSON.stringify(text)}`).toBe(
        'null',
      );
      expect(text, lines[index]).not.toContain('\u001b[38');
    }
    if (lines.includes('ls')) expect(outputs.join()).toContain('\u001b[2m');
  });
});
