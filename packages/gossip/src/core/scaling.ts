// What grows with the cluster. n counts all entries of the table: oneself, the dead and those that left, too.

/** Packets that one message travels in. */
export function retransmitLimit(mult: number, n: number): number {
  return mult * Math.ceil(Math.log10(n + 1));
}

/**
 * Shortest time from suspect to dead.
 *
 * @param interval between probes, ms
 * @returns ms
 */
export function shortestSuspicion(mult: number, n: number, interval: number): number {
  return (mult * Math.floor(1000 * Math.max(1, Math.log10(Math.max(1, n)))) * interval) / 1000;
}

/** How many further accusers shorten a suspicion all the way: none where there are too few members for them. */
export function confirmationsWanted(mult: number, n: number): number {
  const k = mult - 2;
  return n - 2 < k ? 0 : k;
}

/** The interval of push/pull, which is rarer in large clusters, since what it costs grows with n. */
export function pushPullInterval(interval: number, n: number): number {
  return n <= 32 ? interval : interval * (Math.ceil(Math.log2(n) - 5) + 1);
}
