import { useMemo } from 'preact/hooks';
import { listenersReady } from '../data/feed.ts';
import { cellsVersion, healths, listeners } from '../data/fleet.ts';
import { hasWords, sortBy } from '../data/found-words.ts';
import { portsOf, type Service, services } from '../data/services.ts';
import { Empty } from '../view/empty.tsx';
import { PortLink, servicePath } from '../view/links.tsx';
import { Page } from '../view/page.tsx';
import { useQuery } from '../view/query.ts';
import { SearchBox } from '../view/search-box.tsx';
import { useStill } from '../view/still.ts';
import { type Column, Table, useOrder } from '../view/table.tsx';
import { number } from '../view/words.ts';

/** How many ports a row has room for. */
const PORTS_SHOWN = 6;

export function Services() {
  const [{ q = '' }] = useQuery();
  const { by, descending } = useOrder({ by: 'id', descending: false });
  const version = useStill(cellsVersion);
  const rowsOf = useMemo(() => new Map(listeners.groups('service')), [version]);
  const all = services.peek();
  const found = useMemo(() => {
    const passing = all.filter(({ id, plan, promised }) =>
      hasWords(q, [
        id,
        plan?.description,
        plan?.runtime,
        ...promised.flatMap(({ port, endpoint }) => [port, endpoint.label]),
      ]),
    );
    return sortBy(passing, orders[by] ?? orders.id!, descending);
  }, [q, by, descending, all]);
  const columns: readonly Column<Service>[] = [
    {
      id: 'id',
      title: 'Service',
      width: 'minmax(5.5rem, 2fr)',
      cell: ({ id }) => (
        <a class="row-link" href={servicePath(id)}>
          {id}
        </a>
      ),
    },
    {
      id: 'ports',
      title: 'Ports',
      width: 'minmax(5.5rem, 2fr)',
      cell: (service) => <Ports service={service} rows={rowsOf.get(service.id)} />,
    },
    {
      id: 'listeners',
      title: 'Listeners',
      width: '6.5rem',
      cell: (service) => (listenersReady.value ? number(service.listeners) : '…'),
      end: true,
    },
    { id: 'plan', title: 'Planned', width: '7rem', cell: ({ plan }) => plan?.status ?? '', minor: true },
    { id: 'runtime', title: 'Runtime', width: '8rem', cell: ({ plan }) => plan?.runtime ?? '', minor: true },
    {
      id: 'health',
      title: 'Health',
      width: '6.5rem',
      cell: ({ id }) => <HealthOf id={id} />,
      minor: true,
      sortable: false,
    },
  ];
  return (
    <Page title="Services" about="Who has a port by promise, by plan, or by evidence." fill>
      <div class="filters">
        <SearchBox label="Search services" found={found.length} of={all.length} />
      </div>
      <Table
        label="Services"
        columns={columns}
        rows={{ length: found.length, at: (index) => found[index]! }}
        keyOf={({ id }) => id}
        order={{ by: 'id', descending: false }}
        empty={
          q !== '' ? (
            <Empty title="No service is called that." />
          ) : !listenersReady.value ? (
            <p class="waiting">Reading…</p>
          ) : (
            <Empty title="Nobody has a port yet." command="portolan run shop/cart -- npm run dev">
              A service shows here once a port is reserved for it or it is seen listening. This gives one a port and
              starts it:
            </Empty>
          )
        }
      />
    </Page>
  );
}

const orders: Record<string, (service: Service) => string | number> = {
  id: ({ id }) => id,
  ports: ({ promised }) => promised[0]?.port ?? 65_536,
  listeners: (service) => service.listeners,
  plan: ({ plan }) => plan?.status ?? '\uffff',
  runtime: ({ plan }) => plan?.runtime ?? '\uffff',
};

function Ports({ service, rows }: { service: Service; rows: Uint32Array | undefined }) {
  const ports = portsOf(service, rows);
  return (
    <span class="ports">
      {ports.slice(0, PORTS_SHOWN).map(({ port, protocol, label, seen }) => (
        <span key={`${protocol}/${port}`} class={seen ? 'seen' : 'unseen-port'}>
          <PortLink port={port} protocol={protocol} />
          {label !== null && label !== 'default' && <small>{label}</small>}
        </span>
      ))}
      {ports.length > PORTS_SHOWN && <small>+{ports.length - PORTS_SHOWN}</small>}
    </span>
  );
}

function HealthOf({ id }: { id: string }) {
  const checks = [...healths.all.values()].filter(({ service }) => service === id);
  if (checks.length === 0) return null;
  const failing = checks.filter(({ state }) => state === 'failing').length;
  if (failing > 0) return <span class="badge error">{failing} failing</span>;
  return checks.some(({ state }) => state === 'passing') ? (
    <span class="badge ok">passing</span>
  ) : (
    <span class="badge quiet">unknown</span>
  );
}
