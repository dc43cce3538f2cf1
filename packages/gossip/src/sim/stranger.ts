import { addressBytes } from '../core/address.ts';
import type { Member } from '../core/member.ts';
import { BARE_VERSIONS } from '../core/versions.ts';
import type { Address, Receiver, Transport } from '../transport.ts';
import { encodeMessage, encodeStreamMessage } from '../wire/codec.ts';
import type { Alive, NodeState, PacketMessage, PushPull, StreamMessage } from '../wire/message.ts';
import { type OpenOptions, openPacket, type SealOptions, sealPacket } from '../wire/packet.ts';
import { measureStream, openStream, sealStream } from '../wire/stream.ts';
import type { Simulation } from './simulation.ts';

const PLAIN: SealOptions & OpenOptions = {
  label: '',
  keyring: null,
  compress: false,
  verifyOutgoing: true,
  verifyIncoming: true,
};

/** Somebody on the network who says just what he is told to, and remembers what is said to him. */
export class Stranger {
  readonly name: string;
  readonly address: Address;
  readonly heard: PacketMessage[] = [];
  /** The packets as they came. */
  readonly packets: Uint8Array[] = [];
  /** What he answers at once. */
  reply: (message: PacketMessage) => PacketMessage | null = () => null;
  replyToStream: (message: StreamMessage) => StreamMessage | null = () => null;
  readonly #transport: Transport;
  readonly #security: SealOptions & OpenOptions;

  constructor(simulation: Simulation, host: string, security: Partial<SealOptions & OpenOptions> = {}) {
    this.name = `stranger-${host}`;
    this.address = { host, port: 7946 };
    this.#security = { ...PLAIN, ...security };
    this.#transport = simulation.createWorld(this.address).transport;
    const receiver: Receiver = {
      packet: (bytes) => this.#hear(bytes),
      measure: () => measureStream({ ...this.#security, dialling: false }),
      request: (bytes) => this.#answer(bytes),
    };
    this.#transport.receive(receiver);
  }

  /** What he tells of himself. */
  alive(change: Partial<Alive> = {}): Alive {
    return {
      type: 'alive',
      node: this.name,
      incarnation: 1,
      addr: addressBytes(this.address.host),
      port: this.address.port,
      meta: new Uint8Array(0),
      vsn: BARE_VERSIONS,
      ...change,
    };
  }

  state(change: Partial<NodeState> = {}): NodeState {
    const { node, incarnation, addr, port, meta, vsn } = this.alive();
    return { name: node, incarnation, addr, port, meta, vsn, state: 'alive', ...change };
  }

  say(to: Pick<Member, 'address'>, ...messages: PacketMessage[]): void {
    this.sayBytes(to, sealPacket(messages.map(encodeMessage), { ...this.#security, checksum: false }));
  }

  sayBytes({ address }: Pick<Member, 'address'>, packet: Uint8Array): void {
    this.#transport.send(packet, address);
  }

  async ask({ address }: Pick<Member, 'address'>, message: StreamMessage): Promise<StreamMessage> {
    const side = { ...this.#security, dialling: true };
    const request = sealStream(encodeStreamMessage(message), side);
    return openStream(await this.#transport.exchange(address, request, measureStream(side), 10_000), side);
  }

  /** Sends bytes by a stream. @returns what came back, or what went wrong */
  async shout({ address }: Pick<Member, 'address'>, bytes: Uint8Array): Promise<StreamMessage | Error> {
    const side = { ...this.#security, dialling: true };
    try {
      return openStream(await this.#transport.exchange(address, bytes, measureStream(side), 1_000), side);
    } catch (error) {
      return error as Error;
    }
  }

  /** Exchanges states: he knows of these. */
  async pushPull(to: Pick<Member, 'address'>, nodes: readonly NodeState[], join = false): Promise<PushPull> {
    const answer = await this.ask(to, { type: 'pushPull', join, nodes, userState: new Uint8Array(0) });
    if (answer.type !== 'pushPull') throw new Error(`answered with ${JSON.stringify(answer)}`);
    return answer;
  }

  /** What was said to him of one type. */
  of<Type extends PacketMessage['type']>(type: Type): Extract<PacketMessage, { type: Type }>[] {
    return this.heard.filter((message): message is Extract<PacketMessage, { type: Type }> => message.type === type);
  }

  #hear(bytes: Uint8Array): void {
    this.packets.push(bytes);
    for (const message of openPacket(bytes, this.#security)) {
      this.heard.push(message);
      const reply = this.reply(message);
      if (reply && 'sourcePort' in message && message.sourceAddr && message.sourcePort) {
        this.say({ address: { host: message.sourceAddr.join('.'), port: message.sourcePort } }, reply);
      }
    }
  }

  #answer(bytes: Uint8Array | Error): Uint8Array | null {
    if (bytes instanceof Error) return null;
    const side = { ...this.#security, dialling: false };
    const reply = this.replyToStream(openStream(bytes, side));
    return reply && sealStream(encodeStreamMessage(reply), side);
  }
}
