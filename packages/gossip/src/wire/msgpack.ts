import { WireError } from './error.ts';
import { Skipper, unexpected } from './skipper.ts';

const EMPTY = new Uint8Array(0);
/** A writer keeps its buffer for the next message unless it has grown beyond this, bytes. */
const KEPT = 1024 * 1024;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Writes msgpack in its old form, where strings and bytes are one kind, "raw", and numbers are as short as can be. */
export class Writer {
  #bytes = new Uint8Array(1024);
  #length = 0;

  /** @returns a copy of all that was written; the writer is empty then */
  finish(): Uint8Array {
    const whole = this.#bytes.slice(0, this.#length);
    if (this.#bytes.length > KEPT) this.#bytes = new Uint8Array(1024);
    this.#length = 0;
    return whole;
  }

  /** Forgets what was written. */
  reset(): void {
    this.#length = 0;
  }

  /** One byte, as it is. */
  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** Bytes as they are, with no header. */
  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    const { length } = bytes;
    // A call of `set` costs more than a few bytes do.
    if (length > 32) this.#bytes.set(bytes, this.#length);
    else for (let i = 0; i < length; i++) this.#bytes[this.#length + i] = bytes[i]!;
    this.#length += length;
  }

  nil(): void {
    this.byte(0xc0);
  }

  bool(value: boolean): void {
    this.byte(value ? 0xc3 : 0xc2);
  }

  /** @param value a whole number from 0 to 2^53 - 1 */
  uint(value: number): void {
    if (value < 0x80) this.byte(value);
    else if (value < 0x100) this.#tagged(0xcc, value, 1);
    else if (value < 0x10000) this.#tagged(0xcd, value, 2);
    else if (value < 0x1_0000_0000) this.#tagged(0xce, value, 4);
    else {
      this.#tagged(0xcf, Math.floor(value / 0x1_0000_0000), 4);
      this.#bigEndian(value >>> 0, 4);
    }
  }

