import type { Finding, Host } from '@portolan/model';
import type { PortState } from '../data/port-cells.ts';

/** Told by shape and word, not by colour alone. */
export function Severity({ finding }: { finding: Pick<Finding, 'severity' | 'state'> }) {
  const quiet = finding.state !== 'open';
  const word = finding.state === 'open' ? finding.severity : finding.state;
  return <span class={`badge ${quiet ? 'quiet' : finding.severity}`}>{word}</span>;
}

const hostWords = { alive: 'up', unreachable: 'unreachable', left: 'left' } as const;

export function HostState({ state }: Pick<Host, 'state'>) {
  return (
    <span class={`badge ${state === 'alive' ? 'ok' : state === 'left' ? 'quiet' : 'warning'}`}>{hostWords[state]}</span>
  );
}

export const portStateWords: Record<PortState, string> = {
  wrong: 'has a finding',
  bound: 'assigned and listening',
  leased: 'leased, nobody listens yet',
  promised: 'assigned, nobody listens yet',
  observed: 'seen, not assigned',
  resting: 'rests after a lease',
  blocked: 'blocked',
  range: 'free, in a range',
  free: 'free',
};

export function PortStateChip({ state }: { state: PortState }) {
  return (
    <span class="port-state">
      <i class={`swatch ${state}`} aria-hidden="true" />
      {portStateWords[state]}
    </span>
  );
}
