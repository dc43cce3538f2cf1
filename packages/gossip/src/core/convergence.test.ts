import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nodeName, startNode } from '../sim/cluster.ts';
import { Simulation } from '../sim/simulation.ts';
import { Stranger } from '../sim/stranger.ts';
import type { Memberlist } from './memberlist.ts';
import type { Profile } from './profiles.ts';

/** Everything is sooner, so that long histories are short. */
const PROFILE: Partial<Profile> = { pushPullInterval: 5_000, reconnectInterval: 5_000, gossipToTheDead: 10_000 };

/** What may happen, each followed by some time. */
type Deed =
  | { readonly kind: 'loss'; readonly share: number }
  | { readonly kind: 'partition'; readonly sides: number }
  | { readonly kind: 'one-way'; readonly from: number; readonly to: number }
  | { readonly kind: 'freeze' | 'thaw' | 'crash' | 'restart' | 'leave' | 'update'; readonly node: number }
  | { readonly kind: 'heal' };

const N = 5;
const node = fc.integer({ min: 0, max: N - 1 });
const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ kind: fc.constant('loss' as const), share: fc.constantFrom(0.1, 0.3, 0.6) }),
  fc.record({ kind: fc.constant('partition' as const), sides: fc.integer({ min: 1, max: 2 ** N - 2 }) }),
  fc.record({ kind: fc.constant('one-way' as const), from: node, to: node }),
  fc.record({
    kind: fc.constantFrom(
      'freeze' as const,
      'thaw' as const,
      'crash' as const,
      'restart' as const,
      'leave' as const,
      'update' as const,
    ),
    node,
  }),
  fc.record({ kind: fc.constant('heal' as const) }),
);
const history = fc.array(fc.tuple(deed, fc.integer({ min: 100, max: 25_000 })), { minLength: 1, maxLength: 12 });

test('whatever happens, once the network is whole again all hold the same true view', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0 }), history, async (seed, deeds) => {
      const world = new Small(seed);
      await world.run(10_000);
      for (const [each, time] of deeds) {
        await world.do(each);
        await world.run(time);
      }
      world.heal();
      await world.simulation.until(() => world.converged(), 200_000);
      // And it stays so.
      await world.run(30_000);
      expect(world.converged()).toBe(true);
      for (const { counters } of world.up()) expect(counters.drops.internal).toBeUndefined();
    }),
    { numRuns: 40 },
  );
});

/** A small cluster, and what is true of it. */
class Small {
  readonly simulation: Simulation;
  readonly #nodes = new Map<number, Memberlist>();
  readonly #left = new Set<number>();
  /** Highest incarnation that each node has seen of another it remembers, by its own and the other's name. */
  readonly #seen = new Map<string, number>();

  constructor(seed: number) {
    this.simulation = new Simulation({ seed });
    for (let index = 0; index < N; index++) this.#start(index);
  }

