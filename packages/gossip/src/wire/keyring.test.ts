import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { WireReason } from './error.ts';
import { encryptionOverhead, Keyring, sealedLength } from './keyring.ts';

const [one, two, three] = [16, 24, 32].map((length, i) => new Uint8Array(length).fill(i + 1)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const nothing = new Uint8Array(0);

test('what one key of any length seals, it opens, in both versions', () => {
  const ring = fc.constantFrom(one, two, three).map((key) => new Keyring([key]));
  const bytes = fc.uint8Array({ maxLength: 70 });
  fc.assert(
    fc.property(ring, bytes, bytes, fc.constantFrom(0, 1), (keyring, plain, authenticated, version) => {
      const blob = keyring.seal(plain, authenticated, version);
      expect(blob[0]).toBe(version);
      expect(blob).toHaveLength(sealedLength(plain.length, version));
      expect(blob.length - plain.length).toBeLessThanOrEqual(encryptionOverhead(version));
      expect(new Uint8Array(keyring.open(blob, authenticated))).toEqual(plain);
    }),
    { numRuns: 300 },
  );
});

test('version 1 adds 29 bytes; version 0 pads to 16, by a whole block when nothing is missing', () => {
  expect([0, 1, 15, 16].map((length) => sealedLength(length) - length)).toEqual([29, 29, 29, 29]);
  expect([0, 1, 15, 16].map((length) => sealedLength(length, 0) - length)).toEqual([45, 44, 30, 45]);
  expect([encryptionOverhead(1), encryptionOverhead(0)]).toEqual([29, 45]);
});

test('no bit of what is sealed can be changed behind its version, nor what is authenticated with it', () => {
  const keyring = new Keyring([one]);
  const plain = Buffer.from('cargo');
  for (const version of [0, 1] as const) {
    const blob = keyring.seal(plain, Buffer.from('blue'), version);
    for (let bit = 8; bit < 8 * blob.length; bit++) {
      const changed = blob.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => keyring.open(changed, Buffer.from('blue'))).toThrow(refusal('decryption'));
    }
    expect(() => keyring.open(blob, Buffer.from('red'))).toThrow(refusal('decryption'));
    for (let length = 0; length < blob.length; length++)
      expect(() => keyring.open(blob.subarray(0, length), Buffer.from('blue'))).toThrow(refusal('decryption'));
  }
});

test('two blobs of the same are not alike', () => {
  const keyring = new Keyring([one]);
  const blobs = Array.from({ length: 1000 }, () =>
    Buffer.from(keyring.seal(nothing, nothing).subarray(1, 13)).toString('hex'),
  );
  expect(new Set(blobs).size).toBe(1000);
});

test('padding that is not whole is refused, though its sender had the key', () => {
  const keyring = new Keyring([one]);
  const block = (...end: number[]) => Uint8Array.of(...new Uint8Array(16 - end.length), ...end);
  for (const plain of [nothing, block(0), block(17), block(1, 2), Uint8Array.of(1), block(200)]) {
    // A version 1 blob says its version outside of what is authenticated.
    const blob = keyring.seal(plain, nothing, 1);
    blob[0] = 0;
    expect(() => keyring.open(blob, nothing)).toThrow(refusal('decryption'));
  }
  const whole = keyring.seal(block(2, 2), nothing, 1);
  whole[0] = 0;
  expect(keyring.open(whole, nothing)).toHaveLength(14);
});

test('the first key seals, all of them open', () => {
  const old = new Keyring([one]).seal(nothing, nothing);
  const keyring = new Keyring([two, one]);
  expect(keyring.primary).toEqual(two);
  expect(keyring.open(old, nothing)).toHaveLength(0);
  const fresh = keyring.seal(nothing, nothing);
  expect(new Keyring([two]).open(fresh, nothing)).toHaveLength(0);
  expect(() => new Keyring([one]).open(fresh, nothing)).toThrow(refusal('decryption'));
});

test('keys are rotated by add, use and remove, and the primary one stays until another one is', () => {
  const keyring = new Keyring([one]);
  keyring.add(two);
  keyring.add(two);
  expect(keyring.keys).toEqual([one, two]);
  expect(() => keyring.remove(one)).toThrow('the primary key cannot be removed');
  expect(() => keyring.use(three)).toThrow(refusal('key'));
  keyring.use(two);
  expect(keyring.keys).toEqual([two, one]);
  keyring.remove(one);
  keyring.remove(three);
  expect(keyring.keys).toEqual([two]);
});

test('keys that no AES has are refused, and a keyring without any', () => {
  for (const length of [0, 15, 17, 31, 33, 64])
    expect(() => new Keyring([new Uint8Array(length)])).toThrow(`this one has ${length}`);
  expect(() => new Keyring([])).toThrow(refusal('key'));
});

test('keys that were given or asked for can be changed without changing the ring', () => {
  const given = one.slice();
  const keyring = new Keyring([given]);
  given.fill(9);
  keyring.primary.fill(9);
  keyring.keys[0]!.fill(9);
  expect(keyring.primary).toEqual(one);
});

function refusal(reason: WireReason): unknown {
  return expect.objectContaining({ name: 'WireError', reason });
}
