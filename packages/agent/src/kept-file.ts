import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** @returns what the file of JSON says; `undefined` when there is none, or it is damaged */
export function readKept(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Writes the file whole, for this user alone. @returns whether it could be written */
export function keep(path: string, value: unknown): boolean {
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(draft, `${JSON.stringify(value)}\n`, { mode: 0o600, flush: true });
    renameSync(draft, path);
    return true;
  } catch {
    return false;
  }
}

export function forget(path: string): void {
  if (existsSync(path)) rmSync(path, { force: true });
}
