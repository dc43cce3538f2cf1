import { WireError } from './error.ts';
import { bool, bytes, type Kind, nullable, optional, string, u16, u32, u64, word } from './kinds.ts';
import { NODE_BYTES, NODES_LIMIT, STATE_LIMIT } from './limits.ts';
import type {
  Ack,
  Alive,
  Dead,
  IndirectPing,
  Message,
  Nack,
  NodeState,
  PacketMessage,
  Ping,
  PushPull,
  Source,
  StreamError,
  StreamMessage,
  Suspect,
} from './message.ts';
import { Reader, Writer } from './msgpack.ts';
import { type Fields, record } from './record.ts';
import { vsn } from './vsn.ts';

/** The first byte of a message, and of what messages travel in. */
export const TYPE = {
  ping: 0,
  indirectPing: 1,
  ack: 2,
  suspect: 3,
  alive: 4,
  dead: 5,
  pushPull: 6,
  compound: 7,
  user: 8,
  compressed: 9,
  encrypted: 10,
  nack: 11,
  checksum: 12,
  error: 13,
  label: 244,
} as const;

const source: Fields<Source> = {
  sourceAddr: optional(bytes),
  sourcePort: optional(u16),
  sourceNode: optional(string),
};

/** The messages that are one record each. */
const RECORDS = {
  ping: message<Ping>('ping', { seqNo: u32, node: string, ...source }),
  indirectPing: message<IndirectPing>('indirectPing', {
    seqNo: u32,
    target: bytes,
    port: u16,
    node: string,
    nack: bool,
    ...source,
  }),
  ack: message<Ack>('ack', { seqNo: u32, payload: nullable(bytes) }),
  nack: message<Nack>('nack', { seqNo: u32 }),
  suspect: message<Suspect>('suspect', { incarnation: u32, node: string, from: string }),
  alive: message<Alive>('alive', { incarnation: u32, node: string, addr: bytes, port: u16, meta: bytes, vsn }),
  dead: message<Dead>('dead', { incarnation: u32, node: string, from: string }),
  error: message<StreamError>('error', { error: string }),
};

const stateHeader = record<{ nodes: number; userStateLen: number; join: boolean }>({
  nodes: u64,
  userStateLen: u64,
  join: bool,
});

const nodeState = record<NodeState>({
  name: string,
  addr: bytes,
  port: u16,
  meta: bytes,
  incarnation: u32,
  state: word(['alive', 'suspect', 'dead', 'left']),
  vsn,
});

const userHeader = record<{ userMsgLen: number }>({ userMsgLen: u64 });

const writer = new Writer();

/** A message with its type byte, as it stands in a packet; a whole state as it stands in a stream. */
export function encodeMessage(message: Message): Uint8Array {
  writer.reset();
  writer.byte(TYPE[message.type]);
  if (message.type === 'user') writer.append(message.payload);
  else if (message.type === 'pushPull') writeState(message);
  else (RECORDS[message.type] as Kind<Message>).write(writer, message);
  return writer.finish();
}

/**
 * A message as it stands in a stream, where a user message tells its length.
 *
 * @throws WireError for what no reader would take: more than 20 MiB of user state or user message
 */
export function encodeStreamMessage(message: StreamMessage): Uint8Array {
  if (message.type !== 'user') return encodeMessage(message);
  if (message.payload.length > STATE_LIMIT) throw tooLarge(`a user message of ${message.payload.length} bytes`);
  writer.reset();
  writer.byte(TYPE.user);
  userHeader.write(writer, { userMsgLen: message.payload.length });
  writer.append(message.payload);
  return writer.finish();
}

/**
 * Reads one message of a packet. What follows its end is not looked at, as in the reference.
 *
 * @param bytes from its type byte on; its own afterwards, for what is given are copies
 */
