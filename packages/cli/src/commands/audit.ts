import { type AuditAction, type AuditEvent, auditActions } from '@portolan/model';
import { Command } from 'commander';
import { oneOf, port, positive } from '../argument.ts';
import { plain, say, sayJson, table } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';

interface Options extends RemoteOptions {
  action?: AuditAction;
  actor?: string;
  port?: number;
  project?: string;
  since?: string;
  count: number;
}

export function audit(): Command {
  return remote(new Command('audit'))
    .description('Tell who did what to what, when and from where, newest first. For admins and operators.')
    .option('--action <action>', auditActions.join(', '), oneOf(...auditActions))
    .option('--actor <token>', 'id or name of a token')
    .option('--port <port>', 'what happened to this port', port)
    .option('--project <name>', 'what happened to ports of this project')
    .option('--since <time>', 'not before this ISO time: 2026-11-21T08:00:00Z')
    .option('--count <n>', 'how many at most', positive, 50)
    .addHelpText(
      'after',
      examples('portolan audit', 'portolan audit --port 3050', 'portolan audit --action refused --json'),
    )
    .action(async ({ count, url, token, json, ...query }: Options) => {
      const client = await clientOf({ url, token });
      const { items } = await client.audit({ ...query, limit: Math.min(count, 10_000) });
      if (json) sayJson({ items });
      else say(items.length === 0 ? 'Nothing is known.' : table(['WHEN', 'WHO', 'FROM', 'DID', 'TO'], items.map(row)));
    });
}

function row({ at, actor, holder, address, action, targets, detail, times }: AuditEvent): string[] {
  const what = targets.map(({ key, of }) => `${shortened(key)}${of === null ? '' : ` ${of}`}`).join(', ');
  const often = times > 1 ? ` (${times} times)` : '';
  return [
    at.slice(0, 19).replace('T', ' '),
    plain(`${actor.name} (${actor.role})${holder === undefined ? '' : ` as ${holder}`}`),
    address ?? '-',
    action,
    plain((detail ?? what) + often),
  ];
}

/** `tcp/3050` for an assignment, `tcp/3050 on h1` for a listener; of other kinds the kind tells what it is. */
function shortened(key: string): string {
  return key.replace(/^assignment\//, '').replace(/^listener\/([^/]+)\/(\w+)\/[^/]+\/(\d+)\/.*/, '$2/$3 on $1');
}
