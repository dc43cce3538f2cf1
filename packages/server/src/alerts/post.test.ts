import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { StoredWebhook } from '@portolan/model';
import { expect, test } from 'vitest';
import { sampleEvent } from './payload.ts';
import { send } from './post.ts';
import type { Resolve } from './receiver.ts';

const event = sampleEvent(new Date().toISOString());
const forever = new AbortController().signal;

function webhook(url: string): StoredWebhook {
  return {
    name: 'ops',
    url,
    format: 'json',
    severity: 'info',
    kinds: [],
    secret: 'secret',
    createdAt: event.at,
    createdBy: 'test',
  } as unknown as StoredWebhook;
}

test('nothing is sent to a link-local address, however it is written or whatever name leads to it', async () => {
  const asked: string[] = [];
  const leadingTo =
    (...addresses: string[]): Resolve =>
    (name, _options, found) => {
      asked.push(name);
      found(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    };
  for (const host of [
    '169.254.169.254',
    '[fe80::1]',
    '[::ffff:169.254.169.254]',
    '0.0.0.0',
    '[::]',
    '2852039166',
    '[fd00:ec2::254]',
  ]) {
    const { status, error } = await send(webhook(`http://${host}:9/`), [event], forever, leadingTo('127.0.0.1'));
    expect([host, status, error]).toEqual([host, null, expect.stringMatching(/link-local|no address to send to/)]);
  }
  expect(asked).toEqual([]);
  for (const address of ['169.254.169.254', 'fe80::1', '::ffff:a9fe:a9fe', '0.0.0.0', 'fd00:ec2::254']) {
    // One good address among them does not help: which one is tried is not ours to say.
    const { status, error } = await send(
      webhook('http://ops.example:9/'),
      [event],
      forever,
      leadingTo('127.0.0.1', address),
    );
    expect([address, status, error]).toEqual([
      address,
      null,
      expect.stringMatching(/link-local|no address to send to/),
    ]);
  }
});

test('the connection goes to the address that was looked at, and a name is looked up once', async () => {
  const receiver = createServer((request, response) => {
    request.resume();
    response.writeHead(302, { location: 'http://ada:hidden@elsewhere.example/path?key=hidden#hidden' }).end();
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  const answers = ['127.0.0.1', '169.254.169.254'];
  const rebinding: Resolve = (_name, _options, found) => found(null, [{ address: answers.shift()!, family: 4 }]);
  const { status, error } = await send(webhook(`http://ops.example:${port}/`), [event], forever, rebinding);
  receiver.close();
  expect(answers).toHaveLength(1);
  expect(status).toBe(302);
  expect(error).toBe('the receiver answered 302 (a redirect to http://elsewhere.example/path; not followed)');
});
