import type { Case } from './case.ts';

/** By the name that they are asked for by. */
export const CASES: Readonly<Record<string, Case>> = {};
