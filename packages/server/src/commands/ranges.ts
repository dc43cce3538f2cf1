import {
  type Block,
  type Fleet,
  formatInterval,
  type Interval,
  key,
  PortolanError,
  type Position,
  type Protocol,
  type Range,
} from '@portolan/model';
import type { Executor } from '../executor.ts';
import { alternative, put } from './entries.ts';

/** What operators lay down: ranges and blocked ports. */
export class Ranges {
  readonly #executor: Executor;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  get #fleet(): Fleet {
    return this.#executor.fleet;
  }

  /** @throws PortolanError `range-overlap`: a port is in one range only, else its owner is not clear */
  set(range: Range): Promise<{ range: Range; created: boolean; position: Position }> {
    return this.#executor.execute(() => {
      const before = this.#fleet.get('range', key.range(range.name));
      const others = Array.from(this.#fleet.all('range')).filter(({ value }) => value.name !== range.name);
      const overlapping = others.find(({ value }) => range.from <= value.to && value.from <= range.to);
      if (overlapping) throw overlap(range, overlapping.value);
      const only = alternative({
        conditions: [
          { key: key.range(range.name), version: before?.version ?? null },
          { key: key.guard('ranges'), version: this.#fleet.version('guard', key.guard('ranges')) },
        ],
        // Every new range writes the guard, so that two at once cannot both pass the check for overlap.
        puts: [put<'range'>(key.range(range.name), range), put<'guard'>(key.guard('ranges'), { by: range.name })],
      });
      return { alternatives: [only], answer: ({ position }) => ({ range, created: !before, position }) };
    });
  }

  /** Assignments inside the range stand; only where the next one comes from changes. */
  remove(name: string): Promise<{ range: Range; position: Position }> {
    return this.#executor.execute(() => {
      const range = this.#fleet.get('range', key.range(name));
      if (!range) throw new PortolanError('unknown-range', `there is no range named ${name}`);
      const only = alternative({ conditions: [{ key: range.key, version: range.version }], deletes: [range.key] });
      return { alternatives: [only], answer: ({ position }) => ({ range: range.value, position }) };
    });
  }

  block(block: Block): Promise<{ block: Block; position: Position }> {
    return this.#executor.execute(() => ({
      alternatives: [alternative({ puts: [put<'block'>(key.block(block), block)] })],
      answer: ({ position }) => ({ block, position }),
    }));
  }

  unblock(interval: Interval, protocol: Protocol | null): Promise<{ block: Block; position: Position }> {
    return this.#executor.execute(() => {
      const block = this.#fleet.get('block', key.block({ ...interval, protocol }));
      if (!block) {
        const blocks = Array.from(this.#fleet.all('block'), ({ value }) => formatInterval(value));
        const known = blocks.length > 0 ? `; blocked are ${blocks.join(', ')}` : '';
        throw new PortolanError('not-found', `no block covers exactly ${formatInterval(interval)}${known}`, { blocks });
      }
      const only = alternative({ conditions: [{ key: block.key, version: block.version }], deletes: [block.key] });
      return { alternatives: [only], answer: ({ position }) => ({ block: block.value, position }) };
    });
  }
}

function overlap(range: Range, other: Range): PortolanError {
  return new PortolanError(
    'range-overlap',
    `${range.name} (${formatInterval(range)}) overlaps the range ${other.name} (${formatInterval(other)}); choose other ends, or remove ${other.name} first`,
    { range: other.name, from: other.from, to: other.to },
  );
}
