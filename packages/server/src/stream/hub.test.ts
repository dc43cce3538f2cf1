import { setImmediate as turn } from 'node:timers/promises';
import {
  type Assignment,
  type EntryKind,
  type EntryValue,
  Fleet,
  type Held,
  type Host,
  type HostListener,
  key,
  kindOf,
  ORIGIN,
  PortolanError,
  type Position,
  type Readiness,
  type ResetReason,
  revisionOf,
  type ServerFrame,
} from '@portolan/model';
import fc from 'fast-check';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { put } from '../commands/entries.ts';
import type { ReplicaListener } from '../replica.ts';
import { checkSuccessor } from '../store/log-record.ts';
import type { Change, Put } from '../store/store.ts';
import { Hub, type Subscription } from './hub.ts';
import type { Sink } from './subscriber.ts';

const NO_READINESS = { now: {} as Readiness, subscribe: () => () => {} };

type State = ReadonlyMap<string, Held>;

/**
 * A store whose log a test writes and rewinds, and a copy of it that follows when the test says so. Every state that
 * ever was is kept, by its position.
 */
class World {
  readonly fleet = new Fleet();
  readonly states = new Map<Position, State>([[ORIGIN, new Map()]]);
  readonly hub: Hub;
  /** What clients were sent that they should not have been. */
  readonly problems: unknown[] = [];
  /** Readers of the log are held up. */
  silent = false;
  #log: { previous: Position; position: Position; changes: Change[] }[] = [];
  #kept = 0;
  #loading = false;
  #epoch = 1;
  #nonce = 0;
  #listener: ReplicaListener | undefined;
  #news = Promise.withResolvers<void>();
  #waiting: { position: Position; resolve: () => void }[] = [];

  constructor() {
    const { fleet } = this;
    const subscribe = (listener: ReplicaListener) => {
      this.#listener = listener;
      return () => {};
    };
    const reached = (position: Position) => this.#reached(position);
    const changes = (from: Position, signal: AbortSignal) => this.#changes(from, signal);
    this.hub = new Hub({ fleet, subscribe, reached }, { changes }, NO_READINESS, pino({ level: 'silent' }));
  }

  get head(): Position {
    return this.#log.at(-1)?.position ?? ORIGIN;
  }

  /** Writes a group into the log; the copy does not have it yet. */
  commit({ puts = [], deletes = [] }: { puts?: Put[]; deletes?: string[] }): Position {
    const previous = this.head;
    const revision = revisionOf(previous) + 1;
    const position: Position = `${revision}-${++this.#nonce}`;
    const before = this.states.get(previous)!;
    const gone = deletes.filter((each) => before.has(each));
    const state = new Map(before);
    const version = `${this.#epoch}.${revision}`;
    for (const each of puts) {
      const kind = kindOf(each.key);
      state.set(each.key, { key: each.key, kind, value: each.decoded as EntryValue, version });
    }
    for (const each of gone) state.delete(each);
    this.states.set(position, state);
    this.#log.push({
      previous,
      position,
      changes: [{ position, revision, epoch: this.#epoch, puts, deletes: gone }],
    });
    this.#tell();
    return position;
  }

  /** The store loses its last groups, as by a failover. The copy goes on from what was, until `reload`. */
  rewind(groups: number): void {
    this.#log = this.#log.slice(0, Math.max(this.#kept, this.#log.length - groups));
    this.#epoch++;
    this.#tell();
  }

  /** The store forgets the older half of its log. */
  trim(): void {
    this.#kept = Math.floor((this.#kept + this.#log.length) / 2);
  }

  /** Whether the copy's history is the store's. */
  get following(): boolean {
    return this.fleet.position === ORIGIN || this.#log.some(({ position }) => position === this.fleet.position);
  }

