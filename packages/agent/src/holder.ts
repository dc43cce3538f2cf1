import { fateOf, ownProcess } from '@portolan/client/holding-process';
import { formatHolder, type HolderState, parseHolder } from '@portolan/model';

/** Names this process to those that it starts, so that an agent can tell whether it lives: the value of `PORTOLAN_HOLDER`. */
export function nameAsHolder(): string | undefined {
  return formatHolder(ownProcess());
}

/** @returns `undefined` when it cannot be told: nobody is named, or somebody whose pid means something else here */
export function holderState(name: string | null): HolderState | undefined {
  const holder = parseHolder(name ?? '');
  if (!holder) return undefined;
  const fate = fateOf(holder);
  if (fate === 'unknown') return undefined;
  return fate === 'ended' ? 'gone' : 'alive';
}
