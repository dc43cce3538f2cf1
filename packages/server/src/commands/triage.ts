import { type Finding, type FindingNote, key, PortolanError } from '@portolan/model';
import type { Executor } from '../executor.ts';
import { alternative, put } from './entries.ts';

/** What people say of findings: that one was seen, that it was not after all, and what they know of it. */
export class Triage {
  readonly #executor: Executor;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /** @throws PortolanError `not-found` */
  acknowledge(id: string): Promise<Finding> {
    return this.#change(id, (finding) => (finding.state === 'open' ? { ...finding, state: 'acknowledged' } : finding));
  }

  /** Only what was acknowledged: what is resolved has gone, and opens by itself if it comes back. */
  reopen(id: string): Promise<Finding> {
    return this.#change(id, (finding) => (finding.state === 'acknowledged' ? { ...finding, state: 'open' } : finding));
  }

  /** @param note `null` takes away the one that is there */
  annotate(id: string, note: Pick<FindingNote, 'text' | 'assignee'> | null, by: string): Promise<Finding> {
    return this.#change(id, (finding) => {
      const { note: before, ...rest } = finding;
      if (note === null) return before ? rest : finding;
      if (before?.text === note.text && before.assignee === note.assignee) return finding;
      return { ...finding, note: { ...note, by, at: new Date().toISOString() } };
    });
  }

  #change(id: string, change: (finding: Finding) => Finding): Promise<Finding> {
    return this.#executor.execute<Finding>(() => {
      const held = this.#executor.fleet.get('finding', key.finding(id));
      if (!held) throw new PortolanError('not-found', `there is no finding ${id}`);
      const changed = change(held.value);
      if (changed === held.value) return { result: changed };
      const finding = { ...changed, lastChanged: new Date().toISOString() };
      const only = alternative({
        conditions: [{ key: held.key, version: held.version }],
        puts: [put<'finding'>(held.key, finding)],
      });
      return { alternatives: [only], answer: () => finding };
    });
  }
}
