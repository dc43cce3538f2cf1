import type { Host } from '@portolan/model';
import * as fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { Prober } from './probe.ts';

const host: Host = {
  ...{
    id: 'h1',
    name: 'harbour',
    addresses: [],
    platform: 'linux',
    agentVersion: '1',
    ephemeral: null,
    blindSpots: [],
  },
  ...{ state: 'alive', stateSince: '2026-11-21T12:00:00Z' },
};

interface Order {
  readonly ports: readonly number[];
}
type Answer = { unavailable: { port: number; reason: string }[] } | undefined;

/** An agent that answers tasks as told. */
function asking(answer: (ports: readonly number[]) => Answer | Promise<Answer>) {
  const give = vi.fn(async (_kind: string, { ports }: Order, _within: number) => answer(ports));
  return { give, prober: new Prober({ give } as unknown as ConstructorParameters<typeof Prober>[0]) };
}

test('what is asked for at once goes to the agent in one task, and each is told of its own ports', async () => {
  const { give, prober } = asking(() => ({ unavailable: [{ port: 4003, reason: 'EADDRINUSE' }] }));
  const ports = Array.from({ length: 20 }, (_, i) => 4000 + i);
  const answers = await Promise.all(ports.map((port) => prober.probe(host, 'tcp', [port])));
  expect(give).toHaveBeenCalledTimes(1);
  expect(answers.map((each) => each?.refused.map(({ port }) => port))).toEqual(
    ports.map((port) => (port === 4003 ? [4003] : [])),
  );
  expect(answers[3]?.refused[0]?.detail).toMatch(/^port 4003 cannot be bound on harbour: another socket there has it/);
});

test('an agent that does not answer keeps nobody waiting twice', async () => {
  const { give, prober } = asking(() => undefined);
  expect(await prober.probe(host, 'tcp', [4000])).toBeUndefined();
  expect(await prober.probe(host, 'tcp', [4001])).toBeUndefined();
  expect(give).toHaveBeenCalledTimes(1);
});

test('a port that the user of the agent may not bind is not taken for one that somebody has', async () => {
  const { prober } = asking(() => ({ unavailable: [{ port: 4000, reason: 'EACCES' }] }));
  expect(await prober.probe(host, 'tcp', [4000])).toEqual({ refused: [], privileged: [4000] });
});

test('however questions come together, each is told of just what the agent refused of its ports', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.uniqueArray(fc.integer({ min: 4000, max: 4300 }), { minLength: 1, maxLength: 70 }), {
        maxLength: 12,
      }),
      fc.uniqueArray(fc.integer({ min: 4000, max: 4300 })),
      async (questions, held) => {
        const { give, prober } = asking((ports) => ({
          unavailable: held.filter((port) => ports.includes(port)).map((port) => ({ port, reason: 'EADDRINUSE' })),
        }));
        const answers = await Promise.all(questions.map((ports) => prober.probe(host, 'tcp', ports)));
        for (const [i, ports] of questions.entries()) {
          const refused = answers[i]?.refused.map(({ port }) => port) ?? [];
          expect(new Set(refused)).toEqual(new Set(ports.filter((port) => held.includes(port))));
        }
        for (const [, { ports }] of give.mock.calls) expect(ports.length).toBeLessThanOrEqual(64);
      },
    ),
  ));
