/** What went wrong, in one word: fit for a caller to decide by. */
export type GossipErrorCode =
  /** The other side's versions cannot live with ours. */
  | 'incompatible'
  /** The application of this node refused the other side's members. */
  | 'merge-refused'
  /** The other side said what is wrong. */
  | 'remote-error'
  /** An answer that is none to what was asked. */
  | 'wrong-answer'
  /** It could not be reached, or what it answered could not be read. */
  | 'unreachable'
  /** A member that is not known, or is not alive. */
  | 'no-such-member'
  /** What the application gave is not allowed. */
  | 'invalid'
  /** No answer came in time. */
  | 'timeout'
  /** This node has left or was stopped. */
  | 'stopped';

export class GossipError extends Error {
  override readonly name = 'GossipError';
  readonly code: GossipErrorCode;

  constructor(code: GossipErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
