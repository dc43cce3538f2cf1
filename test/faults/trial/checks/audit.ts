import type { Subject } from './subject.ts';

interface AuditEvent {
  readonly id: string;
  readonly action: string;
  readonly targets: readonly { readonly key: string; readonly of: string }[];
}

/** A coordinator keeps about this many; with more there is nothing to count by. */
const KEPT = 9_900;

/** Each act that did something is one event of the audit trail, and no event is there twice. */
export async function checkAudit(subject: Subject): Promise<void> {
  const { trail, holders } = subject;
  const events = await readAudit(subject);
  trail.count('audit events', events.length);
  if (new Set(events.map(({ id }) => id)).size !== events.length) trail.violation('an audit event twice', {});
  if (events.length >= KEPT) return;
  for (const { service } of holders) {
    const own = events.filter(({ targets }) =>
      targets.some(({ key, of }) => key.startsWith('assignment/') && of.startsWith(`${service}:`)),
    );
    for (const kind of ['reserve', 'reassert', 'release'] as const) {
      const attempts = trail.attempts.filter((each) => each.service === service && each.kind === kind);
      const did = ({ ok, created }: (typeof attempts)[number]) => ok && (kind === 'release' || created === true);
      const sure = attempts.filter(did).length;
      // Asking on other terms (a lease made permanent) is an act as well, and so may be each try whose answer was lost: what
      // it was given lapsed before the next one came, when a coordinator stood still for longer than the lease lasts.
      const maybe = attempts.filter((each) => each.unsure || (!did(each) && each.ok && kind !== 'release')).length;
      const told = own.filter(({ action }) => action === kind).length;
      if (told < sure || told > sure + maybe) trail.violation('audit trail', { service, kind, sure, maybe, told });
    }
  }
}

async function readAudit({ fleet }: Subject): Promise<AuditEvent[]> {
  const events: AuditEvent[] = [];
  let after: string | null | undefined;
  do {
    const query = after ? `&after=${encodeURIComponent(after)}` : '';
    const page = await fleet.coordinators[0]!.call('GET', `/v1/audit?limit=1000${query}`);
    events.push(...((page.body.items ?? []) as AuditEvent[]));
    after = page.body.next;
  } while (after);
  return events;
}
