import { CommanderError } from 'commander';
import { program } from './program.ts';
import { writeError, writeJson } from './terminal.ts';

const arguments_ = process.argv.slice(2);
const json = arguments_.slice(0, arguments_.includes('--') ? arguments_.indexOf('--') : undefined).includes('--json');

// Whoever reads may have read enough: `portolan ls | head -1`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

try {
  await (await program(arguments_, json)).parseAsync(arguments_, { from: 'user' });
} catch (thrown) {
  // Help and version come this way, too.
  if (!(thrown instanceof CommanderError && thrown.exitCode === 0)) await tell(thrown);
}

async function tell(thrown: unknown): Promise<void> {
  // Loaded only now: the schemas that it brings along take longer than all the rest.
  const { rendering } = await import('./problem-text.ts');
  const { problem, text, exit } = rendering(thrown, json, arguments_);
  if (problem) writeJson(problem, 'stderr');
  else writeError(text);
  process.exitCode = exit;
}
