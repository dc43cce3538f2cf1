import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { GossipAddress, GossipKey, PortolanError, PublicKey } from '@portolan/model';
import { type Command, InvalidArgumentError } from 'commander';
import { listenPort } from './argument.ts';

export interface GossipChoice {
  gossip: boolean;
  gossipHost?: string;
  gossipPort?: number;
  gossipAdvertise?: { host: string; port: number };
  gossipKey?: string;
  join?: string[];
}

/** Gives a command the options of all that take part in gossip. */
export function gossiping(command: Command): Command {
  return command
    .option('--join <host:port>', 'a member to join; may stand several times (PORTOLAN_JOIN, parted by commas)', seed)
    .option('--gossip-host <address>', 'address to gossip on (default: 127.0.0.1, this machine alone)', ownAddress)
    .option(
      '--gossip-port <port>',
      'port to gossip on, UDP and TCP (default: 7679, else the next free one)',
      listenPort,
    )
    .option('--gossip-advertise <address>', 'where others reach it, as host or host:port', advertised)
    .option('--gossip-key <file>', 'keys, one a line, the one that encrypts first (PORTOLAN_GOSSIP_KEY has the key)')
    .option('--no-gossip', 'take no part in gossip');
}

/** @returns `undefined` for whoever wants no part in it @throws PortolanError `invalid-request` */
export function gossipOf(choice: GossipChoice) {
  if (!choice.gossip) return undefined;
  return {
    host: choice.gossipHost,
    port: choice.gossipPort,
    advertise: choice.gossipAdvertise,
    join: choice.join ?? seedsOf(process.env.PORTOLAN_JOIN),
    keys: keysOf(choice.gossipKey),
  };
}

/** The public key of the coordinators, given by hand. */
export function publicKey(text: string): string {
  const parsed = PublicKey.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InvalidArgumentError(`${parsed.error.issues[0]?.message}; "portolan keys list" shows it.`);
}

function ownAddress(text: string): string {
  if (isIP(text) !== 0) return text;
  throw new InvalidArgumentError('It is an IP address of this machine, such as 10.0.0.5, or 0.0.0.0 for all of them.');
}

function seed(text: string, before: string[] = []): string[] {
  const address = text.includes(':') ? text : `${text}:7679`;
  if (!GossipAddress.safeParse(address).success) throw new InvalidArgumentError('A member is written host:port.');
  return [...before, address];
}

function seedsOf(text: string | undefined): string[] | undefined {
  if (!text) return undefined;
  try {
    return text.split(',').reduce<string[]>((before, each) => seed(each.trim(), before), []);
  } catch {
    throw new PortolanError('invalid-request', `PORTOLAN_JOIN is "${text}": members are written host:port, by commas.`);
  }
}

function advertised(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3] ?? 0);
  if (host === undefined || port > 65_535) throw new InvalidArgumentError('An address is written host or host:port.');
  return { host, port };
}

/** From a file or the environment: a command line is for everybody of the machine to see. */
function keysOf(file: string | undefined): string[] | undefined {
  const text = file === undefined ? process.env.PORTOLAN_GOSSIP_KEY : read(file);
  if (!text) return undefined;
  const keys = text.split(/[\s,]+/).filter(Boolean);
  const where = file ?? 'PORTOLAN_GOSSIP_KEY';
  for (const key of keys) {
    const parsed = GossipKey.safeParse(key);
    if (!parsed.success) throw new PortolanError('invalid-request', `${where}: ${parsed.error.issues[0]?.message}.`);
  }
  if (keys.length === 0) throw new PortolanError('invalid-request', `${where} has no key in it.`);
  return keys;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new PortolanError('invalid-request', `The key file ${file} cannot be read: ${(error as Error).message}.`);
  }
}
