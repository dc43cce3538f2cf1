import { expect, test } from 'vitest';
import { openOn } from './port-field.ts';
import { kernelNotes } from './port-note.ts';

const host = { id: 'h1', name: 'harbour', ephemeral: { from: 32_768, to: 60_999 } };
const field = { intervals: [{ from: 4000, to: 4009 }], avoid: [], name: 'x', order: 'lowest' as const };

test('a port in the ephemeral range says so, and how to keep it from the kernel', () => {
  expect(kernelNotes(host, [29_999, 41_000])).toEqual([
    {
      kind: 'ephemeral',
      ports: [41_000],
      host: 'h1',
      detail:
        '41000 lies in the ephemeral range of harbour (32768-60999): an outgoing connection may take it while nobody ' +
        'listens. Reserve it in the kernel: sysctl -w net.ipv4.ip_local_reserved_ports=41000',
    },
  ]);
});

test('what the kernel has reserved already stays so by the command that is told', () => {
  const reserving = { ...host, kernelReserved: [{ from: 8080, to: 8081 }] };
  expect(kernelNotes(reserving, [41_001, 41_000])[0]?.detail).toContain(
    'ip_local_reserved_ports=8080-8081,41000-41001',
  );
});

test('a port that is reserved in the kernel is taken by no outgoing connection, and is told as reserved', () => {
  const reserving = { ...host, kernelReserved: [{ from: 41_000, to: 41_000 }] };
  expect(kernelNotes(reserving, [41_000]).map(({ kind }) => kind)).toEqual(['kernel-reserved']);
});

test('a host whose kernel nobody could ask makes no notes', () => {
  expect(kernelNotes({ ...host, ephemeral: null }, [41_000])).toEqual([]);
});

test('a search leaves out what is reserved in the kernel, unless that is all there is', () => {
  expect(openOn({ kernelReserved: [{ from: 4000, to: 4004 }] }, field).intervals).toEqual([{ from: 4005, to: 4009 }]);
  expect(openOn({ kernelReserved: [{ from: 3000, to: 5000 }] }, field)).toEqual(field);
});
