// biome-ignore-all lint/a11y/useSemanticElements: rows that are not drawn have no place in a real table
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from '@tanstack/virtual-core';
import type { ComponentChildren, VNode } from 'preact';
import { useLayoutEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import { useQuery } from './query.ts';

export interface Column<R> {
  readonly id: string;
  readonly title: string;
  /** A track of a CSS grid: `8rem`, `minmax(8rem, 2fr)`. */
  readonly width: string;
  readonly cell: (row: R) => ComponentChildren;
  readonly sortable?: boolean;
  readonly end?: boolean;
  /** Left out where there is little room. */
  readonly minor?: boolean;
}

/** Rows that need not exist before they are shown. */
export interface Rows<R> {
  readonly length: number;
  at(index: number): R;
}

interface Props<R> {
  readonly label: string;
  readonly columns: readonly Column<R>[];
  readonly rows: Rows<R>;
  readonly keyOf: (row: R) => string;
  /** How rows are ordered where the address does not say. */
  readonly order: Order;
  /** Shown instead when there are none. */
  readonly empty: ComponentChildren;
}

export interface Order {
  readonly by: string;
  readonly descending: boolean;
}

const ROW_HEIGHT = 38;
/** Browsers do not draw boxes higher than some millions of pixels. */
const SHOWN_MAX = 400_000;
const OVERSCAN = 12;

export function useOrder(otherwise: Order): Order {
  const [{ sort }] = useQuery();
  if (sort === undefined) return otherwise;
  return { by: sort.replace(/^-/, ''), descending: sort.startsWith('-') };
}

/** A table of which only what is seen is drawn. */
export function Table<R>({ label, columns, rows, keyOf, order: otherwise, empty }: Props<R>) {
  const order = useOrder(otherwise);
  const [, change] = useQuery();
  const scroller = useRef<HTMLDivElement>(null);
  const count = Math.min(rows.length, SHOWN_MAX);
  const virtual = useVirtual(scroller, count);
  // What was drawn stands as long as the rows do: to scroll costs the rows that come into view.
  const drawn = useMemo(() => new Map<number, VNode>(), [rows, columns]);
  if (rows.length === 0) return <>{empty}</>;
  const tracks = (all: readonly Column<R>[]) => all.map(({ width }) => width).join(' ');
  const style = { '--tracks': tracks(columns), '--tracks-narrow': tracks(columns.filter(({ minor }) => !minor)) };
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section class="table-scroll" ref={scroller} tabIndex={0} aria-label={label}>
      <div class="table" role="table" aria-label={label} aria-rowcount={rows.length + 1} style={style as never}>
        <div class="table-head" role="row" aria-rowindex={1} tabIndex={-1}>
          {columns.map((column) => (
            <Head key={column.id} column={column} order={order} sort={(sort) => change({ sort })} />
          ))}
        </div>
        <div role="rowgroup" class="table-rows" style={{ height: `${virtual.getTotalSize()}px` }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            let line = drawn.get(index);
            if (!line) drawn.set(index, (line = lineOf(columns, rows.at(index), { index, start, keyOf })));
            return line;
          })}
        </div>
      </div>
    </section>
  );
}

interface At<R> {
  readonly index: number;
  /** Pixels from the top. */
  readonly start: number;
  readonly keyOf: (row: R) => string;
}

function lineOf<R>(columns: readonly Column<R>[], row: R, { index, start, keyOf }: At<R>) {
  return (
    <div
      key={keyOf(row)}
      class="table-row"
      role="row"
      aria-rowindex={index + 2}
      style={{ transform: `translateY(${start}px)` }}
      tabIndex={-1}
    >
      {columns.map((column) => (
        <div key={column.id} role="cell" class={classOf(column)}>
          {column.cell(row)}
        </div>
      ))}
    </div>
  );
}

interface HeadProps<R> {
  readonly column: Column<R>;
  readonly order: Order;
  readonly sort: (sort: string) => void;
}

function Head<R>({ column, order, sort }: HeadProps<R>) {
  const { id, title, sortable = true } = column;
  const current = order.by === id;
  const direction = order.descending ? 'descending' : 'ascending';
  return (
    <div role="columnheader" class={classOf(column)} aria-sort={current ? direction : 'none'} tabIndex={-1}>
      {sortable ? (
        <button type="button" class="plain" onClick={() => sort(current && !order.descending ? `-${id}` : id)}>
          {title}
          <span class="sort" aria-hidden="true">
            {current ? (order.descending ? '▾' : '▴') : ''}
          </span>
        </button>
      ) : (
        title
      )}
    </div>
  );
}

function classOf({ end, minor }: { end?: boolean; minor?: boolean }): string {
  return `cell${end ? ' end' : ''}${minor ? ' minor' : ''}`;
}

function useVirtual(scroller: { current: HTMLDivElement | null }, count: number) {
  const [, again] = useReducer((n: number) => n + 1, 0);
  const options = {
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: OVERSCAN,
    observeElementRect,
    observeElementOffset,
    scrollToFn: elementScroll,
    onChange: () => again(undefined as never),
  };
  const [virtual] = useState(() => new Virtualizer<HTMLDivElement, Element>(options));
  virtual.setOptions(options);
  useLayoutEffect(() => virtual._didMount(), []);
  useLayoutEffect(() => virtual._willUpdate());
  return virtual;
}
