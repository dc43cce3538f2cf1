import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PortolanProcess } from './portolan-process.ts';
import { launchdPlist, systemdUnit } from './service-unit.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'portolan-service-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const unit = (role: string, system: boolean) => ({
  role,
  command: [process.execPath, '/opt/portolan/bin/portolan.js', role, '--name', 'a "b" %n $HOME'],
  system,
  environment: { PORTOLAN_STATE_DIR: '/var/lib/port olan' },
});
const canVerify = spawnSync('systemd-analyze', ['--version']).status === 0;

describe('a unit of systemd', () => {
  test('has arguments and variables as they are, whatever systemd reads into them', () => {
    const text = systemdUnit(unit('agent', true));
    expect(text).toContain('--name "a \\"b\\" %%n $$HOME"\n');
    expect(text).toContain('Environment="PORTOLAN_STATE_DIR=/var/lib/port olan"\n');
  });

  test.runIf(canVerify)('is understood by systemd, in each of its forms', () => {
    for (const role of ['agent', 'server']) {
      for (const system of [true, false]) {
        const file = join(directory, `portolan-${role}.service`);
        writeFileSync(file, systemdUnit(unit(role, system)));
        const { stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
        expect(stderr.split('\n').filter((line) => line.includes('portolan-'))).toEqual([]);
      }
    }
  });
});

test('a property list is well formed whatever is in the arguments', () => {
  const odd = { ...unit('agent', false), command: ['/bin/a & b', '<c>'] };
  const text = launchdPlist(odd);
  expect(text).toContain('<string>/bin/a &amp; b</string>\n    <string>&lt;c&gt;</string>');
  expect(text).toContain('<string>dev.portolan.agent</string>');
});

describe.runIf(process.platform === 'linux')('service', () => {
  const portolan = (...args: string[]) =>
    new PortolanProcess(['service', ...args], {
      PORTOLAN_STATE_DIR: join(directory, 'state'),
      XDG_CONFIG_HOME: directory,
    }).ended;
  const path = () => join(directory, 'systemd', 'user', 'portolan-agent.service');

  test('install shows what it writes and how to start it, and with --dry-run writes nothing', async () => {
    const dry = await portolan('install', 'agent', '--no-system', '--dry-run', '--', '--interval', '500');
    expect(dry).toMatchObject({ code: 0, stderr: '' });
    expect(dry.stdout).toContain(' agent --interval 500\n');
    expect(() => readFileSync(path())).toThrow('ENOENT');

    const { code, stdout } = await portolan('install', 'agent', '--no-system');
    expect(code).toBe(0);
    expect(stdout).toContain('systemctl --user enable --now portolan-agent.service');
    expect(stdout).toContain(readFileSync(path(), 'utf8'));
  });

  test('install replaces another unit only when told to', async () => {
    await portolan('install', 'agent', '--no-system');
    const args = ['install', 'agent', '--no-system', '--', '--interval', '500'];
    const before = readFileSync(path(), 'utf8');
    expect(await portolan(...args)).toMatchObject({ code: 4, stderr: expect.stringContaining('--yes') });
    expect(readFileSync(path(), 'utf8')).toBe(before);
    expect(await portolan('install', 'agent', '--no-system')).toMatchObject({ code: 0 });
    expect(await portolan('install', 'agent', '--no-system', '--yes', '--', '--interval', '500')).toMatchObject({
      code: 0,
    });
    expect(readFileSync(path(), 'utf8')).toContain('--interval 500');
  });

  test('status tells what is not there, and a role that is none is refused', async () => {
    expect(await portolan('status', 'agent', '--no-system')).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('not installed'),
    });
    expect((await portolan('uninstall', 'agent', '--no-system')).code).toBe(3);
    expect((await portolan('install', 'dashboard', '--no-system')).code).toBe(2);
  });
});
