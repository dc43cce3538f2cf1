import type { Finding } from '@portolan/model';
import { Severity } from './badge.tsx';
import { findingPath } from './links.tsx';
import { Ago } from './time.tsx';
import { titleOf } from './words.ts';

/** The findings about what a page shows. */
export function FindingLines({ findings }: { findings: readonly Finding[] }) {
  return (
    <section class="panel">
      <h2>Findings</h2>
      <ol class="newest">
        {findings.map((finding) => (
          <FindingLine key={finding.id} finding={finding} />
        ))}
      </ol>
    </section>
  );
}

export function FindingLine({ finding }: { finding: Finding }) {
  return (
    <li class={finding.state === 'open' ? finding.severity : 'quiet'}>
      <p class="newest-head">
        <Severity finding={finding} />
        <a class="newest-title" href={findingPath(finding.id)}>
          {titleOf(finding)}
        </a>
        <Ago at={finding.firstSeen} />
      </p>
      <p class="summary">{finding.summary}</p>
    </li>
  );
}
