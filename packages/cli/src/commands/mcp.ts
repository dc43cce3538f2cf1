import type { PortolanClient } from '@portolan/client';
import { Command } from 'commander';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';
import { writeError } from '../terminal.ts';
import { version } from '../version.ts';

export function mcp(): Command {
  return remote(new Command('mcp'))
    .description(
      'Serve AI agents by the Model Context Protocol on stdin and stdout: they allocate, release and look up ports. ' +
        'A coordinator serves the same at /mcp. It never ends a process.',
    )
    .addHelpText('after', examples('portolan mcp', 'claude mcp add portolan -- portolan mcp'))
    .action(async (options: RemoteOptions) => {
      const { mcpOverStdio } = await import('@portolan/mcp');
      let client: PortolanClient | undefined;
      // A token or a coordinator that is missing now may be there at the next call.
      const open = async () => (client ??= await clientOf(options));
      await mcpOverStdio(version(), open, (error) => writeError(`portolan mcp: ${error.message}\n`));
    });
}
