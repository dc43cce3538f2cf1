import { inParallel, runChild } from '../child.ts';
import { CASES } from './index.ts';
import { CannotRun, Scene } from './scene.ts';

/** Plays one case here. @returns exit code: 0 when all held, 1 when something did not, 3 when it cannot be tried here */
export async function runCase(name: string): Promise<number> {
  const found = CASES[name];
  if (!found) {
    process.stderr.write(`There is no case ${name}. There are:\n${list()}`);
    return 2;
  }
  const started = performance.now();
  const scene = new Scene(name);
  scene.say(found.about);
  scene.say('logs, which stay unless it passes, are in', scene.world.directory);
  let why = '';
  let cannot = false;
  try {
    await found.play(scene);
  } catch (error) {
    cannot = error instanceof CannotRun;
    why = cannot ? (error as Error).message : `it broke off: ${(error as Error).stack}`;
    if (!cannot) scene.failures.push(why);
  } finally {
    await scene.world.stop();
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  if (scene.failures.length === 0) scene.world.remove();
  if (cannot) return end('SKIP', `${name}: ${why}`, 3);
  if (scene.failures.length === 0) return end('PASS', `${name} (${seconds} s)`, 0);
  return end('FAIL', `${name} (${seconds} s): ${scene.failures.join('; ')}`, 1);
}

/** Plays each in a process of its own. @returns exit code */
export async function runAllCases(names: readonly string[], parallel: number): Promise<number> {
  const unknown = names.filter((name) => !CASES[name]);
  if (unknown.length > 0) {
    process.stderr.write(`There is no case ${unknown.join(', ')}. There are:\n${list()}`);
    return 2;
  }
  const counts = { PASS: 0, FAIL: 0, SKIP: 0 };
  await inParallel(names.length > 0 ? names : Object.keys(CASES), parallel, async (name) => {
    const { code, output } = await runChild(['case', name]);
    const outcome = code === 0 ? 'PASS' : code === 3 ? 'SKIP' : 'FAIL';
    counts[outcome]++;
    // How it came to that is of interest when it is not as it should be.
    process.stdout.write(outcome === 'FAIL' ? `\n== ${name}\n${output}\n` : `${output.trimEnd().split('\n').at(-1)}\n`);
  });
  process.stdout.write(`${counts.PASS} passed, ${counts.FAIL} failed, ${counts.SKIP} skipped\n`);
  return counts.FAIL > 0 ? 1 : 0;
}

function list(): string {
  return Object.entries(CASES)
    .map(([name, { about }]) => `  ${name.padEnd(16)} ${about}\n`)
    .join('');
}

function end(outcome: string, what: string, code: number): number {
  process.stdout.write(`${outcome} ${what}\n`);
  return code;
}
