import type { Finding, StreamEvent } from '@portolan/model';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { age, frame } from './frame.ts';
import { View } from './view.ts';

const NOW = Date.parse('2026-11-21T12:00:00.000Z');
const bare = {
  columns: 100,
  rows: 30,
  url: 'http://127.0.0.1:7678',
  now: NOW,
  paint: (_: unknown, text: string) => text,
};

describe('a frame', () => {
  test('shows the heaviest findings first, and the newest of those', () => {
    const view = loaded([
      finding('a', { severity: 'warning', firstSeen: '2026-11-21T11:59:50.000Z' }),
      finding('b', { severity: 'error', firstSeen: '2026-11-21T11:00:00.000Z' }),
      finding('c', { severity: 'error', firstSeen: '2026-11-21T11:58:00.000Z' }),
      finding('d', { severity: 'error', state: 'resolved' }),
    ]);
    const text = frame(view, bare).join('\n');
    expect(text).toContain('2 errors, 1 warning');
    expect(text.match(/of [abcd]$/gm)).toEqual(['of c', 'of b', 'of a']);
    expect(text).toContain('  2m  active collision: of c');
  });

  test('says since when it is stale, until the stream stands again', () => {
    const view = loaded([]);
    view.lost(NOW - 75_000);
    view.lost(NOW - 5_000);
    expect(frame(view, bare)[0]).toContain('as of 1m ago');
    view.take({ type: 'synced' }, NOW);
    expect(frame(view, bare).join('\n')).not.toContain('lost');
  });

  test('says what the coordinator says of itself: a dead store, and who is gone', () => {
    const view = loaded([]);
    const since = new Date(NOW - 75_000).toISOString();
    const k2 = { id: 'k2', host: 'k2', api: 'https://k2:7678', version: '1', startedAt: since, stateSince: since };
    view.readiness = {
      coordinator: 'k1',
      at: since,
      store: { reachable: false, since },
      copy: { current: true, freshAt: since },
      leader: { coordinator: 'k1', since },
      coordinators: [{ ...k2, state: 'missing' }],
    };
    expect(frame(view, bare).slice(0, 2)).toEqual([
      ' The store is unreachable. This is as of 1m ago. Nothing can be reserved. ',
      ' Coordinator k2 (https://k2:7678) was last seen 1m ago. ',
    ]);
    view.readiness = { ...view.readiness, store: { reachable: true, since }, coordinators: [] };
    expect(frame(view, bare).join('\n')).not.toContain('as of');
  });

  test('begins anew after a reset', () => {
    const view = loaded([finding('a')]);
    view.take({ type: 'reset', reason: 'slow' }, NOW);
    expect(frame(view, bare).join('\n')).toContain('Reading the fleet');
    expect(frame(view, bare).join('\n')).not.toContain('Nothing is wrong');
    expect(view.standing()).toEqual([]);
  });

  test('fits every screen, whatever is in it', () => {
    const names = fc.string({ unit: 'grapheme', maxLength: 200 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(names, { maxLength: 40 }),
        (columns, rows, summaries) => {
          const view = loaded(summaries.map((summary, i) => finding(`${i}`, { summary })));
          const lines = frame(view, { ...bare, columns, rows });
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
          // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
          expect(lines.join('')).not.toMatch(/[\u0000-\u001f]/);
        },
      ),
    );
  });
});

test('the rate counts the changes of the last minute', () => {
  const view = loaded([]);
  for (let i = 0; i < 120; i++) {
    view.take({ type: 'change', events: [put('x', finding('x'))], position: '1-1' }, NOW - i * 1000);
  }
  expect(view.rate(NOW)).toBeCloseTo(1, 1);
});

test('ages are short', () => {
  expect([0, 59_000, 61_000, 3_700_000, 90_000_000].map(age)).toEqual(['0s', '59s', '1m', '1h', '1d']);
});

function loaded(findings: readonly Finding[]): View {
  const view = new View();
  view.take({ type: 'snapshot', entries: findings.map((each) => put(each.id, each)) }, NOW);
  view.take({ type: 'synced' }, NOW);
  return view;
}

function put(id: string, value: Finding): StreamEvent {
  return { op: 'put', topic: 'finding', key: `finding/${id}`, value, version: '1.1' };
}

function finding(id: string, over: Partial<Finding> = {}): Finding {
  return {
    id,
    kind: 'collision',
    severity: 'error',
    class: 'active',
    maskedBy: null,
    protocol: 'tcp',
    port: 3026,
    parties: [],
    summary: `of ${id}`,
    remedies: [],
    state: 'open',
    firstSeen: '2026-11-21T11:00:00.000Z',
    lastChanged: '2026-11-21T11:00:00.000Z',
    ...over,
  };
}
