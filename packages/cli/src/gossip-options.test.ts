import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type GossipChoice, gossiping, gossipOf } from './gossip-options.ts';

const KEY = 'pT1k0cVbJcY4V0Jg3mB0oQ==';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'portolan-gossip-options-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true });
});

function read(...args: string[]) {
  const command = gossiping(new Command('x'))
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return gossipOf(command.parse(args, { from: 'user' }).opts<GossipChoice>());
}

test('without options it gossips on this machine, with what the coordinator tells', () => {
  expect(read()).toEqual({ host: undefined, port: undefined, advertise: undefined, join: undefined, keys: undefined });
  expect(read('--no-gossip')).toBeUndefined();
});

test('members are named with their port, or have the usual one', () => {
  expect(read('--join', '10.0.0.5:7000', '--join', 'ports.example.net')?.join).toEqual([
    '10.0.0.5:7000',
    'ports.example.net:7679',
  ]);
  vi.stubEnv('PORTOLAN_JOIN', '10.0.0.5:7000, [2001:db8::5]:7679');
  expect(read()?.join).toEqual(['10.0.0.5:7000', '[2001:db8::5]:7679']);
  expect(read('--join', 'a:1')?.join, 'a flag beats the environment').toEqual(['a:1']);
  expect(() => read('--join', 'a b:1')).toThrow(/host:port/);
  vi.stubEnv('PORTOLAN_JOIN', 'a:b:c');
  expect(() => read()).toThrow(/PORTOLAN_JOIN is "a:b:c"/);
});

test('keys come from a file or the environment, and one that is none is refused without being told', async () => {
  const file = join(directory, 'keys');
  await writeFile(file, `${KEY}\n${KEY}\n`);
  expect(read('--gossip-key', file)?.keys).toEqual([KEY, KEY]);
  vi.stubEnv('PORTOLAN_GOSSIP_KEY', KEY);
  expect(read()?.keys).toEqual([KEY]);
  vi.stubEnv('PORTOLAN_GOSSIP_KEY', 'a-secret-that-is-no-key');
  expect(() => read()).toThrow(/PORTOLAN_GOSSIP_KEY: a key is 16, 24 or 32 random bytes/);
  expect(() => read()).not.toThrow(/a-secret/);
  expect(() => read('--gossip-key', join(directory, 'none'))).toThrow(/cannot be read/);
  await writeFile(file, '\n');
  expect(() => read('--gossip-key', file)).toThrow(/has no key in it/);
});

test('an address to be reached at may name a port', () => {
  expect(read('--gossip-advertise', '192.0.2.5')?.advertise).toEqual({ host: '192.0.2.5', port: 0 });
  expect(read('--gossip-advertise', '[2001:db8::5]:7000')?.advertise).toEqual({ host: '2001:db8::5', port: 7000 });
  expect(() => read('--gossip-advertise', 'a:b:c')).toThrow(/host or host:port/);
});

test('the address to gossip on is one, and no name', () => {
  for (const address of ['10.0.0.5', '0.0.0.0', '::1']) expect(read('--gossip-host', address)?.host).toBe(address);
  for (const text of ['localhost', 'bad..host', '10.0.0.5:7679', '']) {
    expect(() => read('--gossip-host', text), text).toThrow(/an IP address of this machine/);
  }
});
