/** What was wrong with received bytes, in one word: fit for a counter. */
export type WireReason =
  | 'truncated'
  | 'malformed'
  | 'too-large'
  | 'too-many-parts'
  | 'unknown-type'
  | 'unknown-algorithm'
  | 'label'
  | 'encryption'
  | 'decryption'
  | 'checksum'
  | 'key';

/** The only error that reading or writing the wire format throws. */
export class WireError extends Error {
  override readonly name = 'WireError';
  readonly reason: WireReason;

  constructor(reason: WireReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
