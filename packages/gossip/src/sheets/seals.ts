import type { SheetVersion } from './sheet.ts';
import { isSignedWith, type SigningKey } from './signing-key.ts';

/**
 * Who wrote a sheet. What one member says of another's sheet is believed only with the writer's signature, for every
 * member has the key that encrypts gossip, and may say that it is anybody.
 */
export interface Seals {
  /** Signs what this member writes. */
  sign(owner: string, statement: Uint8Array): Uint8Array;
  /** Whether the statement is of whoever writes the sheets of this owner; false as well when that is not known. */
  verify(owner: string, statement: Uint8Array, signature: Uint8Array): boolean;
}

/** What is signed: that this is a version of this sheet. The digest stands for all its records. */
export function statementOf({ owner, version, digest }: SheetVersion): Uint8Array {
  return Buffer.from(`portolan sheet\0${owner}\0${version}\0${digest}`);
}

/**
 * Seals by Ed25519 keys.
 *
 * @param own the key that this member signs the sheets of an owner with, if it writes them
 * @param known the public key of whoever writes the sheets of an owner; `undefined` when that is not known
 */
export function keySeals(
  own: (owner: string) => SigningKey | undefined,
  known: (owner: string) => string | undefined,
): Seals {
  return {
    sign(owner, statement) {
      const key = own(owner);
      if (!key) throw new RangeError(`this member has no key for the sheet of ${owner}`);
      return key.sign(statement);
    },
    verify(owner, statement, signature) {
      return isSignedWith(own(owner)?.publicKey ?? known(owner), statement, signature);
    },
  };
}