  /** Brings the copy the next groups, in one batch; all by default. */
  feed(groups = Number.POSITIVE_INFINITY): void {
    if (!this.following || this.#loading) return;
    const next = this.#log.findIndex(({ position }) => position === this.fleet.position) + 1;
    const changes = this.#log.slice(next, next + groups).flatMap((group) => group.changes);
    if (changes.length === 0) return;
    const applied = this.fleet.apply(changes);
    this.#listener?.applied(applied);
    this.#release();
  }

  /** The copy is loaded anew, and says so a moment later. */
  async reload(reason: ResetReason = 'diverged'): Promise<void> {
    if (this.#loading) return;
    this.#loading = true;
    const entries = Array.from(this.states.get(this.head)!.values(), (held) => ({
      ...held,
      value: JSON.stringify(held.value),
    }));
    this.fleet.clear();
    this.fleet.load({ entries, position: this.head, epoch: this.#epoch });
    await moments(4);
    this.#loading = false;
    this.#listener?.reset(reason, []);
    this.#release();
  }

  /** Lets readers of the log go on. */
  speak(): void {
    this.silent = false;
    this.#tell();
  }

  async #reached(position: Position): Promise<void> {
    if (revisionOf(this.fleet.position) >= revisionOf(position)) return;
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ position, resolve });
      setTimeout(() => reject(new PortolanError('not-ready', 'the copy is behind')), 5_000);
    });
  }

  #release(): void {
    for (const { position, resolve } of this.#waiting) {
      if (revisionOf(this.fleet.position) >= revisionOf(position)) resolve();
    }
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  async *#changes(from: Position, signal: AbortSignal): AsyncGenerator<Change[]> {
    const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    let position = from;
    while (!signal.aborted) {
      const kept = this.#log.slice(this.#kept);
      const next = kept.find((group) => revisionOf(group.position) > revisionOf(position));
      if (!this.silent) {
        checkSuccessor(position, next?.previous ?? this.head);
        if (next) {
          position = next.position;
          yield next.changes;
          continue;
        }
      }
      await Promise.race([this.#news.promise, aborted]);
    }
  }
}

/** Subscribes again and again on one line, and holds every frame against the states that were. */
class Client {
  readonly #world: World;
  types: string[] = [];
  resets: ResetReason[] = [];
  closed: string | undefined;
  listening = false;
  position: Position | undefined;
  fold = new Map<string, string>();
  /** Does not read: what it is sent piles up. */
  stalled = false;
  wanted: Subscription = { topics: ['host', 'listener', 'assignment', 'range'] };
  #loading = false;
  #backlog = 0;
  #leave = () => {};

  constructor(world: World, wanted: Partial<Subscription> = {}) {
    this.#world = world;
    Object.assign(this.wanted, wanted);
  }

  /** Has been at a position. */
  at(position: Position): this {
    this.#leave();
    this.position = position;
    this.#loading = false;
    this.fold.clear();
    for (const each of this.due(position)) this.fold.set(...(each.split(' ') as [string, string]));
    return this;
  }

