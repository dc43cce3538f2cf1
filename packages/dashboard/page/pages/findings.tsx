import { type Finding, findingKinds, findingStates, severities } from '@portolan/model';
import { findings } from '../data/fleet.ts';
import { hasWords, sortBy } from '../data/found-words.ts';
import { Severity } from '../view/badge.tsx';
import { Choice } from '../view/choice.tsx';
import { Empty } from '../view/empty.tsx';
import { findingPath, PortLink } from '../view/links.tsx';
import { Page } from '../view/page.tsx';
import { useQuery } from '../view/query.ts';
import { SearchBox } from '../view/search-box.tsx';
import { type Column, Table, useOrder } from '../view/table.tsx';
import { Ago } from '../view/time.tsx';
import { byUrgency, hostsOf, servicesOf, titleOf } from '../view/words.ts';

const columns: readonly Column<Finding>[] = [
  { id: 'severity', title: 'Severity', width: '7.5rem', cell: (finding) => <Severity finding={finding} /> },
  {
    id: 'kind',
    title: 'Finding',
    width: 'minmax(8rem, 1.6fr)',
    cell: (finding) => (
      <a class="row-link" href={findingPath(finding.id)}>
        {titleOf(finding)}
      </a>
    ),
  },
  {
    id: 'port',
    title: 'Port',
    width: '5.5rem',
    cell: ({ port, protocol }) => port !== null && <PortLink port={port} protocol={protocol} />,
    minor: true,
  },
  {
    id: 'services',
    title: 'Services',
    width: 'minmax(5.5rem, 2fr)',
    cell: (finding) => servicesOf(finding).join(', '),
    minor: true,
  },
  {
    id: 'hosts',
    title: 'Hosts',
    width: 'minmax(5rem, 1fr)',
    cell: (finding) => hostsOf(finding).join(', '),
    minor: true,
  },
  { id: 'assignee', title: 'Assignee', width: '6rem', cell: ({ note }) => note?.assignee ?? '', minor: true },
  {
    id: 'since',
    title: 'Since',
    width: '8rem',
    cell: ({ firstSeen }) => <Ago at={firstSeen} />,
    end: true,
    minor: true,
  },
];

const orders: Record<string, (finding: Finding) => string | number> = {
  kind: ({ kind }) => kind,
  port: ({ port }) => port ?? 0,
  services: (finding) => servicesOf(finding).join(),
  hosts: (finding) => hostsOf(finding).join(),
  assignee: ({ note }) => note?.assignee ?? '\uffff',
  since: ({ firstSeen }) => firstSeen,
};

export function Findings() {
  const [query, change] = useQuery();
  const { state = 'standing', severity, kind, q = '' } = query;
  const order = useOrder({ by: 'severity', descending: false });
  const all = [...findings.all.values()];
  const passing = all.filter(
    (finding) =>
      (state === 'all' || (state === 'standing' ? finding.state !== 'resolved' : finding.state === state)) &&
      (severity === undefined || finding.severity === severity) &&
      (kind === undefined || finding.kind === kind) &&
      hasWords(q, [
        finding.summary,
        finding.kind,
        finding.port,
        finding.class,
        finding.note?.text,
        finding.note?.assignee,
      ]),
  );
  const of = orders[order.by];
  const rows = of
    ? sortBy(passing, of, order.descending)
    : passing.sort((a, b) => byUrgency(a, b) * (order.descending ? -1 : 1));
  const filtered = state !== 'standing' || severity !== undefined || kind !== undefined || q !== '';
  return (
    <Page
      title="Findings"
      about="Something that is wrong, by one set of rules. It goes by itself when its cause is gone."
      fill
    >
      <div class="filters">
        <SearchBox label="Search findings" found={rows.length} of={rows.length} />
        <Choice
          label="State"
          value={state}
          values={['standing', ...findingStates, 'all']}
          choose={(value) => change({ state: value === 'standing' ? undefined : value })}
        />
        <Choice
          label="Severity"
          value={severity ?? 'any'}
          values={['any', ...severities]}
          choose={(value) => change({ severity: value === 'any' ? undefined : value })}
        />
        <Choice
          label="Kind"
          value={kind ?? 'any'}
          values={['any', ...findingKinds]}
          choose={(value) => change({ kind: value === 'any' ? undefined : value })}
        />
      </div>
      <Table
        label="Findings"
        columns={columns}
        rows={{ length: rows.length, at: (index) => rows[index]! }}
        keyOf={({ id }) => id}
        order={{ by: 'severity', descending: false }}
        empty={
          filtered ? (
            <Empty title="No finding is like that.">
              <a href="/findings">Show all that stand</a>
            </Empty>
          ) : (
            <Empty title="Clear water: nothing is wrong." command="portolan watch --topic finding">
              Collisions, squatters and ports in use that are blocked come up here by themselves. In a terminal the same
              is told by
            </Empty>
          )
        }
      />
    </Page>
  );
}
