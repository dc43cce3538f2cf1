/** Orders fencing tokens and versions, `<epoch>.<revision>`. @returns below 0 when `a` is the earlier */
export function compareVersions(a: string, b: string): number {
  const [epochA = 0, revisionA = 0] = a.split('.').map(Number);
  const [epochB = 0, revisionB = 0] = b.split('.').map(Number);
  return epochA - epochB || revisionA - revisionB;
}

/** The first part of a position, `<revision>-<nonce>`. */
export function revisionOf(position: string): number {
  return Number(position.split('-')[0]);
}
