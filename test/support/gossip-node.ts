// A node of a cluster as a process of its own, so that a test can kill it: told by lines of JSON what to do.
import { createInterface } from 'node:readline';
import { type GossipOptions, startGossip } from '@portolan/gossip';
import type { Order, Said } from './gossip-process.ts';

const say = (said: Said) => process.stdout.write(`${JSON.stringify(said)}\n`);
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const bytes = (value: string) => new TextEncoder().encode(value);

const options = JSON.parse(process.argv[2] as string) as GossipOptions;
const gossip = await startGossip({
  ...options,
  log: (level, line) => process.stderr.write(`${level} ${line}\n`),
  delegate: {
    event(event) {
      if (event.type === 'user-event') say({ event: event.type, what: `${event.name} ${text(event.payload)}` });
      else if (event.type === 'query')
        event.question.answer(bytes(`${options.name} heard ${text(event.question.payload)}`));
      else if (event.type === 'keys') say({ event: event.type, what: event.keys.join(' ') });
      else if (event.type === 'conflict') say({ event: event.type, what: `${event.name} ${event.lost}` });
      else say({ event: event.type, what: event.member.name });
    },
    message: (payload, from) => say({ event: 'message', what: `${from} ${text(payload)}` }),
  },
});
process.on(
  'SIGTERM',
  () =>
    void gossip
      .leave()
      .then(() => gossip.stop())
      .then(() => process.exit()),
);

const orders: Record<Order['do'], (...args: string[]) => unknown> = {
  join: (...seeds) => gossip.join(seeds),
  members: () => gossip.members().map(({ name, status, tags }) => ({ name, status, tags })),
  tag: (name, value) => gossip.setTags({ ...options.tags, [name as string]: value as string }),
  broadcast: (payload) => gossip.broadcast(bytes(payload as string)),
  send: (to, payload) => gossip.send(to as string, bytes(payload as string)),
  event: (name, payload) => gossip.userEvent(name as string, bytes(payload as string)),
  query: async (name, payload) => {
    const { acks, answers } = await gossip.query(name as string, bytes(payload as string), { acknowledge: true });
    return { acks, answers: answers.map((answer) => ({ from: answer.from, payload: text(answer.payload) })) };
  },
  keys: (action, key) => (action === 'list' ? gossip.keys.list() : gossip.keys[action as 'use'](key as string)),
  remove: (name) => gossip.removeFailed(name as string),
  metrics: () => gossip.metrics(),
};

for await (const line of createInterface(process.stdin)) {
  const { id, do: what, with: args } = JSON.parse(line) as Order;
  Promise.resolve()
    .then(() => orders[what](...args))
    .then((result) => say({ id, result }))
    .catch((error: Error) => say({ id, error: error.message }));
}
