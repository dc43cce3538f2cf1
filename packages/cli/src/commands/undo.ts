import { realpathSync } from 'node:fs';
import { PortolanError } from '@portolan/model';
import { Command } from 'commander';
import { say, sayJson } from '../output.ts';
import { diffText, openLedger } from '../plan-write.ts';
import { confirmed } from '../question.ts';
import { examples } from '../remote.ts';

interface Options {
  yes?: boolean;
  json?: boolean;
}

export function undo(): Command {
  return new Command('undo')
    .description(
      'Take back what "portolan plan --write", "add" or "docs" wrote last in a folder, all or nothing; again for what was before that.',
    )
    .argument('[folder]', 'the folder that was written to', '.')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'answer in JSON, errors as problem JSON on stderr')
    .addHelpText('after', examples('portolan undo', 'portolan undo services --yes'))
    .action(async (folder: string, { yes = false, json }: Options) => {
      const root = realpathSync(folder);
      const ledger = openLedger();
      try {
        ledger.recover();
        const last = ledger.last(root);
        if (!last) throw new PortolanError('not-found', `Nothing is known to have been written in ${root}`, { root });
        const backwards = last.changes.map(({ file, before, after }) => ({ file, before: after, after: before }));
        if (!json) say(`${last.summary}, in ${last.root}, at ${last.at}\n${diffText(backwards)}`);
        await confirmed('Take this back?', yes);
        ledger.undo(last);
        const files = last.changes.map(({ file }) => file);
        if (json) sayJson({ undone: last.summary, root: last.root, at: last.at, files });
        else say(`${files.length} ${files.length === 1 ? 'file is' : 'files are'} as before.`);
      } finally {
        ledger.close();
      }
    });
}
