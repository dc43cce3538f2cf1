import { runFaults } from './command.ts';

// By `exit`, which ends what was started.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

process.exitCode = await runFaults(process.argv.slice(2));
// Connections are kept open for the next request, and would hold the process.
process.exit();
