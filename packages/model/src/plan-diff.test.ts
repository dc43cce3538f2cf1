import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Assignment } from './assignment.ts';
import { type EntryKind, type EntryValue, key, kindOf } from './entry.ts';
import { Fleet } from './fleet.ts';
import { parseEndpoint } from './identity.ts';
import { Plan, type PlanInput, PlanRequest } from './plan.ts';
import { draftOf, type PlanDraft } from './plan-diff.ts';

const now = '2026-11-21T08:00:00.000Z';

/** A registry in memory: what is declared goes in, as a commit would put it. */
class Registry {
  readonly fleet = new Fleet();
  #revision = 0;

  put(...entries: [string, EntryValue][]): this {
    this.#apply(
      entries.map(([entryKey, value]) => ({ key: entryKey, value: JSON.stringify(value) })),
      [],
    );
    return this;
  }

  assign(endpoint: string, port: number, over: Partial<Assignment> = {}): this {
    const value: Assignment = {
      protocol: 'tcp',
      port,
      endpoint: parseEndpoint(endpoint)!,
      lease: null,
      grantedAt: now,
      ...over,
    };
    return this.put(
      [key.assignment(value.protocol, port), value],
      [key.endpoint(value.endpoint, value.protocol), { port }],
    );
  }

  draft(plan: PlanInput, project = 'mana'): PlanDraft {
    return draftOf(this.fleet, project, PlanRequest.parse(plan), now);
  }

  declare(plan: PlanInput, project = 'mana'): PlanDraft {
    const draft = this.draft(plan, project);
    expect(draft.conflicts).toEqual([]);
    const puts: [string, EntryValue][] = [];
    const deletes: string[] = [];
    for (const [entryKey, write] of draft.writes) {
      if (write) puts.push([entryKey, write.value]);
      else deletes.push(entryKey);
    }
    const entry = Plan.parse({ project, declaredBy: 'ada', declaredAt: now, owns: draft.owns });
    this.#apply(
      [...puts, [key.plan(project), entry] as const].map(([entryKey, value]) => ({
        key: entryKey,
        value: JSON.stringify(value),
      })),
      deletes,
    );
    return draft;
  }

  all<K extends EntryKind>(kind: K): EntryValue<K>[] {
    return Array.from(this.fleet.all(kind), ({ value }) => value);
  }

  portOf(endpoint: string): number | undefined {
    return this.fleet.assignmentOf(parseEndpoint(endpoint)!, 'tcp')?.value.port;
  }

  #apply(puts: { key: string; value: string }[], deletes: string[]): void {
    const revision = ++this.#revision;
    this.fleet.apply([{ position: `${revision}-1`, revision, epoch: 1, puts, deletes }]);
  }
}

const range = (name: string, from: number, to: number, owner: string | null = 'mana') => ({
  name,
  from,
  to,
  owner,
  purpose: '',
  policy: 'allocate' as const,
});
const service = (name: string, ...ports: (number | 'auto' | 'none')[]) => ({
  name,
  endpoints: ports.map((port, i) => ({ label: `l${i}`, port })),
});
const told = ({ changes }: PlanDraft) => changes.map(({ action, what, id, detail }) => [action, what, id, detail]);