  /** In place of the last subscription; from where that left off, unless a snapshot is wanted or was not whole. */
  subscribe(anew = false): this {
    this.#leave();
    this.closed = undefined;
    this.listening = true;
    if (anew || this.#loading) this.position = undefined;
    if (this.position === undefined) this.fold.clear();
    this.#loading = this.position === undefined;
    let current = true;
    const sink: Sink = {
      send: ({ text }) => {
        if (!current) this.#world.problems.push(`a subscription that ended was sent ${text}`);
        if (this.stalled) this.#backlog += 500_000;
        try {
          this.#take(JSON.parse(text) as ServerFrame);
        } catch (error) {
          this.#world.problems.push(error);
        }
      },
      backlog: () => this.#backlog,
      close: (reason) => {
        this.closed = reason;
        current = false;
      },
    };
    const { position } = this;
    const unsubscribe = this.#world.hub.subscribe(
      { ...this.wanted, ...(position !== undefined && { position }) },
      sink,
    );
    this.#leave = () => {
      current = false;
      unsubscribe();
    };
    return this;
  }

  leave(): void {
    this.#leave();
    this.listening = false;
  }

  read(): void {
    this.#backlog = 0;
    this.stalled = false;
  }

  #take(frame: ServerFrame): void {
    this.types.push(frame.type);
    switch (frame.type) {
      case 'reset':
        this.resets.push(frame.reason);
        this.position = undefined;
        this.fold.clear();
        this.#loading = true;
        break;
      case 'snapshot':
        expect(this.#loading).toBe(true);
        for (const { key, version } of frame.entries) this.fold.set(key, version!);
        break;
      case 'synced':
      case 'bookmark':
        if (frame.type === 'synced') this.#loading = false;
        this.#moveTo(frame.position, 0);
        break;
      case 'changes':
        for (const { position, events } of frame.commits) {
          for (const { op, key, version } of events) {
            if (op === 'put') this.fold.set(key, version!);
            else this.fold.delete(key);
          }
          this.#moveTo(position, 1);
        }
    }
  }

  #moveTo(position: Position, least: 0 | 1): void {
    if (this.#loading) throw new Error(`changes at ${position} amid a snapshot`);
    if (this.position !== undefined) {
      expect(revisionOf(position), `${position} after ${this.position}`).toBeGreaterThanOrEqual(
        revisionOf(this.position) + least,
      );
    }
    this.position = position;
    expect(this.entries, `at ${position}`).toEqual(this.due(position));
  }

  get entries(): string[] {
    return Array.from(this.fold, ([key, version]) => `${key} ${version}`).sort();
  }

  /** What it should have at a position. */
  due(position: Position): string[] {
    const state = [...this.#world.states.get(position)!.values()];
    return state
      .filter((held) => this.#isMeant(held, state))
      .map(({ key, version }) => `${key} ${version}`)
      .sort();
  }

  #isMeant({ kind, value }: Held, state: readonly Held[]): boolean {
    const { topics, filter } = this.wanted;
    if (!(topics as EntryKind[]).includes(kind)) return false;
    if (filter?.project !== undefined && kind === 'assignment') {
      if ((value as Assignment).endpoint.project !== filter.project) return false;
    }
    const wanted = filter?.host;
    if (wanted === undefined) return true;
    const names = state
      .filter((held) => held.kind === 'host')
      .map((held) => held.value as Host)
      .filter(({ id, name }) => id === wanted || name === wanted)
      .flatMap(({ id, name }) => [id, name])
      .concat(wanted);
    if (kind === 'host') return names.includes((value as Host).id) || names.includes((value as Host).name);
    const { host } = value as { host?: string };
    return host === undefined || names.includes(host);
  }
}

const host = (id: string, name: string, state: Host['state'] = 'alive') =>
  put<'host'>(key.host(id), {
    id,
    name,
    state,
    addresses: [],
    platform: 'linux',
    agentVersion: '1',
    ephemeral: null,
    blindSpots: [],
    stateSince: '2026-01-01T00:00:00Z',
  });
const listener = (on: string, port: number) => {
  const value: HostListener = {
    protocol: 'tcp',
    address: '0.0.0.0',
    port,
    netns: 'host',
    v6only: null,
    socket: '1',
    process: null,
    container: null,
    identity: null,
    since: '2026-01-01T00:00:00Z',
    host: on,
  };
  return put<'listener'>(key.listener(on, value), value);
};
const assignment = (port: number, { project = 'p', on }: { project?: string; on?: string } = {}) =>
  put<'assignment'>(key.assignment('tcp', port), {
    protocol: 'tcp',
    port,
    endpoint: { project, service: 's', label: 'default', instance: 1 } as Assignment['endpoint'],
    lease: null,
    grantedAt: '2026-01-01T00:00:00Z',
    ...(on !== undefined && { host: on }),
  });
const range = (name: string) =>
  put<'range'>(key.range(name), { name, from: 1, to: 2, purpose: '', owner: null, policy: 'allocate' });

/** What was awaited goes on so many steps. */
async function moments(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}

/** All that can go on without time passing has gone on. */
async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}

let world: World;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] });
  world = new World();
});
afterEach(() => {
  world.hub.stop();
  vi.useRealTimers();
  expect(world.problems).toEqual([]);
});

