import { Command } from 'commander';
import { createLogUpdate } from 'log-update';
import { paint, say, sayJson } from '../output.ts';
import { clientOf, examples, type RemoteOptions, remote } from '../remote.ts';
import { harmless } from '../terminal.ts';
import { frame } from '../top/frame.ts';
import { followed, View } from '../top/view.ts';

interface Options extends RemoteOptions {
  once?: boolean;
}

/** As often as a person can read it, ms: a burst of changes is one frame. */
const FRAME_EVERY = 250;
const ENTER_SCREEN = '\u001b[?1049h\u001b[?25l';
/** q, Ctrl-C, Escape: in raw mode the terminal makes no signals of them. */
const END_KEYS = new Set(['q', 'Q', '\u0003', '\u001b']);
const LEAVE_SCREEN = '\u001b[?25h\u001b[?1049l';

export function top(): Command {
  return remote(new Command('top'))
    .description('Watch the fleet in the terminal: findings, ranges, hosts, and what changes. q or Ctrl-C ends it.')
    .option('--once', 'show it once and end; so, too, when the output is no terminal')
    .addHelpText('after', examples('portolan top', 'portolan top --once'))
    .action(async (options: Options) => {
      const client = await clientOf(options);
      // One round trip first: a wrong address or token is told at once rather than tried for ever.
      await client.self();
      const ended = new AbortController();
      const view = new View();
      const once = options.once || options.json || !process.stdout.isTTY;
      const stop = once ? () => {} : onScreen(view, () => client.url, ended);
      try {
        for await (const event of client.watch({
          topics: followed,
          signal: ended.signal,
          lost: () => view.lost(Date.now()),
          readiness: (said) => {
            view.readiness = said;
          },
        })) {
          view.take(event, Date.now());
          if (once && event.type === 'synced') break;
        }
      } finally {
        stop();
      }
      if (!once) return;
      if (options.json) sayJson(summary(view));
      else say(lines(view, client.url, Number.POSITIVE_INFINITY).join('\n'));
    });
}

/** Draws until it is told to stop; gives the terminal back as it was. */
function onScreen(view: View, url: () => string, ended: AbortController): () => void {
  const { stdin, stdout } = process;
  const log = createLogUpdate(stdout, { showCursor: true });
  const end = () => ended.abort();
  const key = (bytes: Buffer) => {
    if (END_KEYS.has(bytes.toString())) end();
  };
  const draw = () => log(harmless(lines(view, url(), stdout.rows).join('\n')));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  stdout.write(ENTER_SCREEN);
  if (stdin.isTTY) stdin.setRawMode(true).on('data', key).resume();
  stdout.on('resize', draw);
  const timer = setInterval(draw, FRAME_EVERY);
  draw();
  return () => {
    clearInterval(timer);
    stdout.off('resize', draw);
    log.clear();
    stdout.write(LEAVE_SCREEN);
    if (stdin.isTTY) stdin.setRawMode(false).off('data', key).pause();
  };
}

function lines(view: View, url: string, rows: number): string[] {
  const columns = process.stdout.columns ?? 120;
  return frame(view, { columns, rows, url, now: Date.now(), paint });
}

function summary(view: View) {
  const hosts = Array.from(view.hosts.values());
  return {
    findings: view.standing(),
    hosts: { known: hosts.length, alive: hosts.filter(({ state }) => state === 'alive').length },
    assignments: view.assignments.size,
    ...(view.readiness && { readiness: view.readiness }),
    ranges: Array.from(view.fill(), ([name, used]) => ({ name, used })),
  };
}
