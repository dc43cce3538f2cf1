import type { Message } from '../wire/message.ts';

/** What a node has done and seen so far. Bytes are payload, as they travel. */
export interface Counters {
  readonly messagesIn: Record<Message['type'], number>;
  readonly messagesOut: Record<Message['type'], number>;
  packetsIn: number;
  packetsOut: number;
  packetBytesIn: number;
  packetBytesOut: number;
  streamsIn: number;
  streamsOut: number;
  streamBytesIn: number;
  streamBytesOut: number;
  /** What was not acted upon, by reason: one of the wire format's, or one of the node's own. */
  readonly drops: Record<string, number>;
  probes: number;
  probesFailed: number;
  /** Members that are deaf to packets and were saved by a ping over a stream. */
  streamPingsOnly: number;
  suspicions: number;
  deaths: number;
  refutations: number;
  conflicts: number;
  /** Times when this process had stood still while a probe was on its way. */
  stalls: number;
  /** Exceptions of the application's delegate. */
  delegateErrors: number;
}

export function createCounters(): Counters {
  return {
    messagesIn: noMessages(),
    messagesOut: noMessages(),
    packetsIn: 0,
    packetsOut: 0,
    packetBytesIn: 0,
    packetBytesOut: 0,
    streamsIn: 0,
    streamsOut: 0,
    streamBytesIn: 0,
    streamBytesOut: 0,
    drops: {},
    probes: 0,
    probesFailed: 0,
    streamPingsOnly: 0,
    suspicions: 0,
    deaths: 0,
    refutations: 0,
    conflicts: 0,
    stalls: 0,
    delegateErrors: 0,
  };
}

export function countDrop({ drops }: Counters, reason: string): void {
  drops[reason] = (drops[reason] ?? 0) + 1;
}

function noMessages(): Record<Message['type'], number> {
  return {
    ping: 0,
    indirectPing: 0,
    ack: 0,
    nack: 0,
    suspect: 0,
    alive: 0,
    dead: 0,
    pushPull: 0,
    user: 0,
    error: 0,
  };
}
