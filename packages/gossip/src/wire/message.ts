/**
 * The messages of memberlist's protocol, as values. Addresses are 4 or 16 bytes; `vsn` is [pmin, pmax, pcur, dmin, dmax,
 * dcur]. Numbers are unsigned: 32 bits for sequence numbers and incarnations, 16 for ports.
 */
export type Message = Ping | IndirectPing | Ack | Nack | Suspect | Alive | Dead | PushPull | User | StreamError;

/** What travels in packets. */
export type PacketMessage = Exclude<Message, PushPull | StreamError>;

/** What travels in streams. */
export type StreamMessage = Ping | Ack | PushPull | User | StreamError;

export interface Source {
  /** Where the answer goes; the packet's sender when absent. */
  readonly sourceAddr?: Uint8Array | undefined;
  readonly sourcePort?: number | undefined;
  readonly sourceNode?: string | undefined;
}

export interface Ping extends Source {
  readonly type: 'ping';
  readonly seqNo: number;
  /** Who is meant; empty means whoever receives it. */
  readonly node: string;
}

export interface IndirectPing extends Source {
  readonly type: 'indirectPing';
  readonly seqNo: number;
  readonly target: Uint8Array;
  readonly port: number;
  readonly node: string;
  /** Whether the asker wants to be told that the target was silent. */
  readonly nack: boolean;
}

export interface Ack {
  readonly type: 'ack';
  readonly seqNo: number;
  readonly payload: Uint8Array | null;
}

export interface Nack {
  readonly type: 'nack';
  readonly seqNo: number;
}

export interface Suspect {
  readonly type: 'suspect';
  readonly incarnation: number;
  readonly node: string;
  readonly from: string;
}

export interface Alive {
  readonly type: 'alive';
  readonly incarnation: number;
  readonly node: string;
  readonly addr: Uint8Array;
  readonly port: number;
  readonly meta: Uint8Array;
  readonly vsn: Uint8Array;
}

export interface Dead {
  readonly type: 'dead';
  readonly incarnation: number;
  readonly node: string;
  /** The node itself when it leaves of its own will. */
  readonly from: string;
}

/** One whole state: what both sides of a push/pull send. */
export interface PushPull {
  readonly type: 'pushPull';
  readonly join: boolean;
  readonly nodes: readonly NodeState[];
  readonly userState: Uint8Array;
}

export interface NodeState {
  readonly name: string;
  readonly addr: Uint8Array;
  readonly port: number;
  readonly meta: Uint8Array;
  readonly incarnation: number;
  readonly state: 'alive' | 'suspect' | 'dead' | 'left';
  readonly vsn: Uint8Array;
}

export interface User {
  readonly type: 'user';
  readonly payload: Uint8Array;
}

export interface StreamError {
  readonly type: 'error';
  readonly error: string;
}
