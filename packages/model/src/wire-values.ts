// What the wire contract has of plain values: a browser needs these, and none of the schemas.

/** The header of a request that says how long its sender waits for the answer, ms. It is not begun after that. */
export const TIMEOUT_HEADER = 'portolan-timeout';
export const TIMEOUT_MAX = 24 * 3600 * 1000;

/** Seconds that a process has to end by itself before it is killed. */
export const GRACE_DEFAULT = 5;

/** Why the server ended a stream. Below 4500: come back; from 4500 on: mend something first. */
export const closeCodes = {
  /** The coordinator stops; another may go on. */
  goingAway: 1001,
  slow: 4408,
  /** More frames, or more streams of one token, than are taken. */
  tooMany: 4429,
  badFrame: 4500,
  unauthorized: 4501,
} as const;
