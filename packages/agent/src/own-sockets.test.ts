import type { Listener } from '@portolan/model';
import { expect, test } from 'vitest';
import { markOwn, type OwnPlaces } from './own-sockets.ts';

const places: OwnPlaces = {
  coordinators: ['http://127.0.0.1:7678'],
  localUrl: 'http://127.0.0.1:7677',
  addresses: ['10.1.2.3'],
};
const PID = 100;
const COORDINATOR = 'node /opt/portolan/bin/portolan.js server --port 7678';

function listener(port: number, pid: number, commandLine: string, more: Partial<Listener> = {}): Listener {
  const uid = process.geteuid?.() ?? 0;
  return {
    ...{ protocol: 'tcp', address: '127.0.0.1', port, netns: 'host', v6only: false, socket: `${port}` },
    process: { pid, startedAt: 1, uid, user: 'ada', command: 'node', commandLine, cwd: '/' },
    container: null,
    identity: null,
    since: '2026-01-01T00:00:00.000Z',
    ...more,
  };
}

const named = (listeners: readonly Listener[], at: Partial<OwnPlaces> = {}) =>
  markOwn(listeners, { ...places, ...at }, PID).map(({ identity }) =>
    identity ? [identity.service, identity.label] : null,
  );

test("the agent's sockets are its own, and those of the coordinator that it reports to the coordinator's", () => {
  const seen = [
    listener(7677, PID, 'agent'),
    listener(7679, PID, 'agent', { protocol: 'udp' }),
    listener(7678, 200, COORDINATOR),
    listener(7680, 200, COORDINATOR, { protocol: 'udp' }),
    listener(3000, 300, 'node server.js'),
  ];
  const expected = [
    ['portolan/agent', 'local-api'],
    ['portolan/agent', null],
    ['portolan/coordinator', 'http'],
    ['portolan/coordinator', null],
    null,
  ];
  expect(named(seen)).toEqual(expected);
  expect(named(seen, { coordinators: ['http://10.9.9.9:1', 'http://10.1.2.3:7678'] })).toEqual(expected);
  expect(markOwn(seen, places, PID)[2]?.identity?.evidence.own).toBe(true);
});

test('of one process that is both, the port that is reported to is the coordinator', () => {
  expect(named([listener(7678, PID, 'portolan up'), listener(7677, PID, 'portolan up')])).toEqual([
    ['portolan/coordinator', 'http'],
    ['portolan/agent', 'local-api'],
  ]);
});

test('nobody is believed for a name: on another port, as another user, elsewhere, or on the port under another name', () => {
  for (const [seen, at] of [
    [listener(9999, 200, COORDINATOR), {}],
    [listener(7678, 200, COORDINATOR, { process: { ...listener(7678, 200, COORDINATOR).process!, uid: 4242 } }), {}],
    [listener(7678, 200, COORDINATOR), { coordinators: ['http://10.9.9.9:7678'] }],
    [listener(7678, 200, COORDINATOR), { coordinators: [] }],
    [listener(7678, 200, 'python3 -m http.server 7678'), {}],
    [listener(7678, 200, COORDINATOR, { netns: 'net:[4026532281]' }), {}],
  ] as const) {
    expect(named([seen], at)).toEqual([null]);
  }
});