/** Commits so many ranges. @returns their positions */
const commits = (count: number): Position[] =>
  Array.from({ length: count }, () => world.commit({ puts: [range(`r${Math.random()}`)] }));

/** A coordinator that begins when the store has so many groups, and a client that has the position of one of them. */
function begin(count: number, at: number): Client {
  const positions = commits(count);
  world.feed();
  world.hub.start();
  return new Client(world).at(positions[at - 1]!);
}

describe('a subscriber that resumes from before a coordinator’s time', () => {
  test('is sent nothing of a history that is lost by the time the store answers', async () => {
    const client = begin(8, 2);
    world.silent = true;
    client.subscribe();
    await settled();
    world.rewind(4);
    commits(2);
    await world.reload();
    world.speak();
    await settled();
    expect(client.types).toEqual(['changes', 'synced']);
    expect(client.position).toBe(world.head);
  });

  test('is sent no way that is lost between the moment it was found and the moment it is told', async () => {
    for (let count = 0; count < 40; count++) {
      world = new World();
      const client = begin(8, 2);
      world.silent = true;
      client.subscribe();
      await settled();
      world.speak();
      await moments(count);
      world.rewind(4);
      commits(2);
      await world.reload();
      const sent = client.types.filter((type) => type !== 'reset').length;
      await vi.advanceTimersByTimeAsync(50);
      await settled();
      expect(world.problems).toEqual([]);
      expect(client.position).toBe(world.head);
      // It has heard of the lost history and of its end, or of neither.
      expect(client.resets).toEqual(sent > 0 ? ['diverged'] : []);
      world.hub.stop();
    }
  });

  test('is reset when its own position was lost meanwhile, for that reason', async () => {
    const client = begin(8, 6);
    world.silent = true;
    client.subscribe();
    await settled();
    world.rewind(4);
    commits(6);
    await world.reload('epoch');
    world.speak();
    await settled();
    expect(client.types).toEqual(['reset', 'snapshot', 'synced']);
    expect(client.resets).toEqual(['diverged']);
  });

  test('waits for the copy when the store has gone another way, and is sent the way of both', async () => {
    const client = begin(8, 2);
    world.rewind(4);
    commits(6);
    client.subscribe();
    await settled();
    expect(client.types).toEqual([]);
    await world.reload();
    await settled();
    expect(client.types).toEqual(['changes', 'synced']);
  });

  test('is sent to another coordinator when the store says nothing', async () => {
    const client = begin(8, 2);
    world.silent = true;
    client.subscribe();
    await vi.advanceTimersByTimeAsync(5_000);
    await settled();
    expect(client).toMatchObject({ closed: 'going-away', types: [] });
  });

  test('is told what left its filter, though the log does not say what an entry was', async () => {
    world.commit({ puts: [assignment(3000, { project: 'mine' })] });
    const position = world.head;
    world.commit({ puts: [assignment(3000, { project: 'other' })] });
    world.feed();
    world.hub.start();
    const client = new Client(world, { topics: ['assignment'], filter: { project: 'mine' } }).at(position).subscribe();
    await settled();
    expect(client.position).toBe(world.head);
    expect(client.entries).toEqual([]);
  });
});

