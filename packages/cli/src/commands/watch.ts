import type { WatchEvent } from '@portolan/client';
import {
  Assignment,
  Finding,
  formatEndpoint,
  Host,
  HostListener,
  type StreamEvent,
  Topic,
  topics,
} from '@portolan/model';
import { Command, InvalidArgumentError } from 'commander';
import { interval } from '../argument.ts';
import { paint, plain, say } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';

interface Options extends RemoteOptions {
  topic?: Topic[];
  project?: string;
  service?: string;
  host?: string;
  ports?: { from: number; to: number };
  position?: string;
}

export function watch(): Command {
  return remote(new Command('watch'))
    .description(
      'Follow what changes, a line an event, over lost connections too. Without --topic: assignments and findings.',
    )
    .option('--topic <topic>', `${topics.join(', ')}; may stand several times`, topic)
    .option('--project <name>', 'of this project')
    .option('--service <project/name>', 'of this service')
    .option('--host <id>', 'of this host')
    .option('--ports <ports>', 'of these ports: 3000-3999', interval)
    .option('--position <position>', 'go on after this position, rather than begin with what is there')
    .addHelpText(
      'after',
      examples(
        'portolan watch',
        'portolan watch --topic finding --json | jq .',
        'portolan watch --topic listener --ports 3000-3999',
      ),
    )
    .action(async (options: Options) => {
      const client = await clientOf(options);
      // One round trip first: a wrong address or token is told at once rather than tried for ever.
      await client.hosts({ limit: 1 });
      const ended = new AbortController();
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
      const { project, service, host, ports, position } = options;
      const events = client.watch({
        topics: options.topic ?? ['assignment', 'finding'],
        filter: { project, service, host, ports },
        position,
        signal: ended.signal,
      });
      for await (const event of events) {
        if (options.json) say(JSON.stringify(event));
        else for (const line of told(event)) say(line);
      }
    });
}

function topic(text: string, before: Topic[] = []): Topic[] {
  const parsed = Topic.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(`Topics are ${topics.join(', ')}.`);
  return [...before, parsed.data];
}

function told(event: WatchEvent): string[] {
  switch (event.type) {
    case 'snapshot':
      return event.entries.map((entry) => `  ${line(entry)}`);
    case 'synced':
      return [paint('dim', '-- live --')];
    case 'reset':
      return [paint('dim', `-- begin again (${event.reason}) --`)];
    case 'change':
      return event.events.map(
        (change) => `${change.op === 'put' ? paint('green', '+') : paint('red', '-')} ${line(change)}`,
      );
  }
}

function line({ topic, key, value }: StreamEvent): string {
  return `${topic.padEnd(10)} ${plain(content(topic, value) ?? key.slice(key.indexOf('/') + 1))}`;
}

function content(topic: Topic, value: unknown): string | undefined {
  switch (topic) {
    case 'assignment': {
      const { data } = Assignment.safeParse(value);
      return data && `${data.protocol} ${data.port} ${formatEndpoint(data.endpoint)}`;
    }
    case 'finding': {
      const { data } = Finding.safeParse(value);
      return data && `${data.state} ${data.severity} ${data.summary}`;
    }
    case 'listener': {
      const { data } = HostListener.safeParse(value);
      return (
        data &&
        `${data.protocol} ${data.address}:${data.port} on ${data.host} ${data.identity?.service ?? data.process?.command ?? '?'}`
      );
    }
    case 'host': {
      const { data } = Host.safeParse(value);
      return data && `${data.name} ${data.state}`;
    }
    default:
      return undefined;
  }
}
