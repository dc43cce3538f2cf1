/** Where a node is reached, by packets and by streams alike. */
export interface Address {
  /** An IPv4 or IPv6 address in text, without a zone. */
  readonly host: string;
  readonly port: number;
}

/**
 * What carries bytes between nodes. It knows nothing of what they mean: labels, encryption and messages are above it.
 * The simulator has one, sockets another.
 */
export interface Transport {
  /** What is bound; settled before the node starts. */
  readonly address: Address;
  /** Whom to give what arrives. Called once, before anything is sent. */
  receive(receiver: Receiver): void;
  /**
   * Sends one packet, with no promise that it arrives.
   *
   * @param failed told when it could not even be sent; `unreachable` when that is the target's fault
   */
  send(packet: Uint8Array, to: Address, failed?: (reason: 'unreachable' | 'local') => void): void;
  /**
   * Opens a stream, writes the request, and reads one whole answer.
   *
   * @param measure tells how much of what came so far is one whole answer
   * @throws Error when it cannot connect, the stream ends early, the answer is refused, or the time is over
   */
  exchange(to: Address, request: Uint8Array, measure: Measure, timeout: number): Promise<Uint8Array>;
  /** Opens a stream, writes, ends it. */
  deliver(to: Address, request: Uint8Array, timeout: number): Promise<void>;
  /** Closes all; nothing is received afterwards. */
  close(): Promise<void>;
}

export interface Receiver {
  packet(bytes: Uint8Array, from: Address): void;
  /** Tells when what came so far on an incoming stream is a whole request; each stream needs one of its own. */
  measure(): Measure;
  /**
   * A whole request of an incoming stream, or what made it unreadable.
   *
   * @returns what to answer before the stream is closed, or null for nothing
   */
  request(bytes: Uint8Array | Error, from: Address): Uint8Array | null;
}

/**
 * It remembers how far it has read, so it belongs to one stream.
 *
 * @param bytes what a stream has brought so far, from its beginning
 * @returns true when it is one whole message, else at least how many bytes it must be before asking again is of use
 * @throws Error when it can be none: too long, or malformed
 */
export type Measure = (bytes: Uint8Array) => true | number;