describe('a plan', () => {
  test('that is declared again changes nothing', () => {
    const registry = new Registry();
    const plan = {
      ranges: [range('mana', 3000, 3099)],
      blocks: [{ from: 3000, to: 3000, protocol: null, reason: 'kept free' }],
      services: [service('auth', 3001, 'auto', 'none'), service('sync', 'auto')],
    };
    expect(told(registry.declare(plan))).toEqual([
      ['add', 'range', 'mana', '3000-3099'],
      ['add', 'block', '3000-3000/any', '3000 kept free'],
      ['add', 'service', 'mana/auth', ''],
      ['add', 'service', 'mana/sync', ''],
      ['add', 'port', 'mana/auth:l0/tcp', '3001'],
      ['add', 'port', 'mana/auth:l1/tcp', '3002'],
      ['add', 'port', 'mana/sync:l0/tcp', '3003'],
    ]);
    expect(told(registry.draft(plan))).toEqual([]);
    expect(registry.draft(plan).ports).toEqual({ 'auth:l0': 3001, 'auth:l1': 3002, 'sync:l0': 3003 });
  });

  test('takes back what it put there and no longer has, and nothing that others did', () => {
    const registry = new Registry()
      .put([key.range('hand'), range('hand', 4000, 4099, null)])
      .assign('mana/by-hand:default', 3050)
      .assign('mana/auth:l0', 3001);
    registry.declare({
      ranges: [range('mana', 3000, 3099), range('hand', 4000, 4099, null)],
      services: [service('auth', 3001), service('sync', 3002)],
    });
    const gone = registry.declare({});
    expect(told(gone)).toEqual([
      ['remove', 'range', 'mana', '3000-3099'],
      ['remove', 'service', 'mana/auth', ''],
      ['remove', 'service', 'mana/sync', ''],
      ['remove', 'port', 'mana/sync:l0/tcp', '3002 is released'],
    ]);
    expect(registry.all('range').map(({ name }) => name)).toEqual(['hand']);
    expect(registry.all('assignment').map(({ port }) => port)).toEqual([3050, 3001]);
  });

  test('lets two services change places', () => {
    const registry = new Registry();
    registry.declare({ services: [service('a', 3001), service('b', 3002)] });
    const swap = registry.declare({ services: [service('a', 3002), service('b', 3001)] });
    expect(told(swap).filter(([, what]) => what === 'port')).toEqual([
      ['move', 'port', 'mana/a:l0/tcp', '3001 → 3002'],
      ['move', 'port', 'mana/b:l0/tcp', '3002 → 3001'],
    ]);
    expect([registry.portOf('mana/a:l0'), registry.portOf('mana/b:l0')]).toEqual([3002, 3001]);
    expect(registry.fleet.count('assignment')).toBe(2);
    expect(registry.fleet.count('endpoint')).toBe(2);
  });

  test('gives a chosen port up when another service of it is named for that very port', () => {
    const registry = new Registry();
    const ranges = [range('mana', 3000, 3099)];
    registry.declare({ ranges, services: [service('a', 'auto')] });
    registry.declare({ ranges, services: [service('a', 'auto'), service('b', 3000)] });
    expect([registry.portOf('mana/b:l0'), registry.portOf('mana/a:l0')]).toEqual([3000, 3001]);
  });

  test('makes a lease of its endpoint permanent, where it is', () => {
    const lease = { id: 'x', ttl: 60 };
    const registry = new Registry().assign('mana/auth:l0', 23_456, { lease, holder: 'ada', host: 'vm' });
    const draft = registry.declare({ services: [service('auth', 'auto')] });
    expect(told(draft).at(-1)).toEqual([
      'change',
      'port',
      'mana/auth:l0/tcp',
      '23456: the lease becomes permanent; no longer tied to host vm',
    ]);
    expect(registry.all('assignment')).toMatchObject([{ port: 23_456, lease: null, holder: 'ada' }]);
  });

  test('chooses in its own ranges, but not in parts kept for growth, blocked ones, or where somebody is seen', () => {
    const kept = { ...range('mana', 3000, 3006), reserved: [{ from: 3000, to: 3001, reason: 'growth' }] };
    const registry = new Registry().put([
      'listener/h1/tcp/0.0.0.0/3004/host/1',
      {
        protocol: 'tcp',
        address: '0.0.0.0',
        port: 3004,
        netns: 'host',
        v6only: false,
        socket: '1',
        process: null,
        container: null,
        identity: null,
        since: now,
        host: 'h1',
      },
    ]);
    const blocks = [{ from: 3003, to: 3003, protocol: null, reason: 'printer' }];
    const { ports } = registry.declare({ ranges: [kept], blocks, services: [service('a', 'auto', 'auto')] });
    expect(Object.values(ports)).toEqual([3002, 3005]);
  });

  test('writes a system port down and assigns it to nobody', () => {
    const registry = new Registry();
    const draft = registry.declare({ services: [service('edge', 443)] });
    expect(draft.warnings).toEqual([expect.stringContaining('443 is a system port')]);
    expect(draft.ports).toEqual({ 'edge:l0': 443 });
    expect(registry.all('assignment')).toEqual([]);
    expect(told(registry.draft({ services: [service('edge', 443)] }))).toEqual([]);
  });

  test('warns of whoever listens on a port of it, and of health that no agent asks', () => {
    const registry = new Registry();
    const listener = (port: number) => ({
      protocol: 'tcp' as const,
      address: '0.0.0.0',
      port,
      netns: 'host',
      v6only: false,
      socket: '1',
      process: null,
      container: null,
      identity: {
        service: 'unknown/bot',
        label: null,
        instance: null,
        evidence: { kind: 'command' as const, detail: '' },
      },
      since: now,
      host: 'h1',
    });
    registry.put(['listener/h1/tcp/0.0.0.0/3050/host/1', listener(3050)]);
    const health = 'http://169.254.169.254/latest/meta-data';
    const { warnings } = registry.draft({
      services: [{ name: 'sync', endpoints: [{ label: 'default', port: 3050, health }] }],
    });
    expect(warnings).toEqual([
      expect.stringContaining(`no agent asks ${health}`),
      expect.stringContaining('unknown/bot listens on tcp port 3050'),
    ]);
  });
});