describe('a subscription that ended', () => {
  test('is sent nothing, also while it was being resumed; a further one takes its place', async () => {
    const client = begin(8, 2);
    world.silent = true;
    client.subscribe();
    await settled();
    Object.assign(client.wanted, { topics: ['host'] });
    client.subscribe(true);
    await settled();
    expect(client.types).toEqual(['snapshot', 'synced']);
    world.speak();
    await settled();
    commits(1);
    world.feed();
    await settled();
    expect(client.types).toEqual(['snapshot', 'synced']);
  });

  test('ends once, however often that is said: later subscribers of the same hear all', async () => {
    world.hub.start();
    const leave = world.hub.subscribe({ topics: ['range'] }, { send() {}, backlog: () => 0, close() {} });
    leave();
    const client = new Client(world, { topics: ['range'] }).subscribe();
    await settled();
    leave();
    commits(1);
    world.feed();
    await settled();
    expect(client.position).toBe(world.head);
    expect(world.hub.subscribers).toBe(1);
  });

  test('is sent nothing after it was closed for being slow, not even a reset', async () => {
    world.hub.start();
    const client = new Client(world).subscribe();
    await settled();
    client.stalled = true;
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 4; i++) {
        commits(1);
        world.feed();
        await settled();
      }
      // More than is kept in memory.
      world.commit({ puts: Array.from({ length: 60_000 }, () => range('much')) });
      world.feed();
      await settled();
      commits(1);
      world.feed();
      await settled();
      client.read();
      await vi.advanceTimersByTimeAsync(50);
      client.stalled = true;
    }
    expect(client.closed).toBe('slow');
    await world.reload();
    await vi.advanceTimersByTimeAsync(50);
    expect(world.hub.subscribers).toBe(0);
  });

  test('is not begun by a coordinator that stops', async () => {
    const client = begin(8, 2);
    world.silent = true;
    client.subscribe();
    await settled();
    world.hub.stop();
    world.speak();
    await settled();
    expect(client).toMatchObject({ closed: 'going-away', types: [] });
    expect(client.subscribe().closed).toBe('going-away');
  });
});

describe('a position ahead of the copy', () => {
  test('waits for the copy, and is resumed without a gap', async () => {
    begin(2, 2);
    const [, ahead] = commits(3);
    const client = new Client(world).at(ahead!).subscribe();
    await settled();
    expect(client.types).toEqual([]);
    world.feed(2);
    await settled();
    expect(client.types).toEqual(['synced']);
    world.feed();
    await settled();
    expect(client.position).toBe(world.head);
    expect(client.types).toEqual(['synced', 'changes']);
  });

  test('that lies amid what the copy takes in at once is resumed, too', async () => {
    begin(2, 2);
    const [, ahead] = commits(3);
    const client = new Client(world).at(ahead!).subscribe();
    await settled();
    world.feed();
    await settled();
    expect(client.types).toEqual(['changes', 'synced']);
    expect(client.position).toBe(world.head);
  });

  test('is reset at once when the store knows that it was lost', async () => {
    begin(2, 2);
    const lost = commits(3).at(-1)!;
    world.rewind(3);
    const client = new Client(world).at(lost).subscribe();
    await settled();
    expect(client.types).toEqual(['reset', 'snapshot', 'synced']);
    expect(client.resets).toEqual(['diverged']);
  });

  test('is reset when the copy comes that far another way', async () => {
    begin(2, 2);
    const lost = commits(3).at(-1)!;
    world.rewind(3);
    world.silent = true;
    const client = new Client(world).at(lost).subscribe();
    await settled();
    commits(5);
    world.feed();
    await settled();
    expect(client.types).toEqual([]);
    world.speak();
    await settled();
    expect(client.resets).toEqual(['diverged']);
    expect(client.position).toBe(world.head);
  });

  test('is sent to another coordinator when this one cannot tell within 5 s', async () => {
    begin(2, 2);
    const ahead = commits(3).at(-1)!;
    const client = new Client(world).at(ahead).subscribe();
    await vi.advanceTimersByTimeAsync(4_900);
    expect(client.closed).toBeUndefined();
    await vi.advanceTimersByTimeAsync(200);
    await settled();
    expect(client).toMatchObject({ closed: 'going-away', types: [] });
  });

  test('waits as a page does: both say the same', async () => {
    begin(2, 2);
    const [first, second, third] = commits(3);
    const page = (position: Position, limit = 10) =>
      world.hub.page({ topics: ['range'], position }, limit, new AbortController().signal);
    const ahead = page(second!);
    await settled();
    world.feed(2);
    expect(await ahead).toEqual({ commits: [], position: second, more: false });
    world.feed();
    expect(await page(first!, 1)).toMatchObject({ commits: [{ position: second }], position: second, more: true });
    expect(await page(first!)).toMatchObject({
      commits: [{ position: second }, { position: third }],
      position: third,
      more: false,
    });
    const never = page('9-9');
    await expect(never).rejects.toMatchObject({ reason: 'diverged' });
    world.silent = true;
    const unknown = page('9-9');
    const refused = expect(unknown).rejects.toMatchObject({ code: 'not-ready' });
    await vi.advanceTimersByTimeAsync(5_000);
    await refused;
  });
});