export function decodeMessage(bytes: Uint8Array): PacketMessage {
  const reader = new Reader(bytes, 1);
  switch (typeOf(bytes)) {
    case TYPE.ping:
      return RECORDS.ping.read(reader);
    case TYPE.indirectPing:
      return RECORDS.indirectPing.read(reader);
    case TYPE.ack:
      return RECORDS.ack.read(reader);
    case TYPE.nack:
      return RECORDS.nack.read(reader);
    case TYPE.suspect:
      return RECORDS.suspect.read(reader);
    case TYPE.alive:
      return RECORDS.alive.read(reader);
    case TYPE.dead:
      return RECORDS.dead.read(reader);
    case TYPE.user:
      return { type: 'user', payload: reader.take(reader.left) };
    default:
      throw unknownType(bytes, 'a packet');
  }
}

/** Reads one message of a stream, in the manner of {@link decodeMessage}. */
export function decodeStreamMessage(bytes: Uint8Array): StreamMessage {
  const reader = new Reader(bytes, 1);
  switch (typeOf(bytes)) {
    case TYPE.ping:
      return RECORDS.ping.read(reader);
    case TYPE.ack:
      return RECORDS.ack.read(reader);
    case TYPE.error:
      return RECORDS.error.read(reader);
    case TYPE.pushPull:
      return readState(reader);
    case TYPE.user:
      return { type: 'user', payload: reader.take(readUserHeader(reader)) };
    default:
      throw unknownType(bytes, 'a stream');
  }
}

/** @returns the length of a state's list of nodes in items, and of its user state in bytes */
export function readStateHeader(reader: Reader): { nodes: number; userStateLen: number; join: boolean } {
  const header = stateHeader.read(reader);
  if (header.nodes > NODES_LIMIT) throw tooLarge(`a state of ${header.nodes} nodes`, `${NODES_LIMIT} nodes`);
  if (header.userStateLen > STATE_LIMIT) throw tooLarge(`a user state of ${header.userStateLen} bytes`);
  return header;
}

/** @returns the length of a stream's user message, in bytes */
export function readUserHeader(reader: Reader): number {
  const { userMsgLen } = userHeader.read(reader);
  if (userMsgLen > STATE_LIMIT) throw tooLarge(`a user message of ${userMsgLen} bytes`);
  return userMsgLen;
}

/** The first byte of what came. */
export function typeOf(bytes: Uint8Array): number {
  const [type] = bytes;
  if (type === undefined) throw new WireError('truncated', 'it is empty');
  return type;
}

export function unknownType(bytes: Uint8Array, where: string): WireError {
  return new WireError('unknown-type', `${where} cannot hold a message of type ${bytes[0]}`);
}

function readState(reader: Reader): PushPull {
  const { nodes: count, userStateLen, join } = readStateHeader(reader);
  if (count * NODE_BYTES + userStateLen > reader.left) {
    throw new WireError(
      'truncated',
      `a state of ${count} nodes and ${userStateLen} bytes of user state ends too early`,
    );
  }
  const nodes: NodeState[] = [];
  for (let i = 0; i < count; i++) nodes.push(nodeState.read(reader));
  return { type: 'pushPull', join, nodes, userState: reader.take(userStateLen) };
}

function writeState({ join, nodes, userState }: PushPull): void {
  if (userState.length > STATE_LIMIT) throw tooLarge(`a user state of ${userState.length} bytes`);
  if (nodes.length > NODES_LIMIT) throw tooLarge(`a state of ${nodes.length} nodes`, `${NODES_LIMIT} nodes`);
  stateHeader.write(writer, { join, nodes: nodes.length, userStateLen: userState.length });
  for (const node of nodes) nodeState.write(writer, node);
  writer.append(userState);
}

function tooLarge(what: string, limit = `${STATE_LIMIT} bytes`): WireError {
  return new WireError('too-large', `${what} is too much, the most is ${limit}`);
}

function message<M extends { readonly type: string }>(type: M['type'], fields: Fields<Omit<M, 'type'>>): Kind<M> {
  return record<Omit<M, 'type'>, { type: M['type'] }>(fields, { constants: { type } }) as unknown as Kind<M>;
}