describe('a conflict', () => {
  const reasons = (draft: PlanDraft) => draft.conflicts.map(({ what, id, reason, owner }) => [what, id, reason, owner]);

  test('says who has the port, and which are free nearby', () => {
    const registry = new Registry().assign('shop/cart:api', 3001);
    const { conflicts } = registry.draft({ services: [service('auth', 3001)] });
    expect(conflicts).toMatchObject([
      {
        what: 'port',
        id: 'mana/auth:l0/tcp',
        reason: 'assigned',
        port: 3001,
        owner: 'shop/cart',
        suggestions: [3002, 3003, 3004],
      },
    ]);
    expect(conflicts[0]!.detail).toContain('tcp port 3001 is assigned to shop/cart:api');
  });

  test('is a port that is blocked, also by the plan itself, or planned twice', () => {
    const blocks = [{ from: 3001, to: 3001, protocol: null, reason: 'printer' }];
    expect(reasons(new Registry().draft({ blocks, services: [service('a', 3001)] }))).toEqual([
      ['port', 'mana/a:l0/tcp', 'blocked', null],
    ]);
    expect(reasons(new Registry().draft({ services: [service('a', 3001), service('b', 3001)] }))).toEqual([
      ['port', 'mana/b:l0/tcp', 'twice', 'mana/a:l0'],
    ]);
    const three = (['udp', 'tcp', 'udp'] as const).map((protocol, i) => ({ label: `l${i}`, protocol, port: 3001 }));
    expect(reasons(new Registry().draft({ services: [{ name: 'a', endpoints: three }] }))).toEqual([
      ['port', 'mana/a:l2/udp', 'twice', 'mana/a:l0'],
    ]);
  });

  test('is a range that overlaps another, or that is of another project', () => {
    const registry = new Registry().put([key.range('shop'), range('shop', 4000, 4099, 'shop')]);
    expect(reasons(registry.draft({ ranges: [range('mana', 4050, 4199)] }))).toEqual([
      ['range', 'mana', 'overlap', 'shop'],
    ]);
    expect(reasons(registry.draft({ ranges: [range('shop', 4000, 4199, 'shop')] }))).toEqual([
      ['range', 'shop', 'owned', 'shop'],
    ]);
  });

  test('is what the plan of another project has declared otherwise; the last that drops it takes it back', () => {
    const registry = new Registry();
    const shared = (reason: string) => ({ blocks: [{ from: 6000, to: 6063, protocol: null, reason }] });
    registry.declare(shared('X11'), 'mana');
    expect(reasons(registry.draft(shared('X'), 'shop'))).toEqual([['block', '6000-6063/any', 'owned', 'mana']]);
    registry.declare(shared('X11'), 'shop');
    registry.declare({}, 'mana');
    expect(registry.all('block')).toHaveLength(1);
    registry.declare({}, 'shop');
    expect(registry.all('block')).toHaveLength(0);
  });

  test('is a range that is not there, is of another project, or is full', () => {
    const registry = new Registry().put([key.range('shop'), range('shop', 4000, 4099, 'shop')]);
    const within = (where: string) => ({
      services: [{ name: 'a', endpoints: ['x', 'y'].map((label) => ({ label, port: 'auto' as const, range: where })) }],
    });
    expect(reasons(registry.draft(within('nowhere')))[0]).toEqual(['port', 'mana/a:x/tcp', 'unknown-range', null]);
    expect(reasons(registry.draft(within('shop')))[0]).toEqual(['port', 'mana/a:x/tcp', 'owned', 'shop']);
    expect(reasons(registry.draft(within('3000-3000')))).toEqual([['port', 'mana/a:y/tcp', 'exhausted', null]]);
  });
});

