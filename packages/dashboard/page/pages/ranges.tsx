import { type Block, DEFAULT_RANGE, formatInterval, type Range, SYSTEM_BLOCK } from '@portolan/model';
import { blocks, cellsVersion, ranges } from '../data/fleet.ts';
import { hasWords, sortBy } from '../data/found-words.ts';
import { mayOperate, session } from '../data/session.ts';
import { Confirm } from '../view/confirm.tsx';
import { Empty } from '../view/empty.tsx';
import { Fill, sizeOf, usedOf } from '../view/fill.tsx';
import { attempt } from '../view/notice.tsx';
import { Page } from '../view/page.tsx';
import { useQuery } from '../view/query.ts';
import { SearchBox } from '../view/search-box.tsx';
import { useStill } from '../view/still.ts';
import { type Column, Table, useOrder } from '../view/table.tsx';
import { NewRule } from './new-rule.tsx';

/** A range or a block: an interval of ports and what holds for it. */
interface Rule {
  readonly key: string;
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly policy: Range['policy'];
  readonly owner: string | null;
  readonly purpose: string;
  readonly range: Range | undefined;
  readonly block: Block | undefined;
  readonly used: number;
}

const policyWords: Record<Range['policy'], string> = {
  allocate: 'for its owner',
  dynamic: 'for anybody',
  blocked: 'for nobody',
};

const columns: readonly Column<Rule>[] = [
  {
    id: 'from',
    title: 'Ports',
    width: '6.5rem',
    cell: (rule) => (
      <a class="port" href={`/map?port=${rule.from}`}>
        {formatInterval(rule)}
      </a>
    ),
  },
  { id: 'name', title: 'Name', width: 'minmax(3.75rem, 1fr)', cell: ({ name }) => name },
  { id: 'policy', title: 'Is', width: '8rem', cell: ({ policy }) => policyWords[policy], minor: true },
  { id: 'owner', title: 'Owner', width: '8rem', cell: ({ owner }) => owner ?? '', minor: true },
  {
    id: 'used',
    title: 'Taken',
    width: 'minmax(5rem, 1.2fr)',
    cell: (rule) => (rule.policy === 'blocked' ? '' : <Fill used={rule.used} size={sizeOf(rule)} />),
  },
  { id: 'purpose', title: 'Purpose', width: 'minmax(5.5rem, 2fr)', cell: ({ purpose }) => purpose, minor: true },
  { id: 'undo', title: 'Undo', width: '5.5rem', cell: (rule) => <Undo rule={rule} />, sortable: false, end: true },
];

const orders: Record<string, (rule: Rule) => string | number> = {
  from: ({ from }) => from,
  name: ({ name }) => name,
  policy: ({ policy }) => policy,
  owner: ({ owner }) => owner ?? '\uffff',
  used: (rule) => rule.used / sizeOf(rule),
  purpose: ({ purpose }) => purpose,
};

export function Ranges() {
  const [{ q = '' }] = useQuery();
  const { by, descending } = useOrder({ by: 'from', descending: false });
  useStill(cellsVersion);
  const rules = rulesOf([...ranges.all.values()], [...blocks.all.values()]);
  const found = sortBy(
    rules.filter(({ name, owner, purpose, from, to, policy }) => hasWords(q, [name, owner, purpose, from, to, policy])),
    orders[by] ?? orders.from!,
    descending,
  );
  return (
    <Page
      title="Ranges"
      about="Which ports are whose, and which are nobody’s."
      actions={
        mayOperate.value && (
          <a class="button" href="/ranges?new=range">
            Set a range or a block
          </a>
        )
      }
      fill
    >
      <NewRule />
      <div class="filters">
        <SearchBox label="Search ranges" found={found.length} of={rules.length} />
      </div>
      <Table
        label="Ranges and blocked ports"
        columns={columns}
        rows={{ length: found.length, at: (index) => found[index]! }}
        keyOf={({ key }) => key}
        order={{ by: 'from', descending: false }}
        empty={<Empty title="No range is like that." />}
      />
    </Page>
  );
}

function rulesOf(known: readonly Range[], blocked: readonly Block[]): Rule[] {
  const all = known.some(({ policy, owner }) => policy === 'dynamic' && owner === null)
    ? known
    : [...known, DEFAULT_RANGE];
  return [
    ...all.map((range) => ({
      ...range,
      key: `range/${range.name}`,
      range: known.includes(range) ? range : undefined,
      block: undefined,
      used: usedOf(range),
    })),
    ...[SYSTEM_BLOCK, ...blocked].map((block) => ({
      key: `block/${formatInterval(block)}/${block.protocol}`,
      name: block.protocol === null ? '' : `${block.protocol} only`,
      from: block.from,
      to: block.to,
      policy: 'blocked' as const,
      owner: null,
      purpose: block.reason,
      range: undefined,
      block: block === SYSTEM_BLOCK ? undefined : block,
      used: 0,
    })),
  ];
}

function Undo({ rule: { range, block } }: { rule: Rule }) {
  if (!mayOperate.value) return null;
  const { client } = session.value!;
  if (range) {
    const remove = () => attempt(`the range ${range.name} is removed`, () => client.removeRange(range.name));
    return (
      <Confirm label="Remove" title={`Remove the range ${range.name}?`} act={remove}>
        What was assigned in {formatInterval(range)} stays. Only where the next port comes from changes.
      </Confirm>
    );
  }
  if (!block) return null;
  const unblock = () =>
    attempt(`${formatInterval(block)} may be assigned again`, () => client.unblock(block, block.protocol ?? undefined));
  return (
    <Confirm label="Unblock" title={`Unblock ${formatInterval(block)}?`} act={unblock}>
      Anybody may be given these ports then. They were blocked for this: {block.reason}
    </Confirm>
  );
}
