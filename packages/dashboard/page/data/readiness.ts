import type { Readiness } from '@portolan/model';
import { signal } from '@preact/signals';

/** What the coordinator said last of itself; `undefined` until it does. */
export const readiness = signal<Readiness | undefined>(undefined);
