import type { Fact } from '../fact.ts';
import { namesOfHost, scopeOf } from './address-text.ts';
import type { Importer } from './importer.ts';
import { entryOf, jsonLiteral, type Literal } from './literal-tree.ts';
import { portOf } from './port-number.ts';
import type { SourceFile } from './source-file.ts';

/** `devcontainer.json`: the ports that an editor forwards to the machine in front of it. Who has them, others tell. */
export const devcontainer: Importer = {
  name: 'devcontainer',
  matches: (path) => /(?:^|\/)\.?devcontainer\.json$/.test(path),
  worth: (text) => /[pP]ort/.test(text),
  sizeMax: 1 << 18,
  read: (file) => ({ facts: [...forwarded(file)], notes: [] }),
};

function* forwarded(file: SourceFile): Generator<Fact> {
  const settings = jsonLiteral(file);
  for (const key of ['forwardPorts', 'appPort']) {
    const value = entryOf(settings, key);
    for (const item of value?.type === 'list' ? value.items : value ? [value] : []) yield* mention(file, item);
  }
}

/** `3000`, or `db:5432` for the container of that name. */
function* mention(file: SourceFile, item: Literal): Generator<Fact> {
  if (item.type !== 'text') return;
  const [, host = 'localhost', digits = ''] = /^(?:([\w.-]{1,253}):)?(\d{2,5})$/.exec(item.text) ?? [];
  const port = portOf(digits);
  if (port === undefined) return;
  yield {
    kind: 'refers',
    importer: 'devcontainer',
    place: file.place(item.offset + item.text.length - digits.length, digits.length),
    port,
    protocol: 'tcp',
    names: namesOfHost(host),
    host,
    scope: scopeOf(host),
    sure: 'certain',
  };
}