const anyService = fc.record({
  name: fc.constantFrom('a', 'b', 'c'),
  endpoints: fc.uniqueArray(
    fc.record({
      label: fc.constantFrom('x', 'y', 'z'),
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      port: fc.oneof(
        { weight: 3, arbitrary: fc.integer({ min: 3000, max: 3006 }) },
        { weight: 2, arbitrary: fc.constantFrom('auto' as const, 'none' as const) },
      ),
    }),
    { selector: ({ label }) => label, maxLength: 3 },
  ),
});
const anyPlan = fc.record({
  ranges: fc.constantFrom<ReturnType<typeof range>[]>([], [range('mana', 3000, 3019)]),
  services: fc.uniqueArray(anyService, { selector: ({ name }) => name, maxLength: 3 }),
});

test('whatever plans follow one another: each is there whole, one owner a port, nothing is left of the ones before', () => {
  fc.assert(
    fc.property(fc.array(anyPlan, { minLength: 1, maxLength: 5 }), (plans) => {
      const registry = new Registry().assign('shop/cart:api', 3003);
      for (const plan of plans) {
        const before = JSON.stringify(registry.all('assignment'));
        const draft = registry.draft(plan);
        if (draft.conflicts.length > 0) {
          expect(JSON.stringify(registry.all('assignment'))).toBe(before);
          continue;
        }
        registry.declare(plan);
        expect(told(registry.draft(plan))).toEqual([]);
        const wanted = plan.services.flatMap(({ name, endpoints }) =>
          endpoints.flatMap(({ label, protocol, port }) => (port === 'none' ? [] : [{ name, label, protocol, port }])),
        );
        const own = registry.all('assignment').filter(({ endpoint }) => endpoint.project === 'mana');
        expect(own).toHaveLength(wanted.length);
        for (const { name, label, protocol, port } of wanted) {
          const has = own.find(
            ({ endpoint, ...each }) =>
              endpoint.service === name && endpoint.label === label && each.protocol === protocol,
          );
          expect(has).toBeDefined();
          if (port !== 'auto') expect(has!.port).toBe(port);
        }
        // A number is one service's, on both protocols.
        for (const a of registry.all('assignment')) {
          for (const b of registry.all('assignment')) {
            if (a.port === b.port) {
              expect([a.endpoint.project, a.endpoint.service]).toEqual([b.endpoint.project, b.endpoint.service]);
            }
          }
        }
        expect(registry.fleet.count('endpoint')).toBe(registry.fleet.count('assignment'));
        expect(registry.fleet.use.taken.has(3003)).toBe(true);
        for (const entryKey of draft.writes.keys()) expect(kindOf(entryKey)).not.toBe('plan');
      }
      registry.declare({});
      expect(registry.all('assignment')).toHaveLength(1);
      expect(Array.from({ length: 20 }, (_, i) => registry.fleet.use.taken.has(3000 + i)).filter(Boolean)).toHaveLength(
        1,
      );
    }),
    { numRuns: 300 },
  );
});
