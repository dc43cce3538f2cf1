import { bool, bytes, type Kind, list, map, nullable, string, u8, u16, u32, u64 } from '../wire/kinds.ts';
import { Reader, Writer } from '../wire/msgpack.ts';
import { record } from '../wire/record.ts';

/** The first byte of a user message: which of Serf's messages it is, or of our own, which Serf does not know. */
export const SERF = {
  leave: 0,
  join: 1,
  state: 2,
  event: 3,
  query: 4,
  answer: 5,
  conflictAnswer: 6,
  keyRequest: 7,
  keyAnswer: 8,
  relay: 9,
  ownBroadcast: 96,
  ownMessage: 97,
} as const;

export interface LeaveIntent {
  readonly lTime: number;
  readonly node: string;
  /** Whether to forget the member altogether. */
  readonly prune: boolean;
}

export interface JoinIntent {
  readonly lTime: number;
  readonly node: string;
}

export interface UserEvent {
  readonly lTime: number;
  readonly name: string;
  readonly payload: Uint8Array;
  /** Whether a later event of this name may stand for it. */
  readonly coalesce: boolean;
}

/** The events of one Lamport time. */
export interface PastEvents {
  readonly lTime: number;
  readonly events: readonly { readonly name: string; readonly payload: Uint8Array }[];
}

/** What goes along with each push/pull. */
export interface SerfState {
  readonly lTime: number;
  /** When the status of each member last changed, by the members' clock. */
  readonly statusLTimes: ReadonlyMap<string, number>;
  readonly leftMembers: readonly string[];
  readonly eventLTime: number;
  readonly events: readonly PastEvents[];
  readonly queryLTime: number;
  /** The application's own; Serf passes over it. */
  readonly appState: Uint8Array;
}

export interface Query {
  readonly lTime: number;
  readonly id: number;
  /** Where the answers go. */
  readonly addr: Uint8Array;
  readonly port: number;
  readonly sourceNode: string;
  readonly filters: readonly Uint8Array[];
  readonly flags: number;
  /** Through how many others each answer goes, too. */
  readonly relayFactor: number;
  /** Nanoseconds. */
  readonly timeout: number;
  readonly name: string;
  readonly payload: Uint8Array;
}

export const QUERY_FLAGS = { acknowledge: 1, keepToYourself: 2 } as const;

export interface Answer {
  readonly lTime: number;
  readonly id: number;
  readonly from: string;
  readonly flags: number;
  readonly payload: Uint8Array;
}

export const ANSWER_FLAGS = { acknowledgement: 1 } as const;

/** Stands before a whole message that is to be passed on. */
export interface RelayHeader {
  readonly destAddr: { readonly ip: Uint8Array; readonly port: number; readonly zone: string };
  readonly destName: string;
}

export interface KeyRequest {
  readonly key: Uint8Array;
}

export interface KeyAnswer {
  readonly result: boolean;
  readonly message: string;
  /** In base64. */
  readonly keys: readonly string[];
  readonly primaryKey: string;
}

/** A member as a node tells of it that was asked about a name conflict. */
export interface MemberRecord {
  readonly name: string;
  readonly addr: Uint8Array;
  readonly port: number;
  readonly tags: ReadonlyMap<string, string>;
  readonly status: number;
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly protocolCur: number;
  readonly delegateMin: number;
  readonly delegateMax: number;
  readonly delegateCur: number;
}

/** Of one origin, which numbers its broadcasts in order. */
export interface OwnHeader {
  readonly origin: string;
  readonly sequence: number;
  /** What it is about; a later one about the same takes its place. Empty for none. */
  readonly key: string;
}

const userEvent = record<UserEvent>(
  { lTime: u64, name: string, payload: bytes, coalesce: bool },
  { names: { coalesce: 'CC' } },
);

const pastEvents = record<PastEvents>({
  lTime: u64,
  events: list(record<PastEvents['events'][number]>({ name: string, payload: bytes })),
});

export const MESSAGES = {
  leave: message(SERF.leave, record<LeaveIntent>({ lTime: u64, node: string, prune: bool })),
  join: message(SERF.join, record<JoinIntent>({ lTime: u64, node: string })),
  state: message(
    SERF.state,
    record<SerfState>({
      lTime: u64,
      statusLTimes: map(u64),
      leftMembers: list(string),
      eventLTime: u64,
      events: sparse(pastEvents),
      queryLTime: u64,
      appState: bytes,
    }),
  ),
  event: message(SERF.event, userEvent),
  query: message(
    SERF.query,
    record<Query>(
      {
        lTime: u64,
        id: u32,
        addr: bytes,
        port: u16,
        sourceNode: string,
        filters: list(bytes),
        flags: u32,
        relayFactor: u8,
        timeout: u64,
        name: string,
        payload: bytes,
      },
      { names: { id: 'ID' } },
    ),
  ),
  answer: message(
    SERF.answer,
    record<Answer>({ lTime: u64, id: u32, from: string, flags: u32, payload: bytes }, { names: { id: 'ID' } }),
  ),
  conflictAnswer: message(
    SERF.conflictAnswer,
    record<MemberRecord>({
      name: string,
      addr: bytes,
      port: u16,
      tags: map(string),
      status: u8,
      protocolMin: u8,
      protocolMax: u8,
      protocolCur: u8,
      delegateMin: u8,
      delegateMax: u8,
      delegateCur: u8,
    }),
  ),
  keyRequest: message(SERF.keyRequest, record<KeyRequest>({ key: bytes })),
  keyAnswer: message(
    SERF.keyAnswer,
    record<KeyAnswer>({ result: bool, message: string, keys: list(string), primaryKey: string }),
  ),
  relay: message(
    SERF.relay,
    record<RelayHeader>({
      destAddr: record<RelayHeader['destAddr']>({ ip: bytes, port: u16, zone: string }, { names: { ip: 'IP' } }),
      destName: string,
    }),
  ),
  ownBroadcast: message(SERF.ownBroadcast, record<OwnHeader>({ origin: string, sequence: u64, key: string })),
  ownMessage: message(SERF.ownMessage, record<{ readonly from: string }>({ from: string })),
} as const;

export interface MessageCodec<T> {
  /** @param body what follows the message as it is */
  encode(value: T, body?: Uint8Array): Uint8Array;
  /** @throws WireError */
  decode(message: Uint8Array): T;
  /** @returns the message and, as it is, what follows it. @throws WireError */
  split(message: Uint8Array): { readonly value: T; readonly body: Uint8Array };
}

const writer = new Writer();

function message<T>(type: number, kind: Kind<T>): MessageCodec<T> {
  const split = (message: Uint8Array) => {
    const reader = new Reader(message, 1);
    const value = kind.read(reader);
    return { value, body: message.subarray(reader.position) };
  };
  return {
    encode(value, body) {
      writer.reset();
      writer.byte(type);
      kind.write(writer, value);
      if (body) writer.append(body);
      return writer.finish();
    },
    decode: (message) => split(message).value,
    split,
  };
}

/** A list with holes: Serf sends its whole ring of events, nearly all of it nil. */
function sparse<T>(kind: Kind<T>): Kind<readonly T[]> {
  const item = nullable(kind);
  return {
    zero: [],
    read(reader) {
      const items: T[] = [];
      for (let left = reader.arrayHeader(); left > 0; left--) {
        const value = item.read(reader);
        if (value !== null) items.push(value);
      }
      return items;
    },
    write: list(kind).write,
  };
}
