import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WireError } from '../wire/error.ts';
import type { Clock } from '../world.ts';
import type { SheetChange } from './copies.ts';
import { decodeFrame, decodeInventory } from './frame.ts';
import { statementOf } from './seals.ts';
import { Sheet } from './sheet.ts';
import { Sheets, type SheetsOptions } from './sheets.ts';

/** Members whose messages are carried by hand: some get lost when the test says so. */
class Network {
  readonly members = new Map<string, Sheets>();
  readonly changes = new Map<string, SheetChange[]>();
  readonly writers = new Map<string, readonly string[]>();
  readonly queue: (() => void)[] = [];
  /** Whether a broadcast of one member reaches another. */
  reaches: (from: string, to: string) => boolean = () => true;
  sent = 0;
  broadcastBytes = 0;
  #now = 0;
  #timers: { at: number; call: () => void }[] = [];
  readonly clock: Clock = {
    now: () => this.#now,
    after: (delay, call) => {
      const timer = { at: this.#now + delay, call };
      this.#timers.push(timer);
      return { cancel: () => void this.#timers.splice(this.#timers.indexOf(timer), 1) };
    },
  };

  /** @param writes the owners whose sheets it may sign, besides its own */
  add(name: string, over: Partial<SheetsOptions> = {}, writes: readonly string[] = []): Sheets {
    this.writers.set(name, [name, ...writes]);
    const channel = {
      name,
      broadcast: (payload: Uint8Array) => {
        this.broadcastBytes += payload.length;
        expect(payload.length).toBeLessThan(900);
        for (const [to, sheets] of this.members) {
          if (to !== name && this.reaches(name, to)) this.queue.push(() => sheets.receive(payload, name));
        }
      },
      send: async (to: string, payload: Uint8Array) => {
        const target = this.members.get(to);
        if (!target) throw new Error(`${to} is not there`);
        this.sent += payload.length;
        this.queue.push(() => target.receive(payload, name));
      },
    };
    const changes: SheetChange[] = [];
    const sheets = new Sheets({
      channel,
      clock: this.clock,
      wallClock: () => WALL + this.#now,
      random: () => 0.5,
      // In place of keys: a signature says who made it, and nobody lies.
      seals: {
        sign: (_owner, statement) => signedBy(name, statement),
        verify: (owner, statement, signature) =>
          Array.from(this.writers).some(
            ([writer, owners]) => owners.includes(owner) && signedBy(writer, statement).equals(signature),
          ),
      },
      changed: (change) => changes.push(change),
      ...over,
    });
    this.members.set(name, sheets);
    this.changes.set(name, changes);
    return sheets;
  }

  /** Lets everything that is under way arrive. */
  settle(): void {
    for (let next = this.queue.shift(); next; next = this.queue.shift()) next();
  }

  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      this.settle();
      this.#timers.sort((a, b) => a.at - b.at);
      const due = this.#timers[0];
      if (!due || due.at > end) break;
      this.#timers.shift();
      this.#now = due.at;
      due.call();
    }
    this.#now = end;
  }

  compare(one: string, other: string): void {
    const [a, b] = [this.members.get(one)!, this.members.get(other)!];
    const [stateA, stateB] = [a.inventory(), b.inventory()];
    a.compare(stateB);
    b.compare(stateA);
    this.settle();
  }
}

const signedBy = (writer: string, statement: Uint8Array) => Buffer.from(`${writer} ${Buffer.from(statement)}`);
const WALL = Date.parse('2026-01-01');
const records = (...pairs: [string, string][]) => new Map(pairs);
const shown = (sheets: Sheets, owner: string) => Object.fromEntries(sheets.get(owner)?.records ?? []);

