import { declaredParty, type Finding, Fleet, key } from '@portolan/model';
import { expect, test } from 'vitest';
import { forgotten } from './findings.ts';

let at = Date.parse('2026-11-30T00:00:00.000Z');
function resolved(project: string, n: number, note?: Finding['note']): Finding {
  const endpoint = { project, service: `s${n}`, label: 'default', instance: 1 };
  const time = new Date(at++).toISOString();
  return {
    id: `lost-assignment:tcp:${project}/s${n}:default`,
    kind: 'lost-assignment',
    severity: 'error',
    class: null,
    maskedBy: null,
    protocol: 'tcp',
    port: 5000,
    parties: [declaredParty(`${project}/s${n}`, { endpoint, place: null, since: null })],
    summary: '',
    remedies: [],
    state: 'resolved',
    firstSeen: time,
    lastChanged: time,
    ...(note && { note }),
  };
}

test('who has many findings that are resolved pushes out neither those of others nor what has a note', () => {
  const note = { text: 'known', assignee: null, by: 'ada', at: '2026-11-30T00:00:00.000Z' };
  const findings = [
    resolved('junk', 9_999, note),
    ...Array.from({ length: 10 }, (_, n) => resolved('shop', n)),
    ...Array.from({ length: 3_000 }, (_, n) => resolved('junk', n)),
  ];
  const fleet = new Fleet();
  const puts = findings.map((finding) => ({ key: key.finding(finding.id), value: '', decoded: finding }));
  fleet.apply([{ position: '1-1', revision: 1, epoch: 1, puts, deletes: [] }]);
  const gone = forgotten(fleet, []);
  expect(gone).toHaveLength(2_010);
  expect(gone[0]).toBe(key.finding('lost-assignment:tcp:junk/s0:default'));
  expect(gone.filter((each) => each.includes('shop') || each.includes('s9999'))).toEqual([]);
});
