import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { workingCopyOf } from '@portolan/model';

/** Characters of a holder, as the wire has it. */
const HOLDER_MAX = 255;
/** Characters of a directory within it. */
const ROOT_MAX = 160;

/**
 * The name of a holder that works in a directory: `ann@vm:/srv/shop`. A directory that is too long is written with its
 * digest, so that no two are taken for one.
 *
 * @param name what runs there, and the machine that it runs on: `ann@vm`
 */
export function holderIn(name: string, root: string): string {
  const at = name.lastIndexOf('@');
  const place = `${name.slice(at)}:${written(root)}`;
  return `${name.slice(0, Math.max(at, 0)).slice(0, HOLDER_MAX - place.length)}${place}`;
}

/** Whether a holder works in this directory of this machine. */
export function worksIn(holder: string | undefined, root: string): boolean {
  const copy = workingCopyOf(holder);
  return copy?.host === hostname() && copy.root === written(root);
}

/** Whether a holder works in another directory of this machine. */
export function worksBeside(holder: string | undefined, root: string): boolean {
  return workingCopyOf(holder)?.host === hostname() && !worksIn(holder, root);
}

/** Whether the directory of this machine that a holder works in is still there, as far as can be told. */
export function isStillThere(holder: string | undefined): boolean {
  const root = workingCopyOf(holder)?.root ?? '';
  return root.includes(CUT) || existsSync(root);
}

const CUT = '…';

function written(root: string): string {
  if (root.length <= ROOT_MAX) return root;
  const digest = createHash('sha256').update(root).digest('hex').slice(0, 16);
  return `${root.slice(0, ROOT_MAX - digest.length - CUT.length)}${CUT}${digest}`;
}
