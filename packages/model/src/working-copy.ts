/** A checkout on a machine. Holders that work in one name it: `ann@vm:/srv/shop`. */
export interface WorkingCopy {
  /** What the machine calls itself. */
  host: string;
  /** Its top directory, as that machine writes it. */
  root: string;
}

/** @returns `undefined` for a holder that names none, such as `ann@vm` or `ci-17` */
export function workingCopyOf(holder: string | undefined): WorkingCopy | undefined {
  const [, host, root] = /@([^@:]+):(\/.*|[A-Za-z]:[\\/].*)$/s.exec(holder ?? '') ?? [];
  return host !== undefined && root !== undefined ? { host, root } : undefined;
}

/** Whether both holders name a working copy, and not the same one. Who works there does not matter. */
export function areOfTwoCopies(one: string | undefined, other: string | undefined): boolean {
  const [a, b] = [workingCopyOf(one), workingCopyOf(other)];
  return a !== undefined && b !== undefined && (a.host !== b.host || a.root !== b.root);
}
