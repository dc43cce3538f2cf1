import { allItems } from '@portolan/client';
import { type EndInput, PortolanError } from '@portolan/model';
import { Command } from 'commander';
import { graceTime } from '../argument.ts';
import { exitCodes } from '../exit-code.ts';
import { plain, say, sayJson } from '../output.ts';
import { confirmed } from '../question.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';
import { writeError } from '../terminal.ts';
import { describeVictim, processesOf, type Victim, victimsOf } from '../victim.ts';
import { told } from './kill.ts';

interface Options extends RemoteOptions {
  host?: string;
  grace?: number;
  dryRun?: boolean;
  yes?: boolean;
}

export function prune(): Command {
  return remote(new Command('prune'))
    .description(
      'Show the orphans, and end them when you say yes: processes that were started with a lease (by "portolan run") whose ' +
        'holder has died while they went on listening.',
    )
    .option('--host <host>', 'on this host alone, by id or name')
    .option('--grace <time>', 'how long they may take to end by themselves: 5s', graceTime)
    .option('-n, --dry-run', 'show them, and end nothing')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', examples('portolan prune --dry-run', 'portolan prune', 'portolan prune --host build-7 --yes'))
    .action(async ({ host, grace, dryRun, yes = false, json, ...options }: Options) => {
      const client = await clientOf(options);
      const found = await allItems((query) => client.orphans(query), { ...(host && { host }), consistent: true });
      const hosts = await allItems((query) => client.hosts(query), {});
      const orphans = victimsOf(found, (id) => hosts.find((each) => each.id === id)?.name ?? id);
      if (!json)
        say(orphans.length === 0 ? 'There are no orphans.' : orphans.map((each) => describeVictim(each)).join('\n'));
      if (dryRun || orphans.length === 0) {
        if (json) sayJson({ orphans: found });
        return;
      }
      await confirmed(orphans.length === 1 ? 'End it?' : `End these ${orphans.length}?`, yes);

      const results = [];
      const done = new Set<string>();
      for (const orphan of orphans) {
        const { process: each } = orphan.listeners[0];
        const id = `${orphan.host.id} ${each?.pid} ${each?.startedAt}`;
        // A process with several ports is ended once.
        if (done.has(id)) continue;
        done.add(id);
        const request = requestOf(orphan, grace);
        const result = await client.endListener(request).catch((error: unknown) => {
          if (error instanceof PortolanError) return error;
          throw error;
        });
        results.push(
          result instanceof PortolanError
            ? { ...request, problem: result.toProblem() }
            : { ...request, endings: result.endings },
        );
        if (result instanceof PortolanError) {
          process.exitCode = exitCodes.refused.code;
          if (!json) writeError(`portolan: ${plain(result.message)}.\n`);
        } else if (!json) for (const ending of result.endings) say(told(ending, orphan.port));
      }
      if (json) sayJson({ results });
    });
}

function requestOf(orphan: Victim, grace: number | undefined): EndInput {
  const { host, protocol, port } = orphan;
  return {
    host: host.id,
    protocol,
    port,
    processes: processesOf([orphan]),
    orphan: true,
    ...(grace !== undefined && { grace }),
  };
}