  string(text: string): void {
    const { length } = text;
    this.#rawHeader(length);
    this.#reserve(length);
    const start = this.#length;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) {
        // More bytes than characters: the header was that of the characters.
        this.#length = start - rawHeaderLength(length);
        this.raw(new TextEncoder().encode(text));
        return;
      }
      this.#bytes[start + i] = code;
    }
    this.#length += length;
  }

  raw(bytes: Uint8Array): void {
    this.#rawHeader(bytes.length);
    this.append(bytes);
  }

  arrayHeader(count: number): void {
    this.#containerHeader(count, 0x90, 0xdc);
  }

  mapHeader(count: number): void {
    this.#containerHeader(count, 0x80, 0xde);
  }

  #rawHeader(length: number): void {
    if (length < 32) this.byte(0xa0 | length);
    else if (length < 0x10000) this.#tagged(0xda, length, 2);
    else this.#tagged(0xdb, length, 4);
  }

  #containerHeader(count: number, fixed: number, tag: number): void {
    if (count < 16) this.byte(fixed | count);
    else if (count < 0x10000) this.#tagged(tag, count, 2);
    else this.#tagged(tag + 1, count, 4);
  }

  #tagged(tag: number, value: number, size: number): void {
    this.byte(tag);
    this.#bigEndian(value, size);
  }

  #bigEndian(value: number, size: number): void {
    this.#reserve(size);
    for (let shift = 8 * (size - 1); shift >= 0; shift -= 8) this.#bytes[this.#length++] = value >>> shift;
  }

  #reserve(size: number): void {
    const wanted = this.#length + size;
    if (wanted <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(wanted, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

function rawHeaderLength(length: number): number {
  if (length < 32) return 1;
  return length < 0x10000 ? 3 : 5;
}

/**
 * Reads msgpack, of the old form and of the new one. Nothing is allocated by a length or a count that is merely claimed.
 * Bytes that it gives are copies, so what it reads from may be used again. It throws WireError only.
 */
export class Reader {
  readonly bytes: Uint8Array;
  position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes;
    this.position = position;
  }

  get left(): number {
    return this.bytes.length - this.position;
  }

  /** Whether the next item is nil; then it is passed over. */
  nil(): boolean {
    if (this.bytes[this.position] !== 0xc0) return false;
    this.position++;
    return true;
  }

  /** True or false; nil is false. */
  bool(): boolean {
    const head = this.#byte();
    if (head === 0xc3) return true;
    if (head === 0xc2 || head === 0xc0) return false;
    throw unexpected('a truth value', head);
  }

  /** A whole number from 0 to `max`, in any of msgpack's forms; nil is 0. */
  uint(max: number): number {
    const value = this.#integer();
    if (value > max || value < 0) throw new WireError('malformed', `the number ${value} is not in 0..${max}`);
    return value;
  }

  string(): string {
    const length = this.rawHeader();
    const start = this.position;
    const end = this.#advance(length);
    return shortAscii(this.bytes, start, end) ?? decodeUtf8(this.bytes, start, end);
  }

  /** A copy of a string's or byte array's bytes; those of an array of small numbers; none for nil. */
  raw(): Uint8Array {
    const head = this.bytes[this.position];
    if (head !== undefined && ((head & 0xf0) === 0x90 || head === 0xdc || head === 0xdd)) return this.#byteList();
    return this.take(this.rawHeader());
  }

  /** A copy of the next bytes, which have no header. */
  take(length: number): Uint8Array {
    const start = this.position;
    const end = this.#advance(length);
    return length === 0 ? EMPTY : copy(this.bytes, start, end);
  }

  /** @returns how many bytes of a string or byte array follow, all of which are there; 0 for nil */
  rawHeader(): number {
    const head = this.#byte();
    let length: number;
    if ((head & 0xe0) === 0xa0) length = head & 0x1f;
    else if (head === 0xd9 || head === 0xc4) length = this.#bigEndian(1);
    else if (head === 0xda || head === 0xc5) length = this.#bigEndian(2);
    else if (head === 0xdb || head === 0xc6) length = this.#bigEndian(4);
    else if (head === 0xc0) length = 0;
    else throw unexpected('a string', head);
    if (length > this.left) throw truncated();
    return length;
  }

  /** @returns how many items follow, never more than there are bytes; 0 for nil */
  arrayHeader(): number {
    return this.#containerHeader(0x90, 0xdc, 1, 'an array');
  }

  /** @returns how many pairs follow, never more than there are bytes for; 0 for nil */
  mapHeader(): number {
    return this.#containerHeader(0x80, 0xde, 2, 'a map');
  }

  /** Passes over one item, whatever it is. */
  skip(): void {
    const skipper = new Skipper(1, this.position);
    if (skipper.advance(this.bytes, Number.POSITIVE_INFINITY) !== true) throw truncated();
    this.position = skipper.position;
  }

  #containerHeader(fixed: number, tag: number, itemsEach: number, what: string): number {
    const head = this.#byte();
    let count: number;
    if ((head & 0xf0) === fixed) count = head & 0x0f;
    else if (head === tag) count = this.#bigEndian(2);
    else if (head === tag + 1) count = this.#bigEndian(4);
    else if (head === 0xc0) count = 0;
    else throw unexpected(what, head);
    if (count * itemsEach > this.left) throw truncated();
    return count;
  }

  #byteList(): Uint8Array {
    const bytes = new Uint8Array(this.arrayHeader());
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.uint(255);
    return bytes;
  }

  #integer(): number {
    const head = this.#byte();
    if (head < 0x80) return head;
    switch (head) {
      case 0xc0:
        return 0;
      case 0xcc:
        return this.#bigEndian(1);
      case 0xcd:
        return this.#bigEndian(2);
      case 0xce:
        return this.#bigEndian(4);
      case 0xcf:
        return this.#bigEndian(4) * 0x1_0000_0000 + this.#bigEndian(4);
      case 0xd0:
        return (this.#bigEndian(1) << 24) >> 24;
      case 0xd1:
        return (this.#bigEndian(2) << 16) >> 16;
      case 0xd2:
        return this.#bigEndian(4) | 0;
      case 0xd3:
        return (this.#bigEndian(4) | 0) * 0x1_0000_0000 + this.#bigEndian(4);
      default:
        throw unexpected('a number', head);
    }
  }

  #bigEndian(size: number): number {
    const start = this.position;
    const end = this.#advance(size);
    let value = 0;
    for (let i = start; i < end; i++) value = value * 256 + this.bytes[i]!;
    return value;
  }

  #byte(): number {
    const value = this.bytes[this.position];
    if (value === undefined) throw truncated();
    this.position++;
    return value;
  }

  #advance(length: number): number {
    if (length > this.left) throw truncated();
    this.position += length;
    return this.position;
  }
}

function copy(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const own = new Uint8Array(end - start);
  if (end - start > 32) own.set(bytes.subarray(start, end));
  else for (let i = start; i < end; i++) own[i - start] = bytes[i]!;
  return own;
}

/** @returns null when it is long, or not ASCII */
function shortAscii(bytes: Uint8Array, start: number, end: number): string | null {
  if (end - start > 40) return null;
  let text = '';
  for (let i = start; i < end; i++) {
    if (bytes[i]! >= 0x80) return null;
    text += String.fromCharCode(bytes[i]!);
  }
  return text;
}

function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  try {
    return utf8.decode(bytes.subarray(start, end));
  } catch {
    throw new WireError('malformed', 'a string is not UTF-8');
  }
}

function truncated(): WireError {
  return new WireError('truncated', 'it ends too early');
}
