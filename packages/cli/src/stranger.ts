import type { PortolanError } from '@portolan/model';

/**
 * What to do about a `stranger`, as `doctor` tells it. Most often it is the user's own program, run as another user: so
 * nobody is told to end it.
 */
export function strangerRemedy({ data }: PortolanError, whose: 'coordinator' | 'agent'): string {
  if (typeof data.trust !== 'string') return 'PORTOLAN_TRUST_USER=* where every user of this machine is trusted';
  return `if that is your ${whose}: export PORTOLAN_TRUST_USER=${data.trust}; else find out who started it`;
}
