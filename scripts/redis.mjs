import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { containerEngineAnswers } from './container-engine.mjs';
import { runStep, StepFailed } from './step.mjs';
import { canInstallPackages, findCommand, installPackage } from './system-package.mjs';

/** What the store needs of Redis. */
const VERSION_WANTED = [6, 2];

const ownServer = fileURLToPath(new URL('../.tools/bin/redis-server', import.meta.url));

const containerProbe = fileURLToPath(new URL('../test/support/container-probe.ts', import.meta.url));

const ADVICE = `The tests run against a real Redis, 6.2 or later. Give them one of these, then run this again:
  a container engine   Docker or Podman, running: the tests then start redis:7 in containers
  Debian, Ubuntu       sudo apt-get install redis-server
  Fedora               sudo dnf install redis
  macOS                brew install redis`;

/**
 * Makes sure that tests can start a Redis: in a container, or as a process, installed where that can be done unasked.
 *
 * @param {string} node to run TypeScript with
 * @returns {Promise<NodeJS.ProcessEnv>} what tells `test/support/redis.ts`
 * @throws {StepFailed} with what to install
 */
export async function provideRedis(node) {
  if (process.env.PORTOLAN_TEST_REDIS !== undefined) return {};
  if ((await containerEngineAnswers()) && (await startsContainer(node))) return { PORTOLAN_TEST_REDIS: 'container' };
  const found = [findCommand('redis-server'), ownServer].find(isNewEnough);
  return { PORTOLAN_TEST_REDIS: found ?? (await installRedis()) };
}

/** An engine that answers may still have no way to the image. Asked once, so that no test waits for the download. */
async function startsContainer(node) {
  try {
    await runStep('starting a Redis in a container, to see that it can be had', node, [containerProbe], {
      env: { ...process.env, PORTOLAN_TEST_REDIS: 'container' },
    });
    return true;
  } catch (error) {
    process.stderr.write(`\n${error.message}\n\nGoing on with redis-server instead.\n`);
    return false;
  }
}

async function installRedis() {
  if (!canInstallPackages()) throw new StepFailed(ADVICE);
  // Not `redis-server`: that package starts a service. The program of both packages is one, told apart by its name.
  await installPackage('redis-tools', 'for the tests; it starts no service');
  const program = findCommand('redis-check-rdb');
  if (program !== undefined) {
    mkdirSync(dirname(ownServer), { recursive: true });
    rmSync(ownServer, { force: true });
    symlinkSync(program, ownServer);
  }
  if (!isNewEnough(ownServer)) throw new StepFailed(ADVICE);
  return ownServer;
}

/** @param {string | undefined} server path of the program */
function isNewEnough(server) {
  if (server === undefined || !existsSync(server)) return false;
  const { stdout } = spawnSync(server, ['--version'], { encoding: 'utf8' });
  const [, major, minor] = /v=(\d+)\.(\d+)/.exec(stdout ?? '') ?? [];
  const [wantedMajor, wantedMinor] = VERSION_WANTED;
  return Number(major) > wantedMajor || (Number(major) === wantedMajor && Number(minor) >= wantedMinor);
}
