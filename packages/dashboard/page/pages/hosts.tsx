import type { Host } from '@portolan/model';
import { hosts, listenersByHost, listenersVersion } from '../data/fleet.ts';
import { hasWords, sortBy } from '../data/found-words.ts';
import { HostState } from '../view/badge.tsx';
import { Empty } from '../view/empty.tsx';
import { hostPath } from '../view/links.tsx';
import { Page } from '../view/page.tsx';
import { useQuery } from '../view/query.ts';
import { SearchBox } from '../view/search-box.tsx';
import { useStill } from '../view/still.ts';
import { type Column, Table, useOrder } from '../view/table.tsx';
import { Ago } from '../view/time.tsx';
import { number } from '../view/words.ts';

const columns: readonly Column<Host>[] = [
  {
    id: 'name',
    title: 'Host',
    width: 'minmax(5.5rem, 2fr)',
    cell: ({ id, name }) => (
      <a class="row-link" href={hostPath(id)}>
        {name}
      </a>
    ),
  },
  { id: 'state', title: 'State', width: '8rem', cell: ({ state }) => <HostState state={state} /> },
  {
    id: 'listeners',
    title: 'Listeners',
    width: '6.5rem',
    cell: ({ id }) => number(listenersByHost.get(id) ?? 0),
    end: true,
  },
  {
    id: 'address',
    title: 'Addresses',
    width: 'minmax(5.5rem, 2fr)',
    cell: ({ addresses }) => <code>{addresses.join(', ')}</code>,
    minor: true,
  },
  { id: 'platform', title: 'Platform', width: '8rem', cell: ({ platform }) => platform, minor: true },
  { id: 'agent', title: 'Agent', width: '6rem', cell: ({ agentVersion }) => agentVersion, minor: true },
  {
    id: 'since',
    title: 'State since',
    width: '8rem',
    cell: ({ stateSince }) => <Ago at={stateSince} />,
    end: true,
    minor: true,
  },
];

const orders: Record<string, (host: Host) => string | number> = {
  name: ({ name }) => name,
  state: ({ state }) => ['unreachable', 'alive', 'left'].indexOf(state),
  listeners: ({ id }) => listenersByHost.get(id) ?? 0,
  address: ({ addresses }) => addresses[0] ?? '',
  platform: ({ platform }) => platform,
  agent: ({ agentVersion }) => agentVersion,
  since: ({ stateSince }) => stateSince,
};

export function Hosts() {
  const [{ q = '' }] = useQuery();
  const { by, descending } = useOrder({ by: 'name', descending: false });
  // Drawn anew when the counts of listeners have moved on.
  useStill(listenersVersion);
  const all = hosts.all;
  const found = sortBy(
    [...all.values()].filter(({ id, name, addresses, platform, state }) =>
      hasWords(q, [name, id, platform, state === 'alive' ? 'up' : state, ...addresses]),
    ),
    orders[by] ?? orders.name!,
    descending,
  );
  return (
    <Page title="Hosts" about="Machines that run an agent." fill>
      <div class="filters">
        <SearchBox label="Search hosts" found={found.length} of={all.size} />
      </div>
      <Table
        label="Hosts"
        columns={columns}
        rows={{ length: found.length, at: (index) => found[index]! }}
        keyOf={({ id }) => id}
        order={{ by: 'name', descending: false }}
        empty={
          q !== '' ? (
            <Empty title="No host is like that." />
          ) : (
            <Empty title="No host has an agent yet." command="portolan agent --url http://coordinator:7678">
              Run this on each machine, or “portolan up” for a coordinator and an agent in one:
            </Empty>
          )
        }
      />
    </Page>
  );
}
