import type { Subject } from './subject.ts';

/** Consistent reads never go back, and hold what was acknowledged before them. */
export function checkReads({ trail }: Subject): void {
  const reads = trail.reads.filter(({ consistent }) => consistent);
  for (const read of reads) {
    const earlier = reads.find((other) => other.doneAt < read.sentAt && other.revision > read.revision);
    if (earlier) {
      const at = trail.at(read.doneAt);
      trail.violation('a consistent read went back', { earlier: earlier.revision, later: read.revision, at });
    }
    for (const { service, port, from, to } of trail.spans) {
      if (from >= read.sentAt || to <= read.doneAt || read.owners.get(port) === service) continue;
      const detail = { port, service, shows: read.owners.get(port), at: trail.at(read.sentAt), target: read.target };
      trail.violation('a consistent read lacks an acknowledged promise', detail);
    }
  }
}
