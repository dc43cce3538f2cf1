import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';

/** An Ed25519 key pair. */
export interface SigningKey {
  /** The public half, 43 characters of base64url. */
  readonly publicKey: string;
  /** The private half as text, 43 characters of base64url. */
  readonly secret: string;
  /** @returns 64 bytes */
  sign(statement: Uint8Array): Uint8Array;
}

export function createSigningKey(): SigningKey {
  const { x, d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return readSigningKey({ publicKey: x as string, secret: d as string });
}

/** @throws Error when it is no key */
export function readSigningKey({ publicKey, secret }: Pick<SigningKey, 'publicKey' | 'secret'>): SigningKey {
  const key = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey, d: secret }, format: 'jwk' });
  return { publicKey, secret, sign: (statement) => sign(null, statement, key) };
}

/** Keys that were read, for to read one takes as long as to look at a signature. */
const known = new Map<string, KeyObject>();
const KNOWN_MAX = 10_000;

/** Whether a statement is signed with the private half of a key; false for what is no key, and while none is known. */
export function isSignedWith(publicKey: string | undefined, statement: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey === undefined) return false;
  try {
    return verify(null, statement, keyOf(publicKey), signature);
  } catch {
    return false;
  }
}

function keyOf(publicKey: string): KeyObject {
  let key = known.get(publicKey);
  if (!key) {
    key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
    if (known.size >= KNOWN_MAX) known.delete(known.keys().next().value!);
    known.set(publicKey, key);
  }
  return key;
}
