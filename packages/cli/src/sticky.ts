import { parseInterval, type Reservation, type ReserveInput } from '@portolan/model';

/** What was asked for and not given, because the service had its port already and keeps it: a sentence for each. */
export function differences(
  { created, port, assignments }: Reservation,
  { preferred, range, ttl }: Pick<ReserveInput, 'preferred' | 'ttl'> & { range?: string },
): string[] {
  const [first] = assignments;
  if (created || !first) return [];
  const had = `the service had port ${port} already and keeps it`;
  const release = `"portolan release ${first.endpoint.project}/${first.endpoint.service}" first gives another`;
  const interval = range === undefined ? undefined : parseInterval(range);
  const sentences: string[] = [];
  if (preferred !== undefined && preferred !== port) sentences.push(`${had}, not ${preferred}; ${release}`);
  else if (interval && (port < interval.from || port > interval.to))
    sentences.push(`${had}, outside of ${range}; ${release}`);
  const hadTtl = first.lease?.ttl;
  if (ttl !== undefined && hadTtl !== ttl) {
    sentences.push(hadTtl === undefined ? `${had}, for good: no --ttl applies` : `its lease stays at ${hadTtl} s`);
  }
  return sentences;
}
