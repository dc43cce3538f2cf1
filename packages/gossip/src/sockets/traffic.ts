/** What has gone over the sockets so far. Bytes are payload: without the headers of IP, UDP and TCP. */
export interface Traffic {
  packetsIn: number;
  packetsOut: number;
  packetBytesIn: number;
  packetBytesOut: number;
  /** Packets that could not be sent. */
  packetsFailed: number;
  streamsIn: number;
  streamsOut: number;
  streamBytesIn: number;
  streamBytesOut: number;
  /** Streams closed unread: too many at once, or from a network that is not allowed. */
  streamsRefused: number;
  /** Streams that ended before they had brought a whole message: early, too late, too long or malformed. */
  streamsBroken: number;
  /** Errors of the sockets themselves, such as no file descriptor left to accept with. */
  socketErrors: number;
}

export function noTraffic(): Traffic {
  return {
    packetsIn: 0,
    packetsOut: 0,
    packetBytesIn: 0,
    packetBytesOut: 0,
    packetsFailed: 0,
    streamsIn: 0,
    streamsOut: 0,
    streamBytesIn: 0,
    streamBytesOut: 0,
    streamsRefused: 0,
    streamsBroken: 0,
    socketErrors: 0,
  };
}
