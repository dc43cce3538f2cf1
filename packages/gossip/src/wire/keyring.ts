import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomFillSync } from 'node:crypto';
import { WireError } from './error.ts';

const NONCE = 12;
const TAG = 16;
const BLOCK = 16;

/** Version 1 has no padding; version 0 pads, and is written only for nodes that speak protocol 1. */
export type EncryptionVersion = 0 | 1;

/** Keys of 16, 24 or 32 bytes, for AES-128, -192 and -256. The first one encrypts, all of them are tried to decrypt. */
export class Keyring {
  #keys: { readonly bytes: Uint8Array; readonly secret: KeyObject }[] = [];

  /** @param keys at least one; the primary one first */
  constructor(keys: readonly Uint8Array[]) {
    if (keys.length === 0) throw new WireError('key', 'a keyring needs at least one key');
    for (const key of keys) this.add(key);
  }

  /** All keys, the primary one first. */
  get keys(): Uint8Array[] {
    return this.#keys.map(({ bytes }) => bytes.slice());
  }

  get primary(): Uint8Array {
    return this.#keys[0]!.bytes.slice();
  }

  /** Has these keys from now on. @param keys at least one; the primary one first */
  replace(keys: readonly Uint8Array[]): void {
    this.#keys = new Keyring(keys).#keys;
  }

  /** Adds a key as the last one; one that is there already stays where it is. */
  add(key: Uint8Array): void {
    if (![16, 24, 32].includes(key.length)) {
      throw new WireError('key', `a key has 16, 24 or 32 bytes, this one has ${key.length}`);
    }
    if (this.#find(key) < 0) this.#keys.push({ bytes: new Uint8Array(key), secret: createSecretKey(key) });
  }

  /** Makes a key the primary one. It must have been added before, and best to all nodes. */
  use(key: Uint8Array): void {
    const place = this.#find(key);
    if (place < 0) throw new WireError('key', 'a key that is not in the keyring cannot be made the primary one');
    this.#keys.unshift(...this.#keys.splice(place, 1));
  }

  /** Removes a key; one that is not there is no error. */
  remove(key: Uint8Array): void {
    const place = this.#find(key);
    if (place === 0)
      throw new WireError('key', 'the primary key cannot be removed: make another one the primary first');
    if (place > 0) this.#keys.splice(place, 1);
  }

  /**
   * @param authenticated bytes that are not in the result, yet must be the same to open it
   * @returns version, nonce, ciphertext and tag
   */
  seal(plain: Uint8Array, authenticated: Uint8Array, version: EncryptionVersion = 1): Uint8Array {
    const padded = version === 0 ? pad(plain) : plain;
    const { secret } = this.#keys[0]!;
    const blob = new Uint8Array(1 + NONCE + padded.length + TAG);
    blob[0] = version;
    const nonce = randomFillSync(blob.subarray(1, 1 + NONCE));
    const cipher = createCipheriv(algorithm(secret), secret, nonce).setAAD(authenticated);
    blob.set(cipher.update(padded), 1 + NONCE);
    cipher.final();
    blob.set(cipher.getAuthTag(), 1 + NONCE + padded.length);
    return blob;
  }

  /** @throws WireError when no key opens it, or what it is about differs */
  open(blob: Uint8Array, authenticated: Uint8Array): Uint8Array {
    const [version] = blob;
    if (blob.length < 1 + NONCE + TAG) throw new WireError('decryption', 'it is too short to be encrypted');
    if (version !== 0 && version !== 1) throw new WireError('decryption', `the encryption ${version} is unknown`);
    for (const { secret } of this.#keys) {
      const plain = decrypt(secret, blob, authenticated);
      if (plain !== null) return version === 0 ? unpad(plain) : plain;
    }
    throw new WireError('decryption', 'none of the keys decrypts it');
  }

  #find(key: Uint8Array): number {
    return this.#keys.findIndex(({ bytes }) => Buffer.from(bytes).equals(key));
  }
}

/** @returns the length of what {@link Keyring.seal} gives for so many bytes */
export function sealedLength(plain: number, version: EncryptionVersion = 1): number {
  const padding = version === 0 ? BLOCK - (plain % BLOCK) : 0;
  return 1 + NONCE + plain + padding + TAG;
}

/** @returns how many bytes encryption adds, at most: padding is up to 16 */
export function encryptionOverhead(version: EncryptionVersion = 1): number {
  return 1 + NONCE + TAG + (version === 0 ? BLOCK : 0);
}

/** @returns null when the key or the authenticated bytes are others */
function decrypt(secret: KeyObject, blob: Uint8Array, authenticated: Uint8Array): Uint8Array | null {
  const decipher = createDecipheriv(algorithm(secret), secret, blob.subarray(1, 1 + NONCE), { authTagLength: TAG })
    .setAAD(authenticated)
    .setAuthTag(blob.subarray(blob.length - TAG));
  const plain = decipher.update(blob.subarray(1 + NONCE, blob.length - TAG));
  try {
    decipher.final();
    return plain;
  } catch {
    return null;
  }
}

function algorithm(secret: KeyObject): 'aes-128-gcm' | 'aes-192-gcm' | 'aes-256-gcm' {
  const bits = 8 * secret.symmetricKeySize!;
  return bits === 128 ? 'aes-128-gcm' : bits === 192 ? 'aes-192-gcm' : 'aes-256-gcm';
}

/** PKCS#7: a whole block when nothing is missing to one. */
function pad(plain: Uint8Array): Uint8Array {
  const missing = BLOCK - (plain.length % BLOCK);
  const padded = new Uint8Array(plain.length + missing).fill(missing);
  padded.set(plain);
  return padded;
}

function unpad(padded: Uint8Array): Uint8Array {
  const size = padded[padded.length - 1] ?? 0;
  const whole = padded.length % BLOCK === 0 && size >= 1 && size <= BLOCK;
  const start = padded.length - size;
  if (!whole || !padded.subarray(start).every((byte) => byte === size)) {
    throw new WireError('decryption', 'its padding is not valid');
  }
  return padded.subarray(0, start);
}
