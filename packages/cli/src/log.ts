import type { Logger } from 'pino';

export const levels = ['silent', 'error', 'warn', 'info', 'debug', 'trace'] as const;

/** The log of a daemon: JSON lines on stderr, so that stdout keeps to what was asked for. */
export async function logger(level: string): Promise<Logger> {
  const { destination, pino } = await import('pino');
  return pino({ level }, destination({ dest: 2, sync: true }));
}
