import type { Party, Verdict } from './finding.ts';

/** What every verdict has to say; the rest is that of a matter of no port and nobody, unless it is given. */
type Told = Pick<Verdict, 'id' | 'kind' | 'severity' | 'summary'> & Partial<Verdict>;

/** A verdict, with its texts cut to what they may be. */
export function verdictOf({ id, kind, severity, summary, ...rest }: Told): Verdict {
  return clipped({
    id,
    kind,
    severity,
    class: null,
    maskedBy: null,
    protocol: null,
    port: null,
    parties: [],
    summary,
    remedies: [],
    ...rest,
  });
}

/** A host, where the matter is the host's and no service's. */
export function hostParty({ id, name }: { readonly id: string; readonly name: string }): Party {
  return {
    service: null,
    claim: 'observed',
    endpoint: null,
    host: { id, name },
    address: null,
    netns: null,
    pid: null,
    command: null,
    user: null,
    container: null,
    evidence: null,
    since: null,
  };
}

/** Names may be long; a verdict's texts have bounds. */
export function clipped(verdict: Verdict): Verdict {
  const clip = (text: string, most: number) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
  return {
    ...verdict,
    summary: clip(verdict.summary, 1000),
    remedies: verdict.remedies.map((text) => clip(text, 300)),
  };
}
