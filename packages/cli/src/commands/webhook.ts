import { allItems } from '@portolan/client';
import {
  findingKinds,
  PortolanError,
  severities,
  type WebhookInput,
  type WebhookView,
  webhookFormats,
} from '@portolan/model';
import { Command } from 'commander';
import { oneOf } from '../argument.ts';
import { exitCodes } from '../exit-code.ts';
import { paint, plain, say, sayJson, table } from '../output.ts';
import { clientOf, collect, examples, type RemoteOptions, remote } from '../remote.ts';
import { writeError } from '../terminal.ts';

interface SetOptions extends RemoteOptions {
  format: NonNullable<WebhookInput['format']>;
  severity: NonNullable<WebhookInput['severity']>;
  kind?: string[];
}

export function webhook(): Command {
  const command = new Command('webhook').description(
    'Webhooks: who is told of findings as they come and go. Only an admin sets, tests and removes them.',
  );
  command.addCommand(
    remote(new Command('set'))
      .description('make or change a webhook')
      .argument('<name>', 'name of the webhook')
      .argument('<receiver>', 'its URL; - reads it from standard input, where other users cannot see it')
      .option('--format <format>', webhookFormats.join(', '), oneOf(...webhookFormats), 'json')
      .option('--severity <severity>', 'the lightest that is sent', oneOf(...severities), 'warning')
      .option('--kind <kind>', `only this kind; may stand several times: ${findingKinds.join(', ')}`, kinds)
      .addHelpText(
        'after',
        examples(
          'portolan webhook set ops https://ops.example.net/portolan',
          'portolan webhook set slack - --format slack --severity error < slack-url.txt',
          'portolan webhook set alerts http://127.0.0.1:9093/api/v2/alerts --format alertmanager',
        ),
      )
      .action(async (name: string, receiver: string, { format, severity, kind, ...options }: SetOptions) => {
        const client = await clientOf(options);
        const url = receiver === '-' ? await standardInput() : receiver;
        const answer = await client.setWebhook(name, {
          url,
          format,
          severity,
          kinds: (kind as WebhookInput['kinds']) ?? null,
        });
        if (options.json) return sayJson(answer);
        const told = `webhook ${name} is ${answer.created ? 'set' : 'changed'}; try it with "portolan webhook test ${name}"`;
        say(answer.secret && format === 'json' ? `${told}\n${secretText(answer.secret)}` : told);
      }),
  );
  command.addCommand(
    remote(new Command('test'))
      .description('send a test now, and tell what became of it')
      .argument('<name>', 'name of the webhook')
      .addHelpText('after', examples('portolan webhook test ops'))
      .action(async (name: string, options: RemoteOptions) => {
        const test = await (await clientOf(options)).testWebhook(name);
        if (options.json) sayJson(test);
        else say(test.ok ? `${name} took it (${test.status}, ${test.took} ms)` : `${name}: ${plain(test.error ?? '')}`);
        if (!test.ok) process.exitCode = exitCodes.failed.code;
      }),
  );
  command.addCommand(
    remote(new Command('ls'))
      .alias('list')
      .description('list the webhooks, and how far each has been told')
      .addHelpText('after', examples('portolan webhook ls'))
      .action(async (options: RemoteOptions) => {
        const client = await clientOf(options);
        const items = await allItems((query) => client.webhooks(query), {});
        if (options.json) return sayJson({ items });
        if (items.length === 0) return say('Nobody is told of findings. "portolan webhook set" changes that.');
        say(table(['NAME', 'FORMAT', 'FROM', 'RECEIVER', 'TOLD', 'WAITING', 'LAST', 'TROUBLE'], items.map(row)));
      }),
  );
  command.addCommand(
    remote(new Command('rm'))
      .description('remove a webhook; what waits for it is given up')
      .argument('<name>', 'name of the webhook')
      .addHelpText('after', examples('portolan webhook rm ops'))
      .action(async (name: string, options: RemoteOptions) => {
        await (await clientOf(options)).removeWebhook(name);
        if (options.json) sayJson({ removed: name });
        else say(`webhook ${name} is removed`);
      }),
  );
  return command;
}

function kinds(text: string, before?: string[]): string[] {
  return collect(oneOf(...findingKinds)(text), before);
}

function row({
  name,
  format,
  severity,
  url,
  delivered,
  pending,
  dropped,
  lastDelivered,
  error,
}: WebhookView): string[] {
  return [
    name,
    format,
    severity,
    plain(url),
    dropped > 0 ? `${delivered} (${dropped} given up)` : String(delivered),
    String(pending),
    lastDelivered?.slice(0, 16).replace('T', ' ') ?? 'never',
    plain(error ?? '-'),
  ];
}

function secretText(secret: string): string {
  return [
    `secret  ${secret}`,
    paint('dim', 'Shown this once. Each request is signed with it: see docs/alerts.md for how to check that.'),
  ].join('\n');
}

async function standardInput(): Promise<string> {
  if (process.stdin.isTTY) writeError('URL of the receiver: ');
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    const line = String(chunk).trim();
    if (line !== '') {
      process.stdin.destroy();
      return line;
    }
  }
  throw new PortolanError('invalid-request', 'Standard input has no URL; write it there, or name it instead of -.');
}
