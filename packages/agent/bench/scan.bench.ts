/**
 * A scan against `ss -ltnpH` and lsof, run as a user would, in turn in one run: 2,000 listeners in 100 processes.
 *
 * Cold: the first scan of a new scanner. Steady: nothing changed. Changed: one socket closed and one opened since the
 * scan before. The scanner's clock moves on by its interval with each scan, so that what it does every few seconds is
 * in the figures.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createScanner, type Scanner } from '../src/index.ts';

const PROCESSES = 100;
const EACH = 20;
const ROUNDS = Number(process.env.ROUNDS ?? 15);
const STEADY_A_ROUND = 12;
const INTERVAL = 1000;

interface Sample {
  /** ms */
  wall: number;
  cpu: number;
}

const samples = new Map<string, Sample[]>();

async function measure(name: string, cpuOf: () => number, run: () => unknown): Promise<void> {
  const cpu = cpuOf();
  const begun = performance.now();
  await run();
  const sample = { wall: performance.now() - begun, cpu: cpuOf() - cpu };
  samples.set(name, [...(samples.get(name) ?? []), sample]);
}

function ownCpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Of ended children; the kernel counts in hundredths of a second. */
function childrenCpu(): number {
  const fields = readFileSync('/proc/self/stat', 'latin1').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

function spawned(program: string, args: string[]): void {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0 || stdout.split('\n').length < PROCESSES * EACH)
    throw new Error(`${program} did not list the sockets`);
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

async function openListeners(): Promise<{ child: ChildProcess; change: () => Promise<void> }> {
  const script = fileURLToPath(new URL('listeners.pl', import.meta.url));
  const child = spawn('perl', [script, String(PROCESSES), String(EACH)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  await lines.next();
  return {
    child,
    change: async () => {
      child.stdin.write('\n');
      await lines.next();
    },
  };
}

let now = Date.now();
// Like the others it reads one network namespace, whatever else runs on this machine.
const newScanner = (): Scanner =>
  createScanner({ dockerSocket: null, allNamespaces: false, now: () => (now += INTERVAL) });

const { child, change } = await openListeners();
try {
  const scanner = newScanner();
  await change();
  await scanner.scan();
  for (let round = 0; round < ROUNDS; round++) {
    await measure('ss -ltnpH', childrenCpu, () => spawned('ss', ['-ltnpH']));
    await measure('lsof', childrenCpu, () => spawned('lsof', ['-nP', '-iTCP', '-sTCP:LISTEN']));
    await measure('scan, cold', ownCpu, async () => {
      const { listeners } = await newScanner().scan();
      const found = listeners.filter(({ process }) => process?.command === 'perl').length;
      if (found < PROCESSES * EACH) throw new Error(`found ${found} listeners only`);
    });
    await scanner.scan();
    for (let i = 0; i < STEADY_A_ROUND; i++) await measure('scan, steady', ownCpu, () => scanner.scan());
    await change();
    await measure('scan, one change', ownCpu, async () => {
      // A close and an open leave the counts as they were: seen at the next full reading, within three scans.
      while (!(await scanner.scan()).changed);
    });
  }
} finally {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.stdin?.end();
  await ended;
}

const base = median((samples.get('ss -ltnpH') ?? []).map(({ wall }) => wall));
console.log(`${PROCESSES * EACH} listeners in ${PROCESSES} processes, ${ROUNDS} rounds`);
console.log('                      median ms    mean ms   CPU mean ms   median / ss');
for (const [name, taken] of samples) {
  const wall = taken.map((sample) => sample.wall);
  const row = [median(wall), mean(wall), mean(taken.map(({ cpu }) => cpu))].map((value) => value.toFixed(2));
  console.log(
    `${name.padEnd(20)}${row[0]?.padStart(11)}${row[1]?.padStart(11)}${row[2]?.padStart(14)}${(median(wall) / base).toFixed(3).padStart(14)}`,
  );
}
