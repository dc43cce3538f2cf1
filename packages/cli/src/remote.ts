import type { PortolanClient } from '@portolan/client';
import type { Command } from 'commander';

export interface RemoteOptions {
  url?: string;
  token?: string;
  json?: boolean;
}

/** Gives a command the options of all that talk to a coordinator. */
export function remote(command: Command): Command {
  return command
    .option(
      '--url <url>',
      'coordinator, or several parted by commas (default: PORTOLAN_URL, else that of your "portolan up", else http://127.0.0.1:7678)',
    )
    .option(
      '--token <token>',
      'token; better in PORTOLAN_TOKEN, where other users cannot see it (default: the token file)',
    )
    .option('--json', 'answer in JSON, errors as problem JSON on stderr');
}

/** A person waits, so each coordinator is tried once. @param timeout of each request, ms */
export async function clientOf(
  { url, token }: RemoteOptions,
  signal?: AbortSignal,
  timeout?: number,
): Promise<PortolanClient> {
  const { fromEnvironment } = await import('@portolan/client/node');
  return fromEnvironment({
    patience: 0,
    url: url?.split(','),
    token,
    ...(signal && { signal }),
    ...(timeout && { timeout }),
  });
}

/** Collects an option that may stand several times. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

export function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}
