import { copyFileSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Coordinator } from '../../world/coordinator.ts';
import { until } from '../../world/wait.ts';
import type { Case } from '../case.ts';
import { brief, type Scene } from '../scene.ts';

/** Bytes of a page with its head in the WAL. */
const FRAME = 4120;
/** How long it may go on acknowledging into a file that nobody will open again, ms. */
const PATIENCE = 3000;

export const sqlite: Case = {
  about: 'the file of a running coordinator is replaced by a copy of it (rm, cp), and a second coordinator opens that',
  async play(scene) {
    const file = join(scene.world.directory, 'fleet.sqlite');
    const a = await scene.coordinator(['--data', file]);
    await tearWal(scene, a, file);

    copyFileSync(file, `${file}.copy`);
    for (let i = 0; i < 10; i++) await a.reserve(`t${i}`);
    rmSync(file);
    copyFileSync(`${file}.copy`, file);
    let acknowledged = 0;
    let last = '';
    const refused = await until(async () => {
      const answer = await a.reserve(`after${acknowledged}`);
      if (answer.status === 201) acknowledged++;
      last = brief(answer);
      return answer.body.code === 'store-unavailable';
    }, PATIENCE);
    scene.check('it stops acknowledging', refused !== undefined, last);
    scene.say('acknowledged after the file was replaced:', acknowledged);
    const unready = await until(async () => (await a.readiness()) === 503, PATIENCE);
    scene.check('/readyz is 503', unready !== undefined, await a.readiness());

    const b = await scene.prepare(['--data', file], 'c1');
    scene.say('a second coordinator starts on the new file:', await b.start());
    const answers = [await a.reserve('x', { port: 43_190 }), await b.reserve('y', { port: 43_190 })];
    const gave = answers.filter(({ status }) => status === 201).length;
    scene.check('the two do not give one port', gave < 2, answers.map(brief));
  },
};

/** What was synced and is cut off is beyond what is promised; how it looks is worth to be known. */
async function tearWal(scene: Scene, a: Coordinator, file: string): Promise<void> {
  for (let i = 0; i < 20; i++) await a.reserve(`s${i}`);
  await a.kill();
  const { length } = readFileSync(`${file}-wal`);
  truncateSync(`${file}-wal`, length - 15 * FRAME);
  await a.mustStart();
  const left = await a.services();
  scene.say(`WAL cut from ${length} by ${15 * FRAME}: ${left.length} of 20 are there; log:`, a.warnings);
}
