import type { Finding, Host } from '@portolan/model';
import type { PortState } from '../data/port-cells.ts';

/** Told by shape and word, not by colour alone. How bad it is stays to be seen when somebody has acknowledged it. */
export function Severity({ finding: { severity, state } }: { finding: Pick<Finding, 'severity' | 'state'> }) {
  if (state === 'open') return <span class={`badge ${severity}`}>{severity}</span>;
  return (
    <span class="badges">
      <span class="badge quiet">{severity}</span>
      <span class="state">{state}</span>
    </span>
  );
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
