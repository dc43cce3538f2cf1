import type { Command } from 'commander';

/** The commands by name, each loaded only when it is wanted. */
export type CommandTable = Record<string, { summary: string; load: () => Promise<Command>; alias?: string }>;