describe('a filter by a host’s name', () => {
  const topics: Subscription['topics'] = ['host', 'listener', 'assignment'];
  const named = (name: string) => new Client(world, { topics, filter: { host: name } });
  /** Commits, and lets the copy and its subscribers have it. */
  const happens = async (group: Parameters<World['commit']>[0]) => {
    world.commit(group);
    world.feed();
    await settled();
  };

  test('hears of a host that joins later, and so do those who come after', async () => {
    world.hub.start();
    const early = named('web').subscribe();
    await happens({ puts: [host('h1', 'web')] });
    const late = named('web').subscribe();
    await happens({ puts: [listener('h1', 3000), listener('h2', 3000)] });
    expect(early.fold.size).toBe(2);
    expect(late.entries).toEqual(early.entries);
  });

  test('is told what a host already has when it takes the name, and that it goes when it gives the name up', async () => {
    world.hub.start();
    await happens({ puts: [host('h1', 'db'), listener('h1', 3000), assignment(3001, { on: 'h1' })] });
    const web = named('web').subscribe();
    const db = named('db').subscribe();
    await settled();
    expect([web.fold.size, db.fold.size]).toEqual([0, 3]);
    await happens({ puts: [host('h1', 'web')] });
    expect([web.fold.size, db.fold.size]).toEqual([3, 0]);
    await happens({ deletes: [key.host('h1')] });
    expect([...web.fold.keys()]).toEqual([]);
  });

  test('counts each commit of a tick by the names and entries of its time', async () => {
    world.hub.start();
    const web = named('web').subscribe();
    await settled();
    world.commit({ puts: [host('h1', 'db'), listener('h1', 3000), listener('h1', 3001)] });
    world.commit({ puts: [host('h1', 'web'), listener('h1', 3001)] });
    world.commit({ puts: [listener('h1', 3000)], deletes: [listener('h1', 3001).key] });
    world.commit({ puts: [host('h1', 'db')] });
    world.commit({ puts: [host('h2', 'web')] });
    for (let i = 0; i < 5; i++) world.feed(1);
    await settled();
    expect(web.position).toBe(world.head);
    expect([...web.fold.keys()]).toEqual(['host/h2']);
  });

  test('is resumed over a change of name from memory; begins anew where the log alone tells of hosts', async () => {
    await happens({ puts: [host('h1', 'db'), listener('h1', 3000)] });
    const before = world.head;
    await happens({ puts: [host('h1', 'web')] });
    world.hub.start();
    const since = world.head;
    await happens({ puts: [host('h1', 'db')] });
    await happens({ puts: [host('h1', 'web')] });
    const resumed = named('db').at(since).subscribe();
    const anew = named('db').at(before).subscribe();
    await settled();
    expect(resumed.types).toEqual(['changes', 'synced']);
    expect(resumed.position).toBe(world.head);
    expect(anew.types).toEqual(['reset', 'snapshot', 'synced']);
    expect(anew.resets).toEqual(['trimmed']);
  });

  test('says the same in pages', async () => {
    world.hub.start();
    await happens({ puts: [host('h1', 'db'), listener('h1', 3000)] });
    const from = world.head;
    await happens({ puts: [host('h1', 'web')] });
    await happens({ puts: [listener('h1', 3000)] });
    const { signal } = new AbortController();
    const page = await world.hub.page({ topics, filter: { host: 'web' }, position: from }, 1, signal);
    expect(page!.commits.map(({ events }) => events.map(({ op, key }) => `${op} ${key}`).sort())).toEqual([
      ['put host/h1', `put ${listener('h1', 3000).key}`],
    ]);
    expect(page!.more).toBe(true);
  });
});