describe('a change', () => {
  test('reaches all by broadcast, as what it changes', () => {
    const network = new Network();
    const [a, b] = [network.add('a'), network.add('b')];
    a.publish('a', records(['x', '1'], ['y', '2']));
    network.settle();
    a.publish('a', records(['x', '3']));
    network.settle();
    expect(shown(b, 'a')).toEqual({ x: '3' });
    const last = network.changes.get('b')!.at(-1)!;
    expect([...last.puts]).toEqual([['x', '3']]);
    expect(last.deletes).toEqual(['y']);
    expect(network.sent).toBe(0);
  });

  test('that is none is not told', () => {
    const network = new Network();
    const [a] = [network.add('a'), network.add('b')];
    a.publish('a', records(['x', '1']));
    network.settle();
    const { broadcastBytes } = network;
    a.publish('a', records(['x', '1']));
    expect(network.broadcastBytes).toBe(broadcastBytes);
  });

  test('of somebody else is not taken', () => {
    const network = new Network();
    const [a, b] = [network.add('a'), network.add('b')];
    a.publish('c', records(['x', '1']));
    network.settle();
    expect(b.get('c')).toBeUndefined();
  });

  test('that came before an earlier one waits for it', () => {
    const network = new Network();
    const [a, b] = [network.add('a'), network.add('b')];
    for (const value of ['1', '2', '3']) a.publish('a', records(['x', value]));
    network.queue.reverse();
    network.settle();
    expect(shown(b, 'a')).toEqual({ x: '3' });
    network.pass(20_000);
    expect(network.sent).toBe(0);
  });

  test('of which no broadcast arrived is asked for a little later', () => {
    const network = new Network();
    const [a, b] = [network.add('a'), network.add('b')];
    network.reaches = () => false;
    a.publish('a', records(['x', '1']));
    network.settle();
    network.reaches = () => true;
    network.pass(4_000);
    expect(shown(b, 'a')).toEqual({ x: '1' });
    const { broadcastBytes } = network;
    network.pass(60_000);
    expect(network.broadcastBytes - broadcastBytes, 'and it is not told for ever').toBeLessThan(200);
  });

  test('that was missed is asked for: the changes alone where they are known', () => {
    const network = new Network();
    const [a, b] = [network.add('a'), network.add('b')];
    const many = Array.from({ length: 500 }, (_, i): [string, string] => [`k${i}`, randomBytes(20).toString('hex')]);
    a.publish('a', new Map(many));
    network.pass(5_000);
    const whole = network.sent;
    expect(b.get('a')?.size.records).toBe(500);
    network.reaches = () => false;
    a.publish('a', new Map([...many, ['new', '1']]));
    network.reaches = () => true;
    a.publish('a', new Map([...many, ['new', '2']]));
    network.pass(5_000);
    expect(shown(b, 'a').new).toBe('2');
    expect(network.sent - whole).toBeLessThan(1_000);
  });
});

describe('a copy from an earlier life', () => {
  const kept = (version: number, ...pairs: [string, string][]) => signed('registry', version, records(...pairs));
  const signed = (owner: string, version: number, of: Map<string, string>, by = owner) => {
    const { digest } = new Sheet(owner, version, of);
    return new Sheet(owner, version, of, signedBy(by, statementOf({ owner, version, digest })));
  };

  test('is told to others, until somebody has a newer one', () => {
    const network = new Network();
    const [a, b] = [network.add('a'), network.add('b')];
    network.writers.set('registry', ['registry']);
    const old = kept(5, ['x', 'old']);
    a.restore(old);
    network.compare('a', 'b');
    network.pass(1_000);
    expect(shown(b, 'registry')).toEqual({ x: 'old' });
    const writer = network.add('c', {}, ['registry']);
    writer.publish('registry', records(['y', 'new']));
    network.compare('a', 'c');
    network.compare('b', 'c');
    network.pass(5_000);
    for (const each of [a, b, writer]) expect(shown(each, 'registry')).toEqual({ y: 'new' });
    expect(network.changes.get('a')!.at(-1)).toMatchObject({ deletes: ['x'], gone: false });
  });

  test('takes the place of none that is newer, and none that it does not fit is taken', () => {
    const network = new Network();
    const a = network.add('a');
    network.writers.set('registry', ['registry', 'b']);
    const [newer, older] = [kept(7, ['x', '7']), kept(6, ['x', '6'])];
    a.restore(newer);
    a.restore(older);
    const other = signed('b', 3, records(['x', '7']), 'registry');
    a.restore(new Sheet('b', 3, records(['spoilt', '1']), other.signature));
    expect(a.get('b')).toBeUndefined();
    const forged = signed('b', 3, records(['forged', '1']), 'somebody');
    a.restore(forged);
    expect(shown(a, 'registry')).toEqual({ x: '7' });
    expect(a.get('b')).toBeUndefined();
    a.publish('a', records(['mine', '1']));
    const mine = signed('a', 9, records(['mine', 'of before']));
    a.restore(mine);
    expect(shown(a, 'a')).toEqual({ mine: '1' });
  });
});

