import { type HostListener, key, SheetWriter } from '@portolan/model';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ListenerTable } from './listener-table.ts';

const services = ['shop/cart', 'shop/web', 'mana/sync', null];

function listener({
  host,
  service,
  port,
  socket,
}: {
  host: string;
  service: string | null;
  port: number;
  socket: number;
}): HostListener {
  return {
    host,
    protocol: 'tcp',
    address: '0.0.0.0',
    port,
    netns: 'host',
    v6only: null,
    socket: String(socket),
    process: { pid: socket + 1, startedAt: 0, uid: 0, user: 'ada', command: 'node', commandLine: 'node', cwd: null },
    container: null,
    identity:
      service === null ? null : { service, label: null, instance: null, evidence: { kind: 'command', detail: '' } },
    since: new Date(1_795_000_000_000 + socket * 1000).toISOString(),
  };
}

const some: fc.Arbitrary<HostListener> = fc
  .record({
    host: fc.constantFrom('a', 'b', 'c'),
    service: fc.constantFrom(...services),
    port: fc.integer({ min: 1, max: 65_535 }),
    socket: fc.integer({ min: 0, max: 50 }),
  })
  .map(listener);

const keyOf = (each: HostListener) => key.listener(each.host, each);
const rowsOf = (table: ListenerTable, rows: Iterable<number>) => Array.from(rows, (row) => table.row(row));

test('whatever came and went, it has what is there, and counts what it has', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ op: fc.constantFrom('put', 'put', 'delete'), listener: some }), { maxLength: 200 }),
      (steps) => {
        const counts = new Map<number, number>();
        const table = new ListenerTable(({ port }, reachable, by) => {
          expect(reachable).toBe(true);
          counts.set(port, (counts.get(port) ?? 0) + by);
        });
        const wanted = new Map<string, HostListener>();
        for (const { op, listener: each } of steps) {
          if (op === 'put') {
            table.put(keyOf(each), each);
            wanted.set(keyOf(each), each);
          } else {
            table.delete(keyOf(each));
            wanted.delete(keyOf(each));
          }
        }
        const found = rowsOf(table, table.find('', 'port'));
        expect(table.size).toBe(wanted.size);
        expect(new Set(found.map((row) => row.key))).toEqual(new Set(wanted.keys()));
        for (const row of found) {
          const { host, port, identity, process } = wanted.get(row.key)!;
          expect(row).toMatchObject({ host, port, service: identity?.service ?? null, pid: process!.pid });
        }
        const ports = Map.groupBy(wanted.values(), ({ port }) => port);
        for (const [port, count] of counts) expect(count).toBe(ports.get(port)?.length ?? 0);
      },
    ),
  );
});

test('a sheet in parts gives the same rows as the listeners one by one', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(some, { maxLength: 100 }), fc.integer({ min: 1, max: 40 }), async (listeners, size) => {
      const distinct = [...new Map(listeners.map((each) => [keyOf(each), each])).values()];
      const [bySheet, byOne] = [new ListenerTable(), new ListenerTable()];
      const writer = new SheetWriter();
      for (let from = 0; from < distinct.length; from += size) {
        bySheet.load(JSON.parse(JSON.stringify(writer.part(distinct.slice(from, from + size)))));
      }
      for (const each of distinct) byOne.put(keyOf(each), each);
      const all = (table: ListenerTable) =>
        rowsOf(table, table.find('', 'since')).sort((a, b) => (a.key < b.key ? -1 : 1));
      expect(all(bySheet)).toEqual(all(byOne));
    }),
  );
});

test('it is ordered by any column, those without a value last, both ways', () => {
  fc.assert(
    fc.property(
      fc.array(some, { maxLength: 100 }),
      fc.constantFrom('port', 'service', 'host', 'pid', 'since'),
      (listeners, column) => {
        const table = new ListenerTable();
        for (const each of listeners) table.put(keyOf(each), each);
        const name = (host: string) =>
          new Map([
            ['a', 'zebra'],
            ['b', 'yak'],
            ['c', 'ant'],
          ]).get(host) ?? host;
        const values = (descending: boolean) =>
          rowsOf(table, table.find('', column, descending, name)).map((row) =>
            column === 'host' ? name(row.host) : (row[column] ?? '\uffff'),
          );
        const rising = values(false);
        expect(rising).toEqual(rising.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
        expect(values(true)).toEqual(rising.toReversed());
      },
    ),
  );
});

test('each word of a search is looked for in port, pid, service, host, command, user and address', () => {
  const table = new ListenerTable();
  const each = [
    listener({ host: 'a', service: 'shop/cart', port: 3050, socket: 1 }),
    listener({ host: 'b', service: 'shop/cart', port: 3051, socket: 2 }),
    listener({ host: 'b', service: null, port: 8080, socket: 3 }),
  ];
  for (const one of each) table.put(keyOf(one), one);
  const name = (host: string) => (host === 'a' ? 'harbour' : 'mole');
  const found = (query: string) => rowsOf(table, table.find(query, 'port', false, name)).map(({ port }) => port);
  expect(found('')).toEqual([3050, 3051, 8080]);
  expect(found('305')).toEqual([3050, 3051]);
  expect(found('CART mole')).toEqual([3051]);
  expect(found('mole')).toEqual([3051, 8080]);
  expect(found('ada node tcp')).toEqual([3050, 3051, 8080]);
  expect(found('4')).toEqual([8080]);
  expect(found('udp')).toEqual([]);
});

test('with more numbers than doubles hold exactly it is ordered all the same', () => {
  const table = new ListenerTable();
  const far = (socket: number, since: string): HostListener => ({
    ...listener({ host: 'a', service: null, port: 1, socket }),
    since,
  });
  for (const [socket, since] of [
    [1, '2100-01-01T00:00:00.000Z'],
    [2, '2050-01-01T00:00:00.000Z'],
    [3, '2020-01-01T00:00:00.000Z'],
  ] as const) {
    table.put(keyOf(far(socket, since)), far(socket, since));
  }
  expect(rowsOf(table, table.find('', 'since')).map(({ pid }) => pid)).toEqual([4, 3, 2]);
});
