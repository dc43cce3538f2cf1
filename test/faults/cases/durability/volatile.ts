import { claimPort } from '../../world/machine/port.ts';
import { RedisServer } from '../../world/store/redis.ts';
import { mustHold, until } from '../../world/wait.ts';
import type { Case } from '../case.ts';

const SERVICES = ['s0', 's1', 's2', 's3', 's4'];

/** A service manager is faster than sentinels: the primary comes back empty, and its replica empties itself after it. */
export const volatile: Case = {
  about: 'a primary without persistence, and its replica; the primary is killed and started again at once',
  async play(scene) {
    const { directory } = scene.world;
    const server = async (name: string, primary?: RedisServer) =>
      scene.world
        .own(new RedisServer({ directory, name, port: await claimPort(), persistence: 'none', primary }))
        .mustStart();
    const primary = await server('primary');
    await server('replica', primary);
    await mustHold('the replica in step', () => primary.hasReplicas(1));
    const a = await scene.coordinator(['--redis', `redis://127.0.0.1:${primary.port}`]);
    const levels = new Set<string>();
    for (const service of SERVICES) levels.add((await a.reserve(service)).body.acknowledged ?? 'none');
    scene.say('levels:', [...levels], 'log:', a.warnings);
    const honest = [...levels].every((level) => level === 'memory' || level === 'none');
    const noticed = honest || (await until(() => a.hasFinding('durability-lowered'), 10_000)) !== undefined;
    scene.check('no level is claimed that does not survive it, or a finding says so', noticed, [...levels]);

    await primary.kill();
    await primary.mustStart();
    let told: string[] = [];
    const complete = await until(async () => {
      told = [...(await a.toldLost())].sort();
      return told.length === SERVICES.length;
    }, 15_000);
    const left = await a.services().catch((error: Error) => error.message);
    scene.say('after a restart of the primary:', left, 'log:', a.warnings);
    scene.check('each that is lost is a finding', complete !== undefined, told);
  },
};