  up(): Memberlist[] {
    return [...this.#nodes].filter(([index]) => !this.#left.has(index)).map(([, one]) => one);
  }

  async run(time: number): Promise<void> {
    for (let passed = 0; passed < time; passed += 200) {
      await this.simulation.run(200);
      this.#look();
    }
  }

  async do(deed: Deed): Promise<void> {
    const { network } = this.simulation;
    switch (deed.kind) {
      case 'loss':
        network.loss = deed.share;
        break;
      case 'partition':
        network.cut = (from, to) => sideOf(from, deed.sides) !== sideOf(to, deed.sides);
        break;
      case 'one-way':
        network.cut = (from, to) => indexOf(from) === deed.from && indexOf(to) === deed.to;
        break;
      case 'heal':
        this.heal();
        break;
      default:
        await this.#doTo(deed.node, deed.kind);
    }
  }

  heal(): void {
    const { network } = this.simulation;
    network.loss = 0;
    network.cut = () => false;
    for (const { address } of this.#nodes.values()) network.thaw(address.host);
  }

  /** Whether each that is up holds exactly those for alive that are. */
  converged(): boolean {
    const up = this.up();
    const names = up.map(({ name }) => name).sort();
    return up.every((one) => {
      const alive = one.members().filter(({ state }) => state === 'alive' || state === 'suspect');
      return String(alive.map(({ name }) => name).sort()) === String(names) && sameWord(one, up);
    });
  }

  async #doTo(index: number, kind: 'freeze' | 'thaw' | 'crash' | 'restart' | 'leave' | 'update'): Promise<void> {
    const { network, now } = this.simulation;
    const one = this.#nodes.get(index);
    if (kind === 'restart') {
      await one?.stop();
      this.#left.delete(index);
      this.#start(index);
    } else if (!one || this.#left.has(index)) {
      return;
    } else if (kind === 'crash') {
      this.#nodes.delete(index);
      await one.stop();
    } else if (kind === 'leave') {
      this.#left.add(index);
      const gone = () => (this.#nodes.get(index) === one ? this.#nodes.delete(index) : undefined);
      void one.leave(5_000).then(() => one.stop().then(gone));
    } else if (kind === 'update') {
      one.setMeta(Uint8Array.of(now & 255));
    } else {
      network[kind](one.address.host);
    }
  }

  #start(index: number): void {
    // What a clock would give: higher than before, though its own word may have been raised since.
    const incarnation = 1 + Math.floor(this.simulation.now / 1_000);
    const name = nodeName(index);
    const one = startNode(this.simulation, index, {
      profile: PROFILE,
      incarnation,
      delegate: {
        event: ({ type, member }) => {
          if (type === 'forget') this.#seen.delete(`${name} ${member.name}`);
        },
      },
    });
    this.#nodes.set(index, one);
    this.#forgetWhatWasSeenBy(one);
    const seeds = [...this.#nodes.values()].filter((other) => other !== one).map(({ address }) => address);
    this.#join(one, seeds);
  }

  /** As an application does it: until somebody is there. */
  #join(one: Memberlist, seeds: Parameters<Memberlist['join']>[0]): void {
    const again = () => {
      if (this.#nodes.get(Number(one.name.slice(5))) === one && one.up === 1) this.#join(one, seeds);
    };
    one.join(seeds).then(
      ({ joined }) => (joined === 0 && seeds.length > 0 ? again() : undefined),
      () => {},
    );
  }

  /** What must never happen, whatever does. */
  #look(): void {
    for (const one of this.up()) {
      for (const { name, incarnation, state } of one.members()) {
        const key = `${one.name} ${name}`;
        const before = this.#seen.get(key) ?? 0;
        expect(incarnation, `${key} went back`).toBeGreaterThanOrEqual(before);
        this.#seen.set(key, incarnation);
        if (name === one.name) expect(state).toBe('alive');
      }
    }
  }

  #forgetWhatWasSeenBy({ name }: Memberlist): void {
    for (const key of this.#seen.keys()) if (key.startsWith(`${name} `)) this.#seen.delete(key);
    for (const key of this.#seen.keys()) if (key.endsWith(` ${name}`)) this.#seen.delete(key);
  }
}

/** Whether all that a node holds of the others is what they say of themselves. */
function sameWord(one: Memberlist, up: readonly Memberlist[]): boolean {
  return up.every((other) => {
    const [held, own] = [one.member(other.name)!, other.member(other.name)!];
    return held.incarnation === own.incarnation && String(held.meta) === String(own.meta);
  });
}

function indexOf(host: string): number {
  return Number(host.split('.').at(-1));
}

function sideOf(host: string, sides: number): number {
  return (sides >> indexOf(host)) & 1;
}

test('no old word revives the dead, in whatever order words come', async () => {
  const word = fc.record({
    type: fc.constantFrom('alive' as const, 'suspect' as const, 'dead' as const),
    incarnation: fc.integer({ min: 1, max: 4 }),
    from: fc.constantFrom('a', 'b', nodeName(1)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(word, { maxLength: 30 }), async (words) => {
      const simulation = new Simulation({ seed: 1 });
      const target = startNode(simulation, 0, { profile: { probeInterval: 1_000_000, pushPullInterval: 0 } });
      const stranger = new Stranger(simulation, '10.0.0.1');
      const name = nodeName(1);
      let dead = 0;
      for (const { type, incarnation, from } of words) {
        const before = target.member(name);
        if (type === 'alive') stranger.say(target, stranger.alive({ node: name, incarnation }));
        else stranger.say(target, { type, node: name, incarnation, from });
        await simulation.run(2);
        const after = target.member(name);
        if (!after) continue;
        expect(after.incarnation).toBeGreaterThanOrEqual(before?.incarnation ?? 0);
        if (after.state === 'dead' || after.state === 'left') dead = Math.max(dead, after.incarnation);
        else expect(after.incarnation).toBeGreaterThan(dead);
      }
    }),
    { numRuns: 300 },
  );
});
