import { useMemo } from 'preact/hooks';
import { listenersReady, loading } from '../data/feed.ts';
import { listeners, listenersVersion, nameOfHost } from '../data/fleet.ts';
import type { ListenerRow } from '../data/listener-table.ts';
import { Empty } from '../view/empty.tsx';
import { HostLink, PortLink, ServiceLink } from '../view/links.tsx';
import { Page } from '../view/page.tsx';
import { useQuery } from '../view/query.ts';
import { SearchBox } from '../view/search-box.tsx';
import { useStill } from '../view/still.ts';
import { type Column, Table, useOrder } from '../view/table.tsx';
import { Ago } from '../view/time.tsx';

const columns: readonly Column<ListenerRow>[] = [
  {
    id: 'port',
    title: 'Port',
    width: '6rem',
    cell: ({ port, protocol }) => <PortLink port={port} protocol={protocol} />,
  },
  {
    id: 'service',
    title: 'Service',
    width: 'minmax(5.5rem, 2fr)',
    cell: ({ service }) => <ServiceLink id={service} />,
  },
  { id: 'host', title: 'Host', width: 'minmax(5.5rem, 1.2fr)', cell: ({ host }) => <HostLink id={host} /> },
  {
    id: 'address',
    title: 'Address',
    width: 'minmax(5.5rem, 1fr)',
    cell: ({ address }) => <code>{address}</code>,
    minor: true,
  },
  {
    id: 'command',
    title: 'Command',
    width: 'minmax(5.5rem, 1fr)',
    cell: ({ command, container }) => container ?? command ?? '',
    minor: true,
  },
  { id: 'pid', title: 'Pid', width: '5.5rem', cell: ({ pid }) => pid ?? '', end: true, minor: true },
  { id: 'user', title: 'User', width: '6rem', cell: ({ user }) => user ?? '', minor: true },
  { id: 'evidence', title: 'Known by', width: '6.5rem', cell: ({ evidence }) => evidence ?? 'nothing', minor: true },
  {
    id: 'since',
    title: 'Since',
    width: '8rem',
    cell: ({ since }) => <Ago at={new Date(since * 1000).toISOString()} />,
    end: true,
    minor: true,
  },
];

const sortable = ['port', 'service', 'host', 'address', 'command', 'pid', 'user', 'evidence', 'since'] as const;
type Sortable = (typeof sortable)[number];

export function Listeners() {
  const [{ q = '', own }, set] = useQuery();
  const { by, descending } = useOrder({ by: 'port', descending: false });
  const version = useStill(listenersVersion);
  const ready = listenersReady.value;
  const matching = useMemo(() => {
    const column = sortable.includes(by as Sortable) ? (by as Sortable) : 'port';
    return listeners.find(q, column, descending, nameOfHost);
  }, [q, by, descending, version, ready]);
  const foreign = useMemo(() => listeners.withoutOwn(matching), [matching]);
  const found = own === undefined ? foreign : matching;
  const hidden = matching.length - foreign.length;
  const rows = useMemo(() => ({ length: found.length, at: (index: number) => listeners.row(found[index]!) }), [found]);
  return (
    <Page title="Listeners" about="Each socket that an agent sees, on every host of the fleet." fill>
      <div class="filters">
        <SearchBox label="Port, service, host, address, command, user" found={found.length} of={listeners.size} />
        {hidden > 0 && (
          <label class="toggle">
            <input
              type="checkbox"
              checked={own !== undefined}
              onChange={(event) => set({ own: event.currentTarget.checked ? 'yes' : undefined })}
            />
            Portolan's own ({hidden})
          </label>
        )}
      </div>
      <Table
        label="Listeners"
        columns={columns}
        rows={rows}
        keyOf={({ key }) => key}
        order={{ by: 'port', descending: false }}
        empty={<Nobody query={q} />}
      />
    </Page>
  );
}

function Nobody({ query }: { query: string }) {
  if (!listenersReady.value) return <p class="waiting">Reading {loading.value?.of ?? ''} listeners…</p>;
  if (query !== '') return <Empty title="No listener is like that." />;
  return (
    <Empty title="No agent reports a listener." command={`portolan agent --url ${location.origin}`}>
      An agent on each host tells what listens there. Start one with
    </Empty>
  );
}
