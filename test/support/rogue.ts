import { createSocket } from 'node:dgram';
import { createSigningKey, keySeals, type SheetCluster, type SigningKey, startSheetCluster } from '@portolan/gossip';
import { GossipAccess } from '@portolan/model';
import { encodeMessage } from '../../packages/gossip/src/wire/codec.ts';
import { Keyring } from '../../packages/gossip/src/wire/keyring.ts';
import type { PacketMessage } from '../../packages/gossip/src/wire/message.ts';
import { sealPacket } from '../../packages/gossip/src/wire/packet.ts';

/** A member of gossip whose machine was taken over: it has what an agent's token gets, and says whatever it likes. */
export interface Rogue {
  readonly cluster: SheetCluster;
  /** What it signs with: everything. */
  readonly key: SigningKey;
  /** Says something in a packet of its own to a member. */
  say(to: string, message: PacketMessage): Promise<void>;
  stop(): Promise<void>;
}

/** @param token of an agent */
export async function startRogue(
  url: string,
  token: string,
  { name, tags = {} }: { name: string; tags?: Record<string, string> },
): Promise<Rogue> {
  const response = await fetch(`${url}/v1/gossip`, { headers: { authorization: `Bearer ${token}` } });
  const { label, keys, seeds } = GossipAccess.parse(await response.json());
  const key = createSigningKey();
  const cluster = await startSheetCluster({
    name,
    host: '127.0.0.1',
    ports: [0],
    profile: 'local',
    label,
    keyring: keys,
    tags: { kind: 'portolan', role: 'agent', host: name, version: '1', ...tags },
    kindTag: 'kind',
    sheets: {
      seals: keySeals(
        () => key,
        () => undefined,
      ),
    },
  });
  await cluster.gossip.join(seeds);
  const keyring = new Keyring(keys.map((each) => Buffer.from(each, 'base64')));
  return {
    cluster,
    key,
    async say(to, message) {
      const { address } = cluster.gossip.member(to)!;
      const options = { label, keyring, compress: false, verifyOutgoing: true, checksum: true };
      const packet = sealPacket([encodeMessage(message)], options);
      const socket = createSocket('udp4');
      await new Promise<void>((resolve, reject) => {
        socket.send(packet, address.port, address.host, (error) => (error ? reject(error) : resolve()));
      });
      socket.close();
    },
    stop: () => cluster.gossip.stop(),
  };
}