describe('a host that is renamed again and again', () => {
  const RENAMES = 40;
  const listeners = 500;
  const { signal } = new AbortController();
  const page = (position: Position) =>
    world.hub.page({ topics: ['host', 'listener'], filter: { host: 'even' }, position }, 10_000, signal);

  beforeEach(() => {
    world.hub.start();
    world.commit({ puts: Array.from({ length: 2_000 }, (_, i) => listener('other', i + 1)) });
    world.commit({
      puts: [host('h', 'even'), ...Array.from({ length: listeners }, (_, i) => listener('h', i + 1))],
    });
    world.feed();
    for (let i = 1; i <= RENAMES; i++) {
      world.commit({ puts: [host('h', i % 2 ? 'odd' : 'even')] });
      world.feed();
    }
  });

  test('costs one look at what is there, and none at what listens elsewhere', async () => {
    const all = vi.spyOn(world.fleet, 'all');
    await page([...world.states.keys()].at(-RENAMES - 1)!);
    expect(all.mock.calls.flat()).not.toContain('listener');
    expect(all.mock.calls.length).toBeLessThan(20);
  });

  test('is told in pages that have an end, and nothing is left out between them', async () => {
    const positions = [...world.states.keys()];
    let position = positions.at(-RENAMES - 1)!;
    const told: Position[] = [];
    for (let more = true; more; ) {
      const part = (await page(position))!;
      expect(part.commits.flatMap(({ events }) => events).length).toBeLessThanOrEqual(10_000 + listeners);
      told.push(...part.commits.map((commit) => commit.position));
      ({ position, more } = part);
    }
    expect(told).toEqual(positions.slice(-RENAMES));
  });

  test('is told in parts to those who catch up, too', async () => {
    const position = [...world.states.keys()].at(-RENAMES - 1)!;
    const commits: number[] = [];
    const send = ({ text }: { text: string }) => {
      const told = JSON.parse(text) as ServerFrame;
      if (told.type === 'changes') commits.push(told.commits.length);
    };
    const wanted: Subscription = { topics: ['host', 'listener'], filter: { host: 'even' }, position };
    world.hub.subscribe(wanted, { send, backlog: () => 0, close() {} });
    await settled();
    expect(commits).toEqual([20, 20]);
  });
});