describe('what is compared', () => {
  test('brings a newcomer everything, a large sheet in parts', () => {
    const network = new Network();
    const a = network.add('a');
    const many = new Map(Array.from({ length: 7_000 }, (_, i): [string, string] => [`k${i}`, `value ${i}`]));
    network.writers.set('a', ['a', 'registry']);
    a.publish('a', many);
    a.publish('registry', records(['r', '1']));
    const b = network.add('b');
    network.compare('a', 'b');
    network.pass(1_000);
    expect(b.get('a')?.records).toEqual(many);
    expect(shown(b, 'registry')).toEqual({ r: '1' });
  });

  test('costs next to nothing when both have the same', () => {
    const network = new Network();
    const [a] = [network.add('a'), network.add('b')];
    a.publish('a', records(['x', '1']));
    network.settle();
    network.compare('a', 'b');
    network.pass(20_000);
    expect(network.sent).toBe(0);
  });

  test('after an owner began anew, its new sheet goes before what others had of it', () => {
    const network = new Network();
    const b = network.add('b');
    const before = network.add('a');
    before.publish('a', records(['old', '1']), 1_000);
    network.settle();
    const again = network.add('a');
    again.publish('a', records(['new', '1']), 10);
    network.compare('a', 'b');
    network.pass(5_000);
    expect(shown(b, 'a')).toEqual({ new: '1' });
    expect(shown(again, 'a')).toEqual({ new: '1' });
    expect(b.get('a')!.version).toBeGreaterThan(1_000);
  });
});

describe('bounds', () => {
  test('beyond the limit a sheet is not kept, and named; smaller ones still are', () => {
    const network = new Network();
    const a = network.add('a');
    const b = network.add('b', { limit: 100 });
    network.writers.set('a', ['big', 'small']);
    a.publish('big', new Map(Array.from({ length: 200 }, (_, i) => [`k${i}`, `v${i}`])));
    a.publish('small', records(['x', '1']));
    network.pass(20_000);
    expect(b.get('big')).toBeUndefined();
    expect(b.overflow).toEqual(['big']);
    const { sent } = network;
    network.compare('a', 'b');
    network.pass(20_000);
    expect(network.sent, 'it is not asked for again').toBe(sent);
    expect(shown(b, 'small')).toEqual({ x: '1' });
    expect(b.size).toBe(1);
  });

  test('a sheet of somebody who may have none is not taken, nor asked for', () => {
    const network = new Network();
    const a = network.add('a');
    const b = network.add('b', { accepts: (owner) => owner === 'a' });
    network.writers.set('a', ['stranger']);
    a.publish('stranger', records(['x', '1']));
    network.compare('a', 'b');
    network.pass(20_000);
    expect(b.get('stranger')).toBeUndefined();
    expect(network.sent).toBe(0);
  });

  test('parts that nobody asked for are not taken', () => {
    const network = new Network();
    const [a, b] = [network.add('a'), network.add('b')];
    network.reaches = () => false;
    a.publish('a', records(['x', '1']));
    // What a would send to whoever asks.
    const want = network.add('c');
    want.compare(a.inventory());
    const sent: (() => void)[] = network.queue.splice(0);
    network.members.set('c', b);
    for (const call of sent) call();
    network.settle();
    expect(b.get('a')).toBeUndefined();
  });

  test('bytes that are no frame are refused with a reason', () => {
    const read = (call: (bytes: Uint8Array) => unknown, bytes: Uint8Array) => {
      try {
        call(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(WireError);
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        read(decodeFrame, bytes);
        read(decodeInventory, bytes);
      }),
      { numRuns: 2_000 },
    );
    expect(() => decodeFrame(Uint8Array.of(9))).toThrow(WireError);
    // 64 MiB of zeros in 64 KiB.
    const bomb = Buffer.concat([Uint8Array.of(3), deflated(64 * 1024 * 1024)]);
    expect(() => decodeFrame(bomb)).toThrow(/expanded/);
  });
});

test('whatever is lost on the way, comparing in turn makes all equal', () => {
  const step = fc.record({
    owner: fc.constantFrom('a', 'b', 'c'),
    key: fc.constantFrom('k', 'l', 'm'),
    value: fc.option(fc.string({ maxLength: 5 }), { nil: null }),
    lost: fc.uniqueArray(fc.constantFrom('a', 'b', 'c')),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const network = new Network();
      for (const name of ['a', 'b', 'c']) network.add(name);
      const truth = new Map(['a', 'b', 'c'].map((owner) => [owner, new Map<string, string>()]));
      for (const { owner, key, value, lost } of steps) {
        network.reaches = (_, to) => !lost.includes(to as 'a');
        const own = truth.get(owner)!;
        if (value === null) own.delete(key);
        else own.set(key, value);
        network.members.get(owner)!.publish(owner, own);
        network.settle();
      }
      for (let round = 0; round < 2; round++) {
        network.compare('a', 'b');
        network.pass(3_000);
        network.compare('b', 'c');
        network.pass(3_000);
      }
      network.compare('a', 'c');
      network.pass(3_000);
      for (const sheets of network.members.values()) {
        for (const [owner, expected] of truth) expect(new Map(sheets.get(owner)?.records)).toEqual(expected);
      }
    }),
    { numRuns: 200 },
  );
});

function deflated(zeros: number): Buffer {
  return deflateRawSync(Buffer.alloc(zeros));
}
