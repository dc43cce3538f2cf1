import { rendering } from './problem-text.ts';
import { program } from './program.ts';

const arguments_ = process.argv.slice(2);
const json = arguments_.slice(0, arguments_.includes('--') ? arguments_.indexOf('--') : undefined).includes('--json');

// Whoever reads may have read enough: `portolan ls | head -1`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

try {
  await (await program(arguments_, json)).parseAsync(arguments_, { from: 'user' });
} catch (thrown) {
  const { text, exit } = rendering(thrown, json);
  process.stderr.write(text);
  process.exitCode = exit;
}
