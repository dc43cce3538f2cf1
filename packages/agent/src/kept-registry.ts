import { readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isSignedWith, Sheet, statementOf } from '@portolan/gossip';
import { REGISTRY_SHEET } from '@portolan/model';
import type { Clock } from './clock.ts';

export interface KeptRegistry {
  /** The registry's sheet as an agent had it. */
  readonly sheet: Sheet;
  /** Of the gossip that it comes from. */
  readonly label: string;
  /** When it was so, ms since 1970. */
  readonly asOf: number;
}

const FILE = 'registry.jsonl';
/** A larger one is not kept, characters. */
const SIZE_MAX = 64 * 1024 * 1024;
/** It is written this often at most while it changes, and this often while only its age does, ms. */
const CHANGED_EVERY = 30_000;
const AGED_EVERY = 600_000;
const LINES_AT_ONCE = 500;

type Head = Pick<KeptRegistry, 'label' | 'asOf'> & Pick<Sheet, 'version' | 'digest'> & { readonly signature: string };

/**
 * @param identity the public key of the coordinators
 * @returns `undefined` when none was kept, it is damaged, or no coordinator of this fleet signed it
 */
export function readRegistry(stateDirectory: string, identity: string | undefined): KeptRegistry | undefined {
  const parsed = parse(stateDirectory);
  if (!parsed) return undefined;
  const { label, asOf, version, digest, records } = parsed;
  const signature = Buffer.from(parsed.signature, 'base64url');
  if (!isSignedWith(identity, statementOf({ owner: REGISTRY_SHEET, version, digest }), signature)) return undefined;
  const sheet = new Sheet(REGISTRY_SHEET, version, records, signature);
  return sheet.digest === digest ? { sheet, label, asOf } : undefined;
}

function parse(stateDirectory: string): (Head & { records: Map<string, string> }) | undefined {
  try {
    const [first, ...lines] = readFileSync(join(stateDirectory, FILE), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    const { label, version, digest, signature, asOf } = first as Head;
    if (!Number.isSafeInteger(version) || !Number.isSafeInteger(asOf)) return undefined;
    if (!lines.every(isEntry)) return undefined;
    if (![label, digest, signature].every((text) => typeof text === 'string')) return undefined;
    return { label, version, digest, signature, asOf, records: new Map(lines) };
  } catch {
    return undefined;
  }
}

function isEntry(line: unknown): line is [string, string] {
  return Array.isArray(line) && line.length === 2 && line.every((part) => typeof part === 'string');
}

export interface KeepOptions {
  readonly stateDirectory: string;
  /** As it is now; `undefined` while there is none. */
  readonly current: () => KeptRegistry | undefined;
  readonly clock: Clock;
  readonly onTrouble: (error: unknown) => void;
}

/** Keeps the registry on disk, for a start at which no one else has it, until the signal aborts, and then once more. */
export async function keepRegistry(options: KeepOptions, signal: AbortSignal): Promise<void> {
  const { stateDirectory, current, clock, onTrouble } = options;
  let kept: { version: number; asOf: number } | undefined;
  do {
    await clock.wait(CHANGED_EVERY, signal);
    const now = current();
    if (!now) continue;
    const { asOf } = now;
    // It may change while it is written.
    const { version } = now.sheet;
    if (version === kept?.version && asOf - kept.asOf < (signal.aborted ? 1 : AGED_EVERY)) continue;
    try {
      await write(join(stateDirectory, FILE), now);
      kept = { version, asOf };
    } catch (error) {
      onTrouble(error);
    }
  } while (!signal.aborted);
}

async function write(path: string, { sheet, label, asOf }: KeptRegistry): Promise<void> {
  const { version, digest, records } = sheet;
  const signature = Buffer.from(sheet.signature).toString('base64url');
  const entries = [...records];
  const size = entries.reduce((sum, [key, text]) => sum + key.length + text.length, 0);
  if (size > SIZE_MAX) throw new Error(`the registry is too large to be kept on disk: ${size} characters`);
  const draft = `${path}.draft`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(draft, linesOf({ label, version, digest, signature, asOf }, entries), { mode: 0o600, flush: true });
  await rename(draft, path);
}

/** In portions, so that nothing else waits for long. */
function* linesOf(head: Head, entries: readonly (readonly [string, string])[]): Generator<string> {
  yield `${JSON.stringify(head)}\n`;
  for (let first = 0; first < entries.length; first += LINES_AT_ONCE) {
    const portion = entries.slice(first, first + LINES_AT_ONCE);
    yield portion.map((entry) => `${JSON.stringify(entry)}\n`).join('');
  }
}