describe('whatever happens in whatever order', () => {
  const ids = fc.constantFrom('h1', 'h2', 'n1');
  const names = fc.constantFrom('n1', 'n2');
  const ports = fc.integer({ min: 3000, max: 3002 });
  const change = fc.oneof(
    fc.record({ puts: fc.tuple(fc.tuple(ids, names).map(([id, name]) => host(id, name))) }),
    fc.record({ deletes: fc.tuple(ids.map((id) => key.host(id))) }),
    fc.record({ puts: fc.tuple(fc.tuple(ids, ports).map(([id, port]) => listener(id, port))) }),
    fc.record({ deletes: fc.tuple(fc.tuple(ids, ports).map(([id, port]) => listener(id, port).key)) }),
    fc.record({
      puts: fc.tuple(
        fc
          .tuple(ports, fc.constantFrom('mine', 'other'), fc.option(names, { nil: undefined }))
          .map(([port, project, on]) => assignment(port, { project, ...(on !== undefined && { on }) })),
      ),
    }),
    fc.record({ deletes: fc.tuple(ports.map((port) => key.assignment('tcp', port))) }),
  );
  const wishes: Subscription[] = [
    { topics: ['host', 'listener', 'assignment'] },
    { topics: ['host', 'listener', 'assignment'], filter: { host: 'n1' } },
    { topics: ['listener', 'assignment'], filter: { host: 'n2' } },
    { topics: ['assignment'], filter: { project: 'mine', host: 'h1' } },
    { topics: ['assignment'], filter: { project: 'mine' } },
  ];
  const clients = fc.nat(2);
  const act = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        act: fc.constant('commit' as const),
        changes: fc.array(change, { minLength: 1, maxLength: 3 }),
      }),
    },
    { weight: 4, arbitrary: fc.record({ act: fc.constant('feed' as const), groups: fc.integer({ min: 1, max: 3 }) }) },
    {
      weight: 1,
      arbitrary: fc.record({ act: fc.constant('rewind' as const), groups: fc.integer({ min: 1, max: 4 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        act: fc.constantFrom('trim' as const, 'reload' as const, 'hush' as const, 'speak' as const),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ act: fc.constant('subscribe' as const), who: clients, wish: fc.nat(wishes.length - 1) }),
    },
    { weight: 2, arbitrary: fc.record({ act: fc.constant('resume' as const), who: clients }) },
    { weight: 2, arbitrary: fc.record({ act: fc.constant('resume from' as const), who: clients, place: fc.nat(40) }) },
    {
      weight: 1,
      arbitrary: fc.record({ act: fc.constantFrom('leave' as const, 'stall' as const, 'read' as const), who: clients }),
    },
    { weight: 2, arbitrary: fc.record({ act: fc.constant('moments' as const), count: fc.nat(12) }) },
    { weight: 3, arbitrary: fc.record({ act: fc.constant('turn' as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({ act: fc.constant('wait' as const), time: fc.constantFrom(50, 3_000, 10_000) }),
    },
  );
  type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

  async function perform(each: Act, lines: readonly Client[]): Promise<void> {
    switch (each.act) {
      case 'commit': {
        const puts = new Map(
          each.changes.flatMap((one) => ('puts' in one ? one.puts : [])).map((one) => [one.key, one]),
        );
        const deletes = new Set(each.changes.flatMap((one) => ('deletes' in one ? one.deletes : [])));
        world.commit({ puts: [...puts.values()], deletes: [...deletes].filter((one) => !puts.has(one)) });
        break;
      }
      case 'feed':
        return world.feed(each.groups);
      case 'rewind':
        return world.rewind(each.groups);
      case 'trim':
        return world.trim();
      case 'reload':
        void world.reload();
        break;
      case 'hush':
        world.silent = true;
        break;
      case 'speak':
        return world.speak();
      case 'subscribe':
        Object.assign(lines[each.who]!, { wanted: wishes[each.wish] });
        lines[each.who]!.subscribe(true);
        break;
      case 'resume':
        lines[each.who]!.subscribe();
        break;
      case 'resume from': {
        const places = [...world.states.keys()];
        lines[each.who]!.at(places[each.place % places.length]!).subscribe();
        break;
      }
      case 'leave':
        return lines[each.who]!.leave();
      case 'stall':
        lines[each.who]!.stalled = true;
        break;
      case 'read':
        return lines[each.who]!.read();
      case 'moments':
        return moments(each.count);
      case 'turn':
        await settled();
        break;
      case 'wait':
        await vi.advanceTimersByTimeAsync(each.time);
    }
  }

  test('positions never go back, no commit comes twice or not at all, and what is told is a state that was', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 60 }), fc.nat(5), async (acts, started) => {
        world = new World();
        let left = started;
        const lines = wishes.slice(0, 3).map((wish) => new Client(world, wish));
        for (const each of acts) {
          // What was committed before the coordinator began is not in its memory.
          if (left-- === 0) world.hub.start();
          if (left < 0 || each.act === 'commit' || each.act === 'feed') await perform(each, lines);
          expect(world.problems).toEqual([]);
        }
        if (left >= 0) world.hub.start();
        world.speak();
        await settled();
        if (!world.following) await world.reload();
        world.feed();
        await settled();
        for (const line of lines) {
          line.read();
          if (line.closed !== undefined || line.types.length === 0) line.subscribe();
        }
        await vi.advanceTimersByTimeAsync(50);
        await settled();
        expect(world.problems).toEqual([]);
        for (const line of lines.filter(({ listening }) => listening))
          expect(line.entries).toEqual(line.due(world.head));
        world.hub.stop();
      }),
      { numRuns: 300 },
    );
  });
});
